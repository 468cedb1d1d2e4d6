//! Which of the servers has a key.
//!
//! | placement | compatible with | a server's keys when it is away |
//! |---|---|---|
//! | [`Rendezvous`](Placement::Rendezvous), the default | larder | spread over all others by weight; no other key moves |
//! | [`Ketama`](Placement::Ketama) | libmemcached `ketama` and `distribution=consistent` | as libmemcached ejects a host: to the next points of the ring; no other key moves |
//! | [`KetamaWeighted`](Placement::KetamaWeighted) | libmemcached `ketama_weighted` | to the next points of the ring, no other key moves; libmemcached makes a new ring instead, which moves some others also |
//! | [`PymemcacheRendezvous`](Placement::PymemcacheRendezvous) | pymemcache `HashClient` | as pymemcache: spread over all others; no other key moves |
//! | [`Modula`](Placement::Modula) | libmemcached's default | spread over all others; libmemcached leaves them failing |

mod hash;
mod ketama;
mod rendezvous;

use hash::one_at_a_time;
use ketama::Circle;
use rendezvous::{Pymemcache, Rendezvous};

/// A server: where it is, and how large its share of the keys is to be.
///
/// The name is what the placements hash. Keys stay where they are as long as it is written the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// `host:port` as given, `[v6]:port`, or `unix:/path`.
    pub name: String,
    /// The share beside the other servers' weights; 0 counts as 1.
    pub weight: u32,
}

impl Node {
    /// A server of weight 1.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Node { name: name.into(), weight: 1 }
    }

    /// With a weight.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Node { weight, ..self }
    }
}

/// How keys are placed on servers. All programs that share servers must agree in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Placement {
    /// larder's own: a server's share is its weight's (over 100 000 keys on 5 servers the fullest one
    /// has 1.01 of it), and a change of the list moves only what it must.
    #[default]
    Rendezvous,
    /// libmemcached's `ketama`: 100 points a server, weights do not count. The fullest of 5 servers
    /// has 1.1 to 1.2 of the mean, depending on their names.
    Ketama,
    /// libmemcached's `ketama_weighted`: 160 points a server on the average, by weight. The fullest
    /// has about 1.1 of its share. A change of the list changes the points of all, and so moves some
    /// keys more than it must.
    KetamaWeighted,
    /// `HashClient` of pymemcache; weights do not count. Keys given to pymemcache as `str`: it places
    /// `bytes` elsewhere.
    PymemcacheRendezvous,
    /// libmemcached's default: the hash modulo the number of servers. Weights do not count, the order
    /// of the list does, and a change of the list moves nearly every key.
    Modula,
}

/// The servers, arranged by a placement.
///
/// A question costs, for five servers, some tens of nanoseconds (`Rendezvous`, `Ketama`, `Modula`) to
/// some hundreds (MD5 of the key, logarithms of unequal weights); it does not allocate.
///
/// ```
/// use cache_clients::memcached::ring::{Node, Placement, Ring};
///
/// let servers = ["10.0.0.7:11211", "10.0.0.8:11211", "10.0.0.9:11211"].map(Node::new);
/// let ring = Ring::new(&servers, Placement::default());
/// let home = ring.at(b"user:42", |_| true).unwrap();
/// let meanwhile = ring.at(b"user:42", |server| server != home).unwrap();
/// assert_ne!(home, meanwhile);
/// assert_eq!(ring.at(b"user:42", |_| false), None);
/// ```
#[derive(Debug)]
pub struct Ring {
    servers: usize,
    arranged: Arranged,
}

#[derive(Debug)]
enum Arranged {
    Circle(Circle),
    Rendezvous(Rendezvous),
    Pymemcache(Pymemcache),
    /// Keys whose server is away are placed by the other.
    Modula(Rendezvous),
}

impl Ring {
    /// Arranges servers. Of two with the same name the second gets no keys, except by `Modula`.
    #[must_use]
    pub fn new(nodes: &[Node], placement: Placement) -> Self {
        let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
        let weights: Vec<u32> = nodes.iter().map(|node| node.weight.max(1)).collect();
        let arranged = match placement {
            Placement::Rendezvous => Arranged::Rendezvous(Rendezvous::new(&names, &weights)),
            Placement::Ketama => Arranged::Circle(Circle::plain(&names)),
            Placement::KetamaWeighted => Arranged::Circle(Circle::weighted(&names, &weights)),
            Placement::PymemcacheRendezvous => Arranged::Pymemcache(Pymemcache::new(&names)),
            Placement::Modula => Arranged::Modula(Rendezvous::new(&names, &weights)),
        };
        Ring { servers: nodes.len(), arranged }
    }

    /// The index of the server that has a key, among those that are alive; `None` without any.
    ///
    /// `alive` is asked once where the key's own server is.
    pub fn at(&self, key: &[u8], alive: impl Fn(usize) -> bool) -> Option<usize> {
        if self.servers <= 1 {
            return (0..self.servers).find(|&server| alive(server));
        }
        match &self.arranged {
            Arranged::Circle(circle) => circle.after(key).find(|&server| alive(server)),
            Arranged::Rendezvous(draws) => {
                first_or(draws.best(key, |_| true), &alive, || draws.best(key, &alive))
            }
            Arranged::Pymemcache(draws) => {
                first_or(draws.best(key, |_| true), &alive, || draws.best(key, &alive))
            }
            Arranged::Modula(draws) => {
                let home = one_at_a_time(key) as usize % self.servers;
                first_or(Some(home), &alive, || draws.best(key, &alive))
            }
        }
    }

    /// How many servers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.servers
    }

    /// Whether there is no server.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers == 0
    }
}

/// A server that is alive, else the other choice.
fn first_or(
    home: Option<usize>,
    alive: impl Fn(usize) -> bool,
    other: impl FnOnce() -> Option<usize>,
) -> Option<usize> {
    home.filter(|&server| alive(server)).or_else(other)
}
