"""The usual jobs of the package etcd3, unmodified, against the server at the given port."""

import sys
import threading

import etcd3

client = etcd3.client(host="127.0.0.1", port=int(sys.argv[1]), timeout=20)

client.put("/py/a", "1")
assert client.get("/py/a")[0] == b"1"
value, meta = client.get("/py/a")
assert meta.version == 1 and meta.key == b"/py/a"
for number in range(5):
    client.put(f"/py/list/{number}", str(number))
found = [(value, meta.key) for value, meta in client.get_prefix("/py/list/", sort_order="descend", sort_target="key")]
assert [value for value, _ in found] == [b"4", b"3", b"2", b"1", b"0"], found
assert client.put_if_not_exists("/py/once", "x") is True
assert client.put_if_not_exists("/py/once", "y") is False
assert client.replace("/py/once", "x", "z") is True
done, answers = client.transaction(
    compare=[client.transactions.value("/py/once") == "z", client.transactions.version("/py/a") > 0],
    success=[client.transactions.put("/py/txn", "yes"), client.transactions.get("/py/a")],
    failure=[client.transactions.delete("/py/a")],
)
assert done and answers[1][0][0] == b"1", (done, answers)

events, cancel = client.watch_prefix("/py/watch/")
writer = threading.Timer(0.2, lambda: (client.put("/py/watch/k", "v"), client.delete("/py/watch/k")))
writer.start()
seen = [type(event).__name__ for _, event in zip(range(2), events)]
cancel()
writer.join()
assert seen == ["PutEvent", "DeleteEvent"], seen

lease = client.lease(60)
client.put("/py/leased", "v", lease=lease)
assert lease.granted_ttl == 60 and 0 < lease.remaining_ttl <= 60
assert lease.keys == [b"/py/leased"]
assert [answer.TTL for answer in lease.refresh()] == [60]
lease.revoke()
assert client.get("/py/leased")[0] is None

lock = client.lock("job", ttl=20)
assert lock.acquire(timeout=10)
assert lock.is_acquired()
assert lock.release()

assert len(list(client.members)) == 1
status = client.status()
assert status.version.startswith("3.") and status.db_size > 0
assert client.delete("/py/a") and client.delete_prefix("/py/").deleted > 0
client.compact(client.get_prefix_response("/py/").header.revision)
assert list(client.list_alarms()) == []
client.defragment()
client.close()
print("etcd3 has done its jobs")
