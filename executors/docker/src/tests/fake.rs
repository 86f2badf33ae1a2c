//! An engine in memory that fails as it is told to.

use crate::engine::{
    Blueprint, Container, Enforced, Engine, Fault, Happening, Message, Phase, Session,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::stream::{BoxStream, StreamExt, iter, pending};
use quorate_executor::Usage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// What goes wrong with one call.
#[derive(Clone, Debug)]
pub(crate) enum Trick {
    /// Nothing is done, and no answer comes back.
    LostBefore,
    /// It is done, and no answer comes back.
    LostAfter,
    /// Nothing is done, and this is the answer.
    Answers(Fault),
    /// It is done twice; the second answer comes back.
    Twice,
    /// Nothing is done, and nothing ever comes back.
    Hangs,
}

/// What the engine holds.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) images: BTreeSet<String>,
    /// Images that a registry has.
    pub(crate) registry: BTreeSet<String>,
    pub(crate) messages: BTreeMap<String, Vec<Message>>,
    /// After so many messages the next log stream breaks.
    pub(crate) break_logs_after: Vec<usize>,
    pub(crate) tricks: Vec<(&'static str, Trick)>,
    /// Every call that was carried out.
    pub(crate) done: Vec<String>,
    /// The engine is down.
    pub(crate) down: bool,
    /// Names that are taken although no container can be seen under them, and for how many looks.
    pub(crate) reserved: BTreeMap<String, (usize, Blueprint)>,
    listeners: Vec<mpsc::UnboundedSender<Result<Happening, Fault>>>,
}

/// The engine; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeEngine(Arc<Mutex<World>>);

impl FakeEngine {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// The next call of this operation goes wrong.
    pub(crate) fn trick(&self, operation: &'static str, trick: Trick) {
        self.world().tricks.push((operation, trick));
    }

    /// How often an operation was carried out.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.world().done.iter().filter(|done| done.split(' ').next() == Some(operation)).count()
    }

    /// The container ends.
    pub(crate) fn exit(&self, name: &str, exit_code: i32) {
        let mut world = self.world();
        if let Some(container) = world.containers.get_mut(name) {
            (container.phase, container.exit_code) = (Phase::Exited, exit_code);
            container.finished_ms = 200;
        }
        world.tell(name);
    }

    /// Event streams end, as they do when an engine goes down.
    pub(crate) fn break_events(&self) {
        self.world().listeners.clear();
    }

    /// Does something as the next trick of its name says.
    async fn act<T>(
        &self,
        operation: &'static str,
        about: &str,
        mut act: impl FnMut(&mut World) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let lost = || Fault::Lost("connection closed".to_owned());
        let trick = {
            let mut world = self.world();
            if world.down {
                return Err(lost());
            }
            let at = world.tricks.iter().position(|(name, _)| *name == operation);
            at.map(|at| world.tricks.remove(at).1)
        };
        let mut perform = || {
            let mut world = self.world();
            world.done.push(format!("{operation} {about}"));
            act(&mut world)
        };
        match trick {
            None => perform(),
            Some(Trick::LostBefore) => Err(lost()),
            Some(Trick::LostAfter) => perform().and(Err(lost())),
            Some(Trick::Answers(fault)) => Err(fault),
            Some(Trick::Twice) => {
                // Only the second answer arrives.
                let _ = perform();
                perform()
            }
            Some(Trick::Hangs) => std::future::pending().await,
        }
    }
}

impl World {
    fn container(&mut self, name: &str) -> Result<&mut Container, Fault> {
        let missing = || Fault::Missing(format!("no such container: {name}"));
        self.containers.get_mut(name).ok_or_else(missing)
    }

    fn tell(&mut self, name: &str) {
        let labels = self.containers.get(name).map(|found| found.labels.clone());
        let happening = Happening { labels: labels.unwrap_or_default(), wall_secs: 1 };
        self.listeners.retain(|listener| listener.unbounded_send(Ok(happening.clone())).is_ok());
    }

    fn create(&mut self, name: &str, blueprint: &Blueprint) -> Result<(), Fault> {
        if !self.images.contains(&blueprint.image) {
            return Err(Fault::Missing(format!("no such image: {}", blueprint.image)));
        }
        if self.containers.contains_key(name) || self.reserved.contains_key(name) {
            return Err(Fault::Conflict(format!("the name {name} is in use")));
        }
        let (id, labels) = (format!("id-of-{name}"), blueprint.labels.clone());
        let container = Container { id, labels, created_ms: 50, ..Container::default() };
        self.containers.insert(name.to_owned(), container);
        self.tell(name);
        Ok(())
    }

    fn start(&mut self, name: &str) -> Result<(), Fault> {
        let container = self.container(name)?;
        if container.phase == Phase::Running {
            return Ok(());
        }
        container.phase = Phase::Running;
        container.started_ms = 100;
        container.pid = Some(7);
        self.tell(name);
        Ok(())
    }

    fn reveal(&mut self, name: &str) {
        if let Some((looks, blueprint)) = self.reserved.remove(name) {
            match looks.checked_sub(1) {
                Some(left) => drop(self.reserved.insert(name.to_owned(), (left, blueprint))),
                None => self.create(name, &blueprint).unwrap(),
            }
        }
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn probe(&self) -> Result<Enforced, Fault> {
        let all = Enforced { cpu: true, memory: true, pids: true };
        self.act("probe", "", |_| Ok(all)).await
    }

    async fn has_image(&self, image: &str) -> Result<bool, Fault> {
        self.act("has_image", image, |world| Ok(world.images.contains(image))).await
    }

    async fn pull(&self, image: &str) -> Result<(), Fault> {
        let answer = self
            .act("pull", image, |world| {
                if !world.registry.contains(image) {
                    return Err(Fault::Missing(format!("manifest of {image} is unknown")));
                }
                world.images.insert(image.to_owned());
                Ok(())
            })
            .await;
        // A pull takes its time: others get their turn.
        tokio::task::yield_now().await;
        answer
    }

    async fn load(&self, archive: Bytes) -> Result<(), Fault> {
        let image = String::from_utf8_lossy(&archive).into_owned();
        self.act("load", &image, |world| {
            world.images.insert(image.clone());
            Ok(())
        })
        .await
    }

    async fn import(&self, _rootfs: Bytes, image: &str, _entry: &[String]) -> Result<(), Fault> {
        self.load(Bytes::from(image.to_owned())).await
    }

    async fn remove_image(&self, image: &str) -> Result<(), Fault> {
        self.act("remove_image", image, |world| {
            world.images.remove(image);
            Ok(())
        })
        .await
    }

    async fn create(&self, name: &str, blueprint: &Blueprint) -> Result<(), Fault> {
        self.act("create", name, |world| world.create(name, blueprint)).await
    }

    async fn start(&self, name: &str) -> Result<(), Fault> {
        let answer = self.act("start", name, |world| world.start(name)).await;
        tokio::task::yield_now().await;
        answer
    }

    async fn inspect(&self, name: &str) -> Result<Option<Container>, Fault> {
        self.act("inspect", name, |world| {
            let found = world.containers.get(name).cloned();
            world.reveal(name);
            Ok(found)
        })
        .await
    }

    async fn kill(&self, name: &str, signal: i32) -> Result<(), Fault> {
        self.act("kill", &format!("{name} {signal}"), |world| {
            let container = world.container(name)?;
            if container.phase != Phase::Running {
                return Err(Fault::Conflict("it does not run".to_owned()));
            }
            if signal == 9 {
                (container.phase, container.exit_code) = (Phase::Exited, 137);
                world.tell(name);
            }
            Ok(())
        })
        .await
    }

    async fn remove(&self, name: &str) -> Result<(), Fault> {
        self.act("remove", name, |world| {
            world.container(name)?;
            world.containers.remove(name);
            Ok(())
        })
        .await
    }

    async fn list(&self, labels: &[(String, String)]) -> Result<Vec<String>, Fault> {
        self.act("list", "", |world| {
            let fits = |found: &Container| {
                labels.iter().all(|(name, value)| found.labels.get(name) == Some(value))
            };
            let fitting = world.containers.iter().filter(|(_, found)| fits(found));
            Ok(fitting.map(|(name, _)| name.clone()).collect())
        })
        .await
    }

    fn logs(
        &self,
        name: &str,
        _since_secs: i64,
        follow: bool,
    ) -> BoxStream<'static, Result<Message, Fault>> {
        let mut world = self.world();
        if world.down {
            return iter([Err(Fault::Lost("connection refused".to_owned()))]).boxed();
        }
        let messages = world.messages.get(name).cloned().unwrap_or_default();
        let ended = world.containers.get(name).is_none_or(|found| found.phase != Phase::Running);
        if let Some(most) = world.break_logs_after.pop() {
            let broken = Err(Fault::Lost("connection reset".to_owned()));
            return iter(messages.into_iter().take(most).map(Ok).chain([broken])).boxed();
        }
        let all = iter(messages.into_iter().map(Ok));
        if follow && !ended { all.chain(pending()).boxed() } else { all.boxed() }
    }

    fn events(
        &self,
        _labels: &[(String, String)],
        _since_secs: i64,
    ) -> BoxStream<'static, Result<Happening, Fault>> {
        let (sender, receiver) = mpsc::unbounded();
        self.world().listeners.push(sender);
        receiver.boxed()
    }

    async fn exec(
        &self,
        _name: &str,
        _command: &[String],
        _tty: bool,
        _stdin: bool,
    ) -> Result<Session, Fault> {
        Err(Fault::Failed("not in this engine".to_owned()))
    }

    async fn exec_code(&self, _id: &str) -> Result<Option<i32>, Fault> {
        Ok(None)
    }

    async fn usage(&self, name: &str) -> Result<Usage, Fault> {
        self.act("usage", name, |_| Ok(Usage::default())).await
    }
}
