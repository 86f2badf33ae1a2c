use super::*;
use proptest::prelude::*;

fn at(millis: u64) -> Monotonic {
    Monotonic(Duration::from_millis(millis))
}

#[test]
fn a_key_added_many_times_comes_out_once() {
    let mut queue = WorkQueue::default();
    for _ in 0..3 {
        queue.add('a');
    }
    queue.add('b');
    assert_eq!(
        (queue.pop(at(0)), queue.pop(at(0)), queue.pop(at(0))),
        (Some('a'), Some('b'), None)
    );
}

#[test]
fn a_key_added_while_it_runs_runs_once_more() {
    let mut queue = WorkQueue::default();
    queue.add('a');
    assert_eq!(queue.pop(at(0)), Some('a'));
    queue.add('a');
    queue.add('a');
    assert_eq!(queue.pop(at(0)), None);
    queue.finish(&'a', at(1), Outcome::Done, 0);
    assert_eq!(queue.pop(at(1)), Some('a'));
    queue.finish(&'a', at(2), Outcome::Done, 0);
    assert!(queue.is_empty());
}

#[test]
fn failures_in_a_row_wait_longer_and_success_forgets_them() {
    let mut queue = WorkQueue::default();
    queue.add('a');
    let mut now = at(0);
    for ceiling in [5, 10, 20, 40] {
        assert_eq!(queue.pop(now), Some('a'));
        queue.finish(&'a', now, Outcome::Failed, 0);
        let due = queue.next_due(now).unwrap();
        assert_eq!(due - now, Duration::from_millis(ceiling) / 2);
        assert_eq!(queue.pop(now), None, "not before it is due");
        now = due;
    }
    assert_eq!(queue.failures(&'a'), 4);
    assert_eq!(queue.pop(now), Some('a'));
    queue.finish(&'a', now, Outcome::Done, 0);
    assert_eq!(queue.failures(&'a'), 0);
}

#[test]
fn the_earliest_of_several_wishes_counts() {
    let mut queue = WorkQueue::default();
    queue.add_at('a', at(30));
    queue.add_at('a', at(10));
    queue.add_at('a', at(20));
    assert_eq!(queue.next_due(at(0)), Some(at(10)));
    assert_eq!(queue.pop(at(9)), None);
    assert_eq!(queue.pop(at(10)), Some('a'));
    queue.finish(&'a', at(10), Outcome::After(Duration::from_millis(5)), 0);
    queue.add('a');
    assert_eq!(queue.pop(at(10)), Some('a'), "an event does not wait for the requeue");
    queue.finish(&'a', at(11), Outcome::Done, 0);
    assert!(queue.is_empty(), "and the run it asked for has happened");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u8),
    AddAt(u8, u64),
    Pop,
    Finish(u8, Outcome),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        Just(Outcome::Done),
        (0u64..20).prop_map(|ms| Outcome::After(Duration::from_millis(ms))),
        Just(Outcome::Failed),
    ];
    prop_oneof![
        (0u8..4).prop_map(Step::Add),
        (0u8..4, 0u64..40).prop_map(|(key, due)| Step::AddAt(key, due)),
        Just(Step::Pop),
        (0u8..4, outcome).prop_map(|(key, outcome)| Step::Finish(key, outcome)),
        (0u64..15).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Against a model that keeps, per key, whether it runs and the earliest time it is owed a run.
    #[test]
    fn nothing_runs_twice_early_or_never(steps in prop::collection::vec(step(), 1..120)) {
        let mut queue = WorkQueue::default();
        let mut now = at(0);
        let mut running: BTreeSet<u8> = BTreeSet::new();
        let mut owed: BTreeMap<u8, Monotonic> = BTreeMap::new();
        let owe = |owed: &mut BTreeMap<u8, Monotonic>, key: u8, due: Monotonic| {
            let earliest = owed.entry(key).or_insert(due);
            *earliest = due.min(*earliest);
        };
        let mut failures: BTreeMap<u8, u32> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Add(key) => {
                    queue.add(key);
                    owe(&mut owed, key, now);
                }
                Step::AddAt(key, due) => {
                    queue.add_at(key, at(due));
                    owe(&mut owed, key, at(due));
                }
                Step::Pass(millis) => now = now + Duration::from_millis(millis),
                Step::Pop => {
                    let free = owed.iter().any(|(key, due)| !running.contains(key) && *due <= now);
                    let popped = queue.pop(now);
                    prop_assert_eq!(popped.is_some(), free);
                    if let Some(key) = popped {
                        prop_assert!(running.insert(key), "handed out while it ran");
                        prop_assert!(owed.remove(&key).is_some_and(|due| due <= now), "early");
                    }
                }
                Step::Finish(key, outcome) => {
                    if !running.remove(&key) {
                        continue;
                    }
                    queue.finish(&key, now, outcome, 0);
                    let count = failures.entry(key).or_default();
                    *count = if outcome == Outcome::Failed { *count + 1 } else { 0 };
                    match outcome {
                        Outcome::Done => {}
                        Outcome::After(delay) => owe(&mut owed, key, now + delay),
                        Outcome::Failed => {
                            owe(&mut owed, key, now + Backoff::default().delay(*count, 0));
                        }
                    }
                }
            }
            let known: BTreeSet<u8> = owed.keys().chain(&running).copied().collect();
            prop_assert_eq!(queue.len(), known.len());
        }
    }
}
