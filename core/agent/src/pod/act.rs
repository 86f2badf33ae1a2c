//! Carrying out what was decided.

use super::PodActor;
use super::actor::Wanted;
use super::bring_up::BringUp;
use crate::machine::{Action, StopRequest};
use quorate_executor::{Observed, Stop, TaskId};
use quorate_resources::DeleteOptions;
use quorate_types::{GroupKind, ObjectKey};

/// What carrying out a decision came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acted {
    /// Nothing was to be done, or it failed and will be tried again.
    Nothing,
    /// Something was done: decide again.
    Something,
    /// The pod is gone from this node.
    Released,
}

impl PodActor {
    /// Carries out actions in order; stops at the first that fails, which is tried again later.
    pub(super) async fn act(&mut self, actions: Vec<Action>) -> Acted {
        let mut acted = Acted::Nothing;
        for action in actions {
            let released = action == Action::Release;
            let done = match action {
                Action::Start(task) => self.bring_up(task),
                Action::Stop(task, how) => self.stop(task, how).await,
                Action::Remove(task) => self.remove(task).await,
                Action::Free => self.free().await,
                Action::Release => self.release().await,
            };
            if let Err(error) = done {
                let pod = &self.history.record.name;
                tracing::info!(%pod, %error, "not done, trying again");
                self.try_again_later();
                return Acted::Nothing;
            }
            acted = if released { Acted::Released } else { Acted::Something };
        }
        acted
    }

    fn bring_up(&mut self, task: TaskId) -> Result<(), String> {
        let pod = self.pod.clone().ok_or("the pod's object is gone")?;
        let executor = self.executor.clone().ok_or("there is no executor")?;
        self.busy.insert(task.name.clone());
        let (node, pod_ip, cancel) = (self.node.clone(), self.pod_ip(), self.cancel.subscribe());
        let request = BringUp { node, executor, pod, task, pod_ip, cancel };
        self.starting.push(Box::pin(request.run()));
        Ok(())
    }

    async fn stop(&mut self, task: TaskId, how: Stop) -> Result<(), String> {
        if let Some(executor) = &self.executor {
            executor.stop(&task, how).await.map_err(|error| error.to_string())?;
        }
        let at = self.now();
        self.history.note_stop(task, StopRequest { how, at });
        Ok(())
    }

    async fn remove(&mut self, task: TaskId) -> Result<(), String> {
        if let Some(executor) = &self.executor {
            executor.remove(&task).await.map_err(|error| error.to_string())?;
        }
        self.tasks.insert(task, Observed::Absent);
        let record = &self.history.record;
        // What is over and gone is of no further interest; the current run stays listed as absent.
        let current = |task: &TaskId| {
            let container = record.containers.get(&task.name);
            container.is_some_and(|c| c.attempt == task.attempt && c.ended.is_none())
        };
        self.tasks.retain(|task, observed| *observed != Observed::Absent || current(task));
        Ok(())
    }

    async fn free(&mut self) -> Result<(), String> {
        if let Some(executor) = &self.executor {
            let freed = executor.remove_pod(&self.history.record.uid).await;
            freed.map_err(|error| error.to_string())?;
        }
        self.history.note_freed();
        Ok(())
    }

    /// Frees everything that the node holds for the pod, then confirms the deletion of its object:
    /// once the object is gone, nothing is left behind.
    async fn release(&mut self) -> Result<(), String> {
        self.free().await?;
        let uid = self.history.record.uid.clone();
        self.node.remove_pod_dir(&uid).await.map_err(|error| error.to_string())?;
        self.node.journal.remove(&uid).await.map_err(|error| error.to_string())?;
        if !matches!(*self.wanted.borrow(), Wanted::Gone) {
            self.confirm_deletion().await?;
        }
        self.node.forget(&uid);
        Ok(())
    }

    async fn confirm_deletion(&mut self) -> Result<(), String> {
        let record = &self.history.record;
        let key = ObjectKey::namespaced(&record.namespace, &record.name);
        let options = DeleteOptions {
            grace_seconds: Some(0),
            uid: Some(record.uid.clone()),
            ..DeleteOptions::default()
        };
        let (objects, kind) = (&self.node.objects, GroupKind::new("", "Pod"));
        match objects.delete(&kind, &key, options).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) if error.is_conflict() => match objects.get(&kind, &key).await {
                // Replaced by a pod of the same name: that one is not ours to delete.
                Ok(other) if other.metadata.uid.as_ref() != Some(&record.uid) => Ok(()),
                Err(error) if error.is_not_found() => Ok(()),
                _ => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        }
    }
}
