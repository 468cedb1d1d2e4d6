//! The systems. Each file offers the same functions, one per bench: what its system enters into that race.

pub mod cached;
pub mod floor;
pub mod foyer;
pub mod larder;
pub mod memoize;
pub mod moka;
pub mod quick_cache;

use crate::harness::Entrant;
use crate::script::Answer;
use std::any::Any;
use std::time::Duration;

/// Every system with a TTL checks this one. Long enough to expire nothing during a run.
pub const TTL: Duration = Duration::from_secs(3_600);

/// Resident entries of a hit race; the capacity is a quarter larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    TenThousand,
    Million,
}

impl Size {
    pub const fn entries(self) -> usize {
        match self {
            Size::TenThousand => 10_000,
            Size::Million => 1_000_000,
        }
    }

    pub const fn capacity(self) -> usize {
        self.entries() / 4 * 5
    }
}

/// Capacities of the races that evict.
pub const MISS_CAPACITY: usize = 100_000;
pub const MIX_CAPACITY: usize = 50_000;
/// Room for the memory bench: a million entries and a quarter more.
pub const MEMORY_CAPACITY: usize = 1_250_000;

/// Fills a cache of its system with the keys `0..n`, mixed, and keeps it alive.
pub struct Memory {
    pub system: &'static str,
    pub variant: &'static str,
    pub fill: fn(u64) -> Filled,
}

/// A filled cache, and how many entries it says it holds.
pub struct Filled {
    pub entries: usize,
    pub keep: Box<dyn Any>,
}

/// Builds a cache of the given capacity and returns "was this access a hit?".
pub struct Policy {
    pub system: &'static str,
    pub variant: &'static str,
    pub build: fn(usize) -> Box<dyn FnMut(u64) -> bool>,
}

/// A cached function for the herd: from threads, or as a future for tasks.
pub struct Herd {
    pub system: &'static str,
    pub variant: &'static str,
    pub call: Callers,
}

#[derive(Clone, Copy)]
pub enum Callers {
    Threads(fn(u64) -> u64),
    Tasks(fn(u64) -> Answer),
}

/// A cached function under torture: its face for threads, and its face for tasks.
#[derive(Clone, Copy)]
pub struct Flight {
    pub system: &'static str,
    pub variant: &'static str,
    pub thread: Option<fn(u64) -> u64>,
    pub task: Option<fn(u64) -> Answer>,
    /// Do both faces reach one cache?
    pub shared: bool,
}

/// Asks each of the named systems for what it enters.
macro_rules! gather {
    ($bench:ident $arguments:tt of $($system:ident)*) => {
        [$($system::$bench $arguments),*].into_iter().flatten().collect()
    };
}

/// Hits, `u64` keys.
pub fn hit(size: Size) -> Vec<Entrant<u64>> {
    gather!(hit (size) of larder quick_cache cached memoize moka foyer floor)
}

/// Hits, string keys of 20 bytes.
pub fn hit_str() -> Vec<Entrant<&'static str>> {
    gather!(hit_str () of larder quick_cache cached memoize moka foyer floor)
}

/// Hits of async functions.
pub fn hit_region() -> Vec<Entrant<u64>> {
    larder::hit_region()
}

pub fn hit_async() -> Vec<Entrant<u64>> {
    gather!(hit_async () of larder quick_cache cached moka foyer)
}

/// Every request is new, and evicts.
pub fn miss() -> Vec<Entrant<u64>> {
    gather!(miss () of larder quick_cache cached memoize moka foyer)
}

/// Hits and misses.
pub fn mix() -> Vec<Entrant<u64>> {
    gather!(mix () of larder quick_cache cached memoize moka foyer)
}

/// Bytes per entry.
pub fn memory() -> Vec<Memory> {
    gather!(memory () of larder quick_cache cached memoize moka foyer floor)
}

/// Hit ratio by capacity.
pub fn ratio() -> Vec<Policy> {
    gather!(ratio () of larder quick_cache cached moka foyer)
}

/// Many callers, one cold key.
pub fn herd() -> Vec<Herd> {
    gather!(herd () of larder quick_cache cached memoize moka foyer)
}

/// Single flight under torture.
pub fn flights() -> Vec<Flight> {
    gather!(flights () of larder quick_cache cached moka foyer)
}
