//! One list of servers, arranged by the placement.

use super::copy;
use crate::memcached::host::Host;
use crate::memcached::ring::{Node, Placement, Ring};
use cache_core::Result;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct List {
    pub(super) hosts: Vec<Arc<Host>>,
    nodes: Vec<Node>,
    placement: Placement,
    ring: Ring,
}

impl List {
    /// `hosts` are those of the nodes, in their order.
    pub(super) fn new(hosts: Vec<Arc<Host>>, nodes: &[Node], placement: Placement) -> Self {
        List { hosts, nodes: nodes.to_vec(), placement, ring: Ring::new(nodes, placement) }
    }

    /// The same list in another client, which has the servers that `host` gives for the names.
    pub(super) fn over(&self, host: impl Fn(&Arc<Host>) -> Result<Arc<Host>>) -> Result<Self> {
        let hosts = self.hosts.iter().map(host).collect::<Result<_>>()?;
        Ok(List::new(hosts, &self.nodes, self.placement))
    }

    /// Whether each key is where it is in the other one.
    pub(super) fn is_like(&self, other: &List) -> bool {
        self.placement == other.placement && self.nodes == other.nodes
    }

    pub(super) fn named(&self, name: &str) -> Option<&Arc<Host>> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The server that has a key while all are there.
    pub(super) fn home(&self, key: &str) -> Option<&Arc<Host>> {
        let addressed =
            copy::address(key).and_then(|to| self.hosts.iter().find(|host| copy::is_for(to, host)));
        addressed.or_else(|| self.ring.at(key.as_bytes(), |_| true).map(|at| &self.hosts[at]))
    }

    /// The one that has it while others are away.
    pub(super) fn present(&self, key: &str) -> Option<&Arc<Host>> {
        self.ring.at(key.as_bytes(), |at| !self.hosts[at].is_away()).map(|at| &self.hosts[at])
    }

    /// Names for copies of a key: itself, which all find who have the same servers under whatever names;
    /// and some more, each for another server, which has it whatever others come and go.
    pub(super) fn copies(&self, key: &str) -> Vec<String> {
        let mut chosen: Vec<usize> = Vec::with_capacity(copy::COUNT);
        while chosen.len() < copy::COUNT
            && let Some(next) = self.ring.at(key.as_bytes(), |at| !chosen.contains(&at))
        {
            chosen.push(next);
        }
        let further = chosen.iter().map(|&at| copy::name(key, &self.hosts[at]));
        // Without a server the key alone: asking for it tells why there is none.
        std::iter::once(key.to_owned()).chain(further).collect()
    }
}
