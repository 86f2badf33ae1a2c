//! The answers of the last identified transactions.

use crate::{RequestId, TxnResponse};
use quorate_types::limits::REQUEST_WINDOW;
use std::collections::{HashMap, VecDeque};

/// What was answered to whom, of the last [`REQUEST_WINDOW`].
#[derive(Debug, Default)]
pub(super) struct Requests {
    answers: HashMap<RequestId, TxnResponse>,
    order: VecDeque<RequestId>,
}

impl Requests {
    /// What a request was answered, if it was applied before.
    pub(super) fn answer(&self, id: RequestId) -> Option<&TxnResponse> {
        self.answers.get(&id)
    }

    /// Remembers the answer of a request that is new.
    pub(super) fn remember(&mut self, id: RequestId, answer: TxnResponse) {
        self.answers.insert(id, answer);
        self.order.push_back(id);
        if self.order.len() as u64 > REQUEST_WINDOW
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}
