//! What the data model needs of a whole cluster: quota, the application's own commands, leases that
//! outlive their leader, requests that are sent twice.

use crate::cluster::{PATIENCE, cluster, eventually, free_addresses, leader_first, options, start};
use bytes::Bytes;
use futures::future::join_all;
use quorate_member::{
    Alarm, AlarmKind, Machine, MachineEffects, MachineError, MachineView, Member,
};
use quorate_seams::{ManualClock, Seams, SystemClock, TaskSet};
use quorate_store::{Error, KeyRange, Op, RangeRequest, RequestId, Store, Txn};
use quorate_types::{LeaseId, MemberId, Revision};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const QUOTA: u64 = 24 * 1024 * 1024;

async fn fill(member: &Member) -> Error {
    for number in 0.. {
        let value: Vec<u8> = (0..1_000_000_u32).map(|at| noise(at ^ (number << 20))).collect();
        let put = Txn::put(format!("fill/{number:04}"), value);
        if let Err(error) = member.txn(put).await {
            assert!(number > 10, "full after {number} MB: {error}");
            return error;
        }
    }
    unreachable!("the quota holds")
}

/// Bytes that do not compress.
fn noise(at: u32) -> u8 {
    let mixed = at.wrapping_mul(0x9e37_79b9) ^ (at >> 7);
    mixed.wrapping_mul(0x85eb_ca6b).to_be_bytes()[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_state_refuses_to_grow_until_it_has_shrunk_and_the_alarm_is_disarmed() {
    let root = tempfile::tempdir().unwrap();
    let options = options(root.path(), 1, &free_addresses(1)).quota(QUOTA);
    let member = start(options.clone()).await;
    member.wait_ready(PATIENCE).await.unwrap();
    member.txn(Txn::put("last", "v")).await.unwrap();
    assert_eq!(fill(&member).await, Error::NoSpace);
    let alarm = Alarm { member: MemberId(1), kind: AlarmKind::NoSpace };
    assert_eq!(member.alarms().await.unwrap(), [alarm]);
    let lease = member.lease_grant(LeaseId::NONE, Duration::from_secs(60)).await;
    assert_eq!(lease, Err(Error::NoSpace));
    let nested = Txn::ops([Op::Txn(Txn::default().otherwise([Op::put("k", "v")]))]);
    assert_eq!(member.txn(nested).await, Err(Error::NoSpace), "even in a branch that is not run");

    // It is remembered through a crash, and everything that does not grow goes on.
    member.kill().await;
    let member = start(options).await;
    member.wait_ready(PATIENCE).await.unwrap();
    assert_eq!(member.alarms().await.unwrap(), [alarm]);
    let all = RangeRequest::new(KeyRange::prefix("fill/")).keys_only();
    assert!(member.range(all.clone()).await.unwrap().count > 10);
    let delete = Op::Delete { range: KeyRange::prefix("fill/"), prev_kv: false };
    member.txn(Txn::ops([delete, Op::Range(all)])).await.unwrap();
    // A watch from the compacted revision on is told the previous values, so what a deletion at that
    // very revision removed is kept: one revision later it is not.
    let later = member.txn(Txn::delete("last")).await.unwrap().revision;
    member.compact(later).await.unwrap();
    assert_eq!(member.txn(Txn::put("k", "v")).await, Err(Error::NoSpace), "not by itself");
    eventually("the space is free", async || {
        member.defragment().await.unwrap();
        member.size().await.unwrap() < QUOTA / 2
    })
    .await;
    assert_eq!(member.disarm(alarm).await.unwrap(), []);
    member.txn(Txn::put("k", "v")).await.unwrap();
}

/// Hands out numbers; refuses odd names.
#[derive(Debug)]
struct Tickets;

impl Machine for Tickets {
    fn name(&self) -> &'static str {
        "tickets"
    }

    fn apply(&self, state: &MachineView<'_>, name: Bytes) -> Result<MachineEffects, MachineError> {
        if name.is_empty() {
            return Err(MachineError::Refused("a ticket has a name".to_owned()));
        }
        let key = [b"tickets/", &name[..]].concat();
        let last = state
            .get(&key)?
            .map_or(0, |kv| String::from_utf8_lossy(&kv.value).parse::<u64>().unwrap_or(0));
        let next = (last + 1).to_string();
        Ok(MachineEffects::answer(next.clone()).op(Op::put(key, next)))
    }
}

async fn with_tickets(root: &Path) -> Vec<Member> {
    let addresses = free_addresses(3);
    let mut members = Vec::new();
    for id in 1..=3 {
        members.push(start(options(root, id, &addresses).machine(Arc::new(Tickets))).await);
    }
    leader_first(members).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_the_application_run_once_each_whichever_member_takes_them() {
    let root = tempfile::tempdir().unwrap();
    let members = with_tickets(root.path()).await;
    let draws = (0..60).map(|n| members[n % 3].execute("tickets", "a"));
    let mut drawn: Vec<u64> = join_all(draws)
        .await
        .into_iter()
        .map(|done| String::from_utf8_lossy(&done.unwrap().answer).parse().unwrap())
        .collect();
    drawn.sort_unstable();
    assert_eq!(drawn, (1..=60).collect::<Vec<_>>(), "every number once");
    let found = members[2].range(RangeRequest::key("tickets/a")).await.unwrap();
    assert_eq!((found.kvs[0].version, &*found.kvs[0].value), (60, &b"60"[..]));

    let refused = members[1].execute("tickets", "").await.unwrap_err();
    let reason = "a ticket has a name".to_owned();
    assert_eq!(refused, Error::Refused { machine: "tickets".to_owned(), reason });
    let unknown = members[1].execute("lottery", "a").await.unwrap_err();
    assert!(matches!(unknown, Error::Invalid { .. }), "{unknown}");

    let revision = members[0].status().revision;
    for member in &members {
        eventually("it has caught up", async || member.status().revision >= revision).await;
        let hash = member.hash_kv(revision).await.unwrap();
        assert_eq!(hash, members[0].hash_kv(revision).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_sent_twice_is_applied_once_also_by_another_leader() {
    let root = tempfile::tempdir().unwrap();
    let members = leader_first(cluster(root.path().to_owned(), 3).await).await;
    let request = Txn::put("k", "v").identified(RequestId(0x1234));
    let first = members[1].txn(request.clone()).await.unwrap();
    assert_eq!(members[2].txn(request.clone()).await.unwrap(), first);
    members[0].kill().await;
    // Who is asked need not know yet that the leader is dead: what came of it is unknown then, and the same
    // request asks again.
    let mut again = Vec::new();
    eventually("the outcome is known", async || {
        let outcome = members[1].txn(request.clone()).await;
        again.extend(outcome);
        !again.is_empty()
    })
    .await;
    assert_eq!(again, [first]);
    let found = members[2].range(RangeRequest::key("k")).await.unwrap();
    assert_eq!((found.revision, found.kvs[0].version), (Revision(2), 1));
}

/// Lets a clock go by itself, so that it can be put forward beside.
fn let_go(clock: &Arc<ManualClock>) -> TaskSet {
    let (clock, real) = (Arc::clone(clock), SystemClock::shared());
    let tasks = TaskSet::new();
    tasks.spawn(async move {
        let mut last = real.now();
        loop {
            real.sleep(Duration::from_millis(1)).await;
            let now = real.now();
            clock.advance(now - last);
            last = now;
        }
    });
    tasks
}

async fn with_clock(root: &Path, clock: &Arc<ManualClock>) -> Vec<Member> {
    let addresses = free_addresses(3);
    let mut members = Vec::new();
    for id in 1..=3 {
        let seams = Seams { clock: Arc::clone(clock) as _, ..Seams::system() };
        members.push(Member::start(options(root, id, &addresses), seams).await.unwrap());
    }
    leader_first(members).await
}

async fn hand_over(members: &[Member]) -> &Member {
    let leading = || members.iter().find(|member| member.status().leading().is_some());
    let old = leading().unwrap().id();
    let heir = members.iter().map(Member::id).find(|id| *id != old).unwrap();
    members.iter().find(|member| member.id() == old).unwrap().transfer_leadership(heir).await;
    eventually("another leads", async || leading().is_some_and(|member| member.id() != old)).await;
    leading().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_lease_is_handed_over_and_a_renewal_takes_it_back() {
    let root = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let _going = let_go(&clock);
    let members = with_clock(root.path(), &clock).await;
    let ttl = Duration::from_secs(1000);
    let lease = members[1].lease_grant(LeaseId::NONE, ttl).await.unwrap().id;
    assert!(members[1].lease_time_to_live(lease).await.unwrap().remaining <= ttl);
    clock.advance(Duration::from_secs(700));
    let slack = Duration::from_secs(10);

    let leader = hand_over(&members).await;
    let left = leader.lease_time_to_live(lease).await.unwrap();
    assert_eq!(left.granted, ttl);
    let kept = Duration::from_secs(300);
    assert!(left.remaining >= kept && left.remaining < kept + slack, "{:?}", left.remaining);

    // Renewed under the second leader, it has its whole time under the third.
    assert_eq!(members[2].lease_keep_alive(lease).await.unwrap(), ttl);
    clock.advance(Duration::from_secs(100));
    let leader = hand_over(&members).await;
    let left = leader.lease_time_to_live(lease).await.unwrap().remaining;
    let kept = Duration::from_secs(900);
    assert!(left >= kept && left < kept + slack, "{left:?}");
}
