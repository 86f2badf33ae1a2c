//! The application's own commands.

use super::Machine;
use crate::machine::refused;
use crate::{Error, MachineError, MachineView, Outcome, Reply};
use bytes::Bytes;
use quorate_store::Txn;
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn custom(&mut self, name: &str, body: Bytes) -> Result<Outcome, Error> {
        let index = self.entry.index;
        let Some(machine) = self.machines.get(name).map(Arc::clone) else {
            return Err(Error::UnknownMachine { index, name: name.to_owned() });
        };
        let (meta, term) = (&self.meta, self.entry.term);
        let view = MachineView { view: &self.state, meta, index, term };
        let effects = match machine.apply(&view, body) {
            Ok(effects) => effects,
            Err(MachineError::Refused(reason)) => return Ok(Err(refused(name, reason))),
            Err(MachineError::State(error)) => return Err(error),
        };
        let answer = effects.answer;
        Ok(match self.txn(Txn::ops(effects.ops))? {
            Ok(Reply::Txn(done)) => Ok(Reply::Custom { revision: done.revision, answer }),
            Ok(_) => Err(refused(name, "its effects were answered as no transaction".to_owned())),
            Err(refusal) => Err(refusal),
        })
    }
}
