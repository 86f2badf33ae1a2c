use super::world::{Happening, WALL_MS, World, exit, plan, record, started};
use super::*;
use proptest::prelude::*;
use quorate_executor::{ExitCause, ExitRecord, Observed, Stop, TaskId};
use quorate_seams::Monotonic;
use std::time::Duration;

fn task(name: &str, attempt: u32) -> TaskId {
    TaskId { pod: record().uid, name: name.into(), attempt }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A world in which everything that can be up is up.
fn settled(plan: PodPlan) -> World {
    let mut world = World::new(plan);
    world.settle().unwrap();
    world
}

fn exits(world: &mut World, container: usize, code: i32) {
    world.happen(&Happening::Exit { container, code }).unwrap();
    world.settle().unwrap();
}

#[test]
fn every_container_starts_and_a_second_decision_asks_for_nothing() {
    let world = World::new(plan(RestartPolicy::Always, 0, 2));
    let actions = world.decide().actions;
    assert_eq!(actions, [Action::Start(task("main0", 0)), Action::Start(task("main1", 0))]);
    let world = settled(world.plan);
    assert_eq!(world.tasks.len(), 2);
}

#[test]
fn the_policy_decides_which_ends_lead_to_another_run() {
    for (policy, code, again) in [
        (RestartPolicy::Always, 0, true),
        (RestartPolicy::Always, 1, true),
        (RestartPolicy::OnFailure, 0, false),
        (RestartPolicy::OnFailure, 1, true),
        (RestartPolicy::Never, 0, false),
        (RestartPolicy::Never, 1, false),
    ] {
        let mut world = settled(plan(policy, 0, 1));
        exits(&mut world, 0, code);
        assert!(world.tasks.is_empty(), "{policy:?}: the ended run is removed");
        world.now = world.now + secs(1);
        world.settle().unwrap();
        assert_eq!(world.tasks.contains_key(&task("main0", 1)), again, "{policy:?} after {code}");
    }
}

#[test]
fn runs_that_end_at_once_are_repeated_after_growing_waits() {
    let mut world = settled(plan(RestartPolicy::Always, 0, 1));
    for (attempt, wait) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        exits(&mut world, 0, 1);
        let wake = world.decide().wake;
        assert_eq!(wake, Some(world.now + secs(wait)), "before attempt {attempt}");
        world.now = world.now + secs(wait);
        world.settle().unwrap();
        assert!(world.tasks.contains_key(&task("main0", attempt)));
    }
}

#[test]
fn a_wait_goes_on_after_the_agent_restarts_and_a_set_back_clock_does_not_stretch_it() {
    let mut world = settled(plan(RestartPolicy::Always, 0, 1));
    exits(&mut world, 0, 1);
    let back_off = RestartBackOff::default();
    let ended_ms = WALL_MS + 10;
    for (wall, left_ms) in
        [(ended_ms + 400, 600), (ended_ms + 5000, 0), (ended_ms - 3_600_000, 1000)]
    {
        let now = Monotonic(secs(50));
        let history = History::from_record(world.journal.clone(), &back_off, now, wall);
        let left = history.not_before("main0") - now;
        assert_eq!(left.as_millis(), left_ms, "at {wall}");
    }
}

#[test]
fn init_containers_run_one_by_one_before_the_others() {
    let mut world = settled(plan(RestartPolicy::Always, 2, 1));
    assert_eq!(world.tasks.keys().collect::<Vec<_>>(), [&task("init0", 0)]);
    exits(&mut world, 0, 1);
    assert!(world.tasks.is_empty(), "a failed one waits and is repeated");
    world.now = world.now + secs(1);
    world.settle().unwrap();
    exits(&mut world, 0, 0);
    assert_eq!(world.tasks.keys().collect::<Vec<_>>(), [&task("init1", 0)]);
    exits(&mut world, 1, 0);
    assert_eq!(world.tasks.keys().collect::<Vec<_>>(), [&task("main0", 0)]);
}

#[test]
fn a_failed_init_container_of_a_pod_that_never_restarts_ends_the_pod() {
    let mut world = settled(plan(RestartPolicy::Never, 1, 1));
    exits(&mut world, 0, 3);
    world.now = world.now + secs(100);
    world.settle().unwrap();
    assert!(world.tasks.is_empty() && is_over(&world.plan, &world.history));
}

#[test]
fn an_unreachable_task_freezes_its_container() {
    let mut world = settled(plan(RestartPolicy::Always, 0, 1));
    world.cut = true;
    world.now = world.now + secs(10_000);
    let decision = world.decide();
    assert_eq!((decision.actions, decision.history), (vec![], world.history.clone()));
}

#[test]
fn a_failed_probe_stops_the_run_once_and_the_end_leads_to_the_next() {
    let mut world = settled(plan(RestartPolicy::Always, 0, 1));
    world.plan.grace = secs(5);
    let mut seen = world.observation();
    seen.unhealthy.insert("main0".into());
    let back_off = RestartBackOff::default();
    let ask = |world: &World| decide(&world.plan, &world.history, &seen, &back_off, world.now);
    let stop = Action::Stop(task("main0", 0), Stop::Graceful { grace: secs(5) });
    assert_eq!(ask(&world).actions, [stop]);
    let how = Stop::Graceful { grace: secs(5) };
    world.history.note_stop(task("main0", 0), StopRequest { how, at: world.now });
    assert_eq!(ask(&world).actions, []);
    world.now = world.now + secs(15);
    assert_eq!(ask(&world).actions, [Action::Stop(task("main0", 0), Stop::Kill)]);
}

#[test]
fn a_run_that_the_executor_lost_counts_as_ended_and_never_runs_again_under_its_name() {
    let mut world = settled(plan(RestartPolicy::Always, 0, 1));
    world.happen(&Happening::Lose { container: 0 }).unwrap();
    world.settle().unwrap();
    let exit = world.history.record.containers["main0"].ended.as_ref().unwrap();
    assert_eq!(exit.cause, ExitCause::ExecutorLost);
    world.now = world.now + secs(1);
    world.settle().unwrap();
    assert!(world.tasks.contains_key(&task("main0", 1)));
}

#[test]
fn a_deletion_stops_with_grace_removes_and_releases() {
    let mut world = settled(plan(RestartPolicy::Always, 0, 2));
    world.deleting = Some(secs(3));
    let stop = |name| Action::Stop(task(name, 0), Stop::Graceful { grace: secs(3) });
    assert_eq!(world.decide().actions, [stop("main0"), stop("main1")]);
    world.settle().unwrap();
    world.happen(&Happening::StopTakes { container: 0 }).unwrap();
    world.settle().unwrap();
    assert!(!world.released && world.tasks.len() == 1);
    world.happen(&Happening::StopTakes { container: 1 }).unwrap();
    world.settle().unwrap();
    assert!(world.released);
}

#[test]
fn a_shorter_grace_period_overrides_a_longer_one() {
    let mut world = settled(plan(RestartPolicy::Always, 0, 1));
    world.deleting = Some(secs(30));
    world.settle().unwrap();
    world.deleting = Some(secs(0));
    assert_eq!(world.decide().actions, [Action::Stop(task("main0", 0), Stop::Kill)]);
}

#[test]
fn a_busy_container_is_left_alone() {
    let world = World::new(plan(RestartPolicy::Always, 0, 1));
    let mut seen = world.observation();
    seen.busy.insert("main0".into());
    seen.deleting = Some(secs(1));
    let back_off = RestartBackOff::default();
    assert_eq!(decide(&world.plan, &world.history, &seen, &back_off, world.now).actions, []);
}

#[test]
fn trouble_is_told_and_repeated_after_growing_waits_under_the_same_attempt() {
    let mut world = World::new(plan(RestartPolicy::Always, 0, 1));
    let back_off = RestartBackOff::default();
    world.history = world.decide().history;
    let trouble = Trouble { reason: "ErrImagePull", message: "no such image".into() };
    for wait in [1, 2, 4] {
        world.history.note_trouble("main0", trouble.clone(), &back_off, world.now);
        let decision = world.decide();
        assert_eq!((decision.actions, decision.wake), (vec![], Some(world.now + secs(wait))));
        world.now = world.now + secs(wait);
        assert_eq!(world.decide().actions, [Action::Start(task("main0", 0))]);
    }
    world.history.note_trouble("main0", trouble, &back_off, world.now);
    world.history.retry_troubles(world.now);
    assert_eq!(world.decide().actions, [Action::Start(task("main0", 0))]);
}

#[test]
fn a_start_that_fails_is_an_end_like_any_other() {
    let mut world = World::new(plan(RestartPolicy::Always, 0, 1));
    world.history = world.decide().history;
    let cause = ExitCause::StartFailed("no such file".into());
    let end = ExitRecord { cause, code: None, ..exit(0) };
    let mut seen = world.observation();
    seen.tasks.insert(task("main0", 0), Observed::Exited(end.clone()));
    let back_off = RestartBackOff::default();
    let decision = decide(&world.plan, &world.history, &seen, &back_off, world.now);
    assert_eq!(decision.actions, [Action::Remove(task("main0", 0))]);
    assert_eq!(decision.history.record.containers["main0"].ended, Some(end));
}

#[test]
fn a_started_run_is_remembered_once() {
    let world = settled(plan(RestartPolicy::Always, 0, 1));
    assert_eq!(world.journal.containers["main0"].started, Some(started()));
}

fn happening() -> impl Strategy<Value = Happening> {
    let container = 0usize..3;
    prop_oneof![
        6 => proptest::option::of(0usize..3).prop_map(|dies_before| Happening::Decide { dies_before }),
        1 => Just(Happening::DieUnjournalled),
        2 => Just(Happening::DieCreated),
        3 => (container.clone(), 0i32..2).prop_map(|(container, code)| Happening::Exit { container, code }),
        2 => container.clone().prop_map(|container| Happening::StopTakes { container }),
        1 => any::<bool>().prop_map(Happening::Cut),
        1 => container.prop_map(|container| Happening::Lose { container }),
        3 => (0u64..20_000).prop_map(Happening::Pass),
        1 => (0u64..5).prop_map(|grace| Happening::Delete { grace }),
    ]
}

fn policy() -> impl Strategy<Value = RestartPolicy> {
    let all = [RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never];
    proptest::sample::select(all.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever happens, in whatever order, wherever the agent dies: no run begins while another one
    /// of its container may live, none runs twice, nothing is done blindly; and in the end a
    /// deletion leaves nothing.
    #[test]
    fn no_history_breaks_a_promise_and_deletion_always_ends(
        policy in policy(),
        init in 0usize..2,
        main in 1usize..3,
        happenings in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut world = World::new(plan(policy, init, main));
        for happening in &happenings {
            world.happen(happening).map_err(TestCaseError::fail)?;
        }
        world.cut = false;
        world.settle().map_err(TestCaseError::fail)?;
        world.deleting.get_or_insert(secs(2));
        for _ in 0..20 {
            world.settle().map_err(TestCaseError::fail)?;
            for container in 0..3 {
                world.happen(&Happening::StopTakes { container }).map_err(TestCaseError::fail)?;
            }
            world.now = world.now + secs(20);
        }
        prop_assert!(world.released, "left: {:?}", world.tasks);
        prop_assert!(world.tasks.is_empty());
    }
}
