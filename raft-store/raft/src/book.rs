//! Where the members are and which logs they have, by the newest membership that this one knows.
//!
//! Place: written by who follows the membership, read with every call. openraft keeps a connection
//! while a leader leads, and with it the node that it was opened for: without this, a member that
//! moves, or whose birth is recorded later, would be called as it was before.

use crate::types::Node;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The members' addresses and births.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<BTreeMap<u64, Node>>);

impl Book {
    /// Takes in what a membership says. A birth once known is never forgotten.
    pub(crate) fn note<'a>(&self, nodes: impl Iterator<Item = (&'a u64, &'a Node)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, node) in nodes {
            let entry = known.entry(*id).or_default();
            let birth = if node.birth == 0 { entry.birth } else { node.birth };
            *entry = Node { birth, ..node.clone() };
        }
    }

    /// A member, or what the caller knows of it.
    pub(crate) fn find(&self, id: u64, otherwise: &Node) -> Node {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).unwrap_or(otherwise).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_address_counts_and_a_birth_stays() {
        let node = |addr: &str, birth| Node { birth, ..Node::at(addr) };
        let book = Book::default();
        assert_eq!(book.find(1, &node("a:1", 0)), node("a:1", 0));
        book.note([(&1, &node("a:1", 7))].into_iter());
        book.note([(&1, &node("b:1", 0))].into_iter());
        assert_eq!(book.find(1, &node("a:1", 0)), node("b:1", 7));
    }
}
