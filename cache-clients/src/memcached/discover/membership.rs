//! The servers that are there, and what has changed between two such lists.

use crate::memcached::ring::Node;
use std::collections::HashMap;

/// The servers that are there, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Membership {
    /// Rises with every change; 0 before anything is known.
    pub version: u64,
    /// The servers, each name once.
    pub nodes: Vec<Node>,
}

/// What leads from one membership to the next, by index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Servers of both: where they were and where they are now. Their connections stay.
    pub kept: Vec<(usize, usize)>,
    /// New ones, by their index in the next.
    pub added: Vec<usize>,
    /// Ones that are gone, by their index in the one before.
    pub removed: Vec<usize>,
}

impl Membership {
    /// What has changed until `next`. Servers are the same when their names are.
    ///
    /// ```
    /// use cache_clients::memcached::discover::Membership;
    /// use cache_clients::memcached::ring::Node;
    ///
    /// let before = Membership { version: 1, nodes: ["a:1", "b:1"].map(Node::new).to_vec() };
    /// let next = Membership { version: 2, nodes: ["b:1", "c:1"].map(Node::new).to_vec() };
    /// let change = before.change(&next);
    /// assert_eq!((change.kept, change.added, change.removed), (vec![(1, 0)], vec![1], vec![0]));
    /// ```
    #[must_use]
    pub fn change(&self, next: &Membership) -> Change {
        let mut before: HashMap<&str, usize> =
            self.nodes.iter().enumerate().map(|(at, node)| (node.name.as_str(), at)).collect();
        let mut change = Change::default();
        for (at, node) in next.nodes.iter().enumerate() {
            match before.remove(node.name.as_str()) {
                Some(was) => change.kept.push((was, at)),
                None => change.added.push(at),
            }
        }
        change.removed = before.into_values().collect();
        change.removed.sort_unstable();
        change
    }
}
