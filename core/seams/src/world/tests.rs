use super::*;
use crate::{spawn, spawn_blocking};
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use tokio::sync::{oneshot, watch};

#[test]
fn time_leaps_and_a_drifting_clock_leaps_differently() {
    let world = World::new(1);
    let control = world.control();
    control.set_drift(Host(2), 1000);
    let (steady, fast) = (world.clock(Host(1)), world.clock(Host(2)));
    let ran = world.block_on(async {
        steady.sleep(Duration::from_secs(1000)).await;
        (steady.now().0.as_secs(), fast.now().0.as_secs())
    });
    assert_eq!(ran, Ok((1000, 1001)));
}

#[test]
fn a_seed_decides_the_order_and_the_hash() {
    let run = |seed| {
        let world = World::new(seed);
        let order = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&order);
        let clock = world.clock(Host(1));
        let ran = world.block_on(async move {
            for id in 0..20 {
                let (order, clock) = (Arc::clone(&seen), Arc::clone(&clock));
                drop(crate::spawn_detached(async move {
                    clock.sleep(Duration::from_millis(5)).await;
                    order.lock().unwrap().push(id);
                }));
            }
            clock.sleep(Duration::from_millis(10)).await;
        });
        assert_eq!(ran, Ok(()));
        let order = order.lock().unwrap().clone();
        (order, world.event_hash())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
    assert_eq!(run(7).0.len(), 20);
}

#[test]
fn the_order_in_which_a_poll_wakes_tasks_does_not_matter() {
    let run = || {
        let world = World::new(3);
        let ran = world.block_on(async {
            let (send, receive) = watch::channel(0);
            let clock = current().map(|it| clock::WorldClock::new(&it.shared, it.host));
            for _ in 0..50 {
                let mut receive = receive.clone();
                drop(crate::spawn_detached(
                    async move { while receive.changed().await.is_ok() {} },
                ));
            }
            let clock = clock.unwrap();
            for value in 1..20 {
                crate::Clock::sleep(&clock, Duration::from_millis(1)).await;
                send.send(value).unwrap();
            }
        });
        assert_eq!(ran, Ok(()));
        world.event_hash()
    };
    let first = run();
    assert!((0..10).all(|_| run() == first));
}

#[test]
fn a_crash_drops_tasks_and_a_pause_holds_them() {
    let world = World::new(1);
    let control = world.control();
    let beats = Arc::new(AtomicU32::new(0));
    let (held, ended) = oneshot::channel::<()>();
    let (clock, counted) = (world.clock(Host(1)), Arc::clone(&beats));
    let beat = world.spawn_on(Host(1), async move {
        let _held = held;
        loop {
            clock.sleep(Duration::from_secs(1)).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let clock = world.clock(Host::HARNESS);
    let count = || beats.load(Ordering::Relaxed);
    let ran = world.block_on(async {
        clock.sleep(Duration::from_millis(2500)).await;
        assert_eq!(count(), 2);
        control.pause(Host(1));
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(count(), 2);
        control.resume(Host(1));
        clock.sleep(Duration::from_secs(1)).await;
        assert!(count() > 2);
        control.crash(Host(1));
        assert!(ended.await.is_err(), "its values have been dropped");
        let before = count();
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(count(), before);
        assert_eq!(beat.await, Err(crate::JoinError::Stopped));
    });
    assert_eq!(ran, Ok(()));
}

#[test]
fn blocking_work_takes_time_and_a_panic_is_reported() {
    let world = World::new(1);
    let control = world.control();
    let second = Duration::from_secs(1);
    control.set_latency(Host::HARNESS, Latency { min: second, max: second });
    let ran = world.block_on(async {
        assert_eq!(spawn_blocking(|| 7).await, Some(7));
        assert_eq!(control.now(), second);
        assert_eq!(spawn(async { panic!("broken") }).join().await, None::<()>);
        assert_eq!(control.take_panics()[0].message, "broken");
    });
    assert_eq!(ran, Ok(()));
}

#[test]
fn a_world_that_stands_still_says_so() {
    let world = World::new(1);
    assert!(matches!(world.block_on(std::future::pending::<()>()), Err(Stuck::Idle { .. })));
}
