"""The usual jobs of the package etcd-sdk-python, unmodified, against the server at the given port."""

import sys
import threading

import pyetcd

client = pyetcd.client(host="127.0.0.1", port=int(sys.argv[1]), timeout=20)

client.put("/sdk/a", "1")
assert client.get("/sdk/a")[0] == b"1"
for number in range(5):
    client.put(f"/sdk/list/{number}", str(number))
assert len(list(client.get_prefix("/sdk/list/"))) == 5
assert client.put_if_not_exists("/sdk/once", "x") and not client.put_if_not_exists("/sdk/once", "y")
done, _ = client.transaction(
    compare=[client.transactions.value("/sdk/once") == "x"],
    success=[client.transactions.put("/sdk/txn", "yes")],
    failure=[client.transactions.put("/sdk/txn", "no")],
)
assert done and client.get("/sdk/txn")[0] == b"yes"

events, cancel = client.watch("/sdk/watch")
writer = threading.Timer(0.2, lambda: client.put("/sdk/watch", "v"))
writer.start()
event = next(iter(events))
cancel()
writer.join()
assert event.value == b"v"

lease = client.lease(60)
client.put("/sdk/leased", "v", lease=lease)
assert lease.keys == [b"/sdk/leased"]
lease.revoke()
assert client.get("/sdk/leased")[0] is None

with client.lock("sdk-job", ttl=20) as lock:
    assert lock.is_acquired()

assert len(list(client.members)) == 1
assert client.status().version.startswith("3.")
assert client.delete_prefix("/sdk/").deleted > 0
client.close()
print("etcd-sdk-python has done its jobs")
