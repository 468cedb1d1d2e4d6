//! memoize: a decorator with a shared LRU and a TTL; no single flight, and capacities are literals.

use super::{Callers, Filled, Herd, Memory, Size, TTL};
use crate::count::{compute, compute_str};
use crate::harness::{Entrant, sum};
use crate::script::body;
use crate::zipf::mix as key_of;

const NAME: &str = "memoize";
const VARIANT: &str = "shared,capacity,ttl";

mod functions {
    //! One function per race, since each has a cache of its own.
    use super::*;
    use ::memoize::memoize;

    #[memoize(SharedCache, Capacity: 12_500, TimeToLive: TTL)]
    pub fn small(key: u64) -> u64 {
        compute(key)
    }

    #[memoize(SharedCache, Capacity: 1_250_000, TimeToLive: TTL)]
    pub fn large(key: u64) -> u64 {
        compute(key)
    }

    #[memoize(SharedCache, Capacity: 12_500, TimeToLive: TTL)]
    pub fn text(key: String) -> u64 {
        compute_str(&key)
    }

    #[memoize(SharedCache, Capacity: 100_000, TimeToLive: TTL)]
    pub fn evict(key: u64) -> u64 {
        compute(key)
    }

    #[memoize(SharedCache, Capacity: 50_000, TimeToLive: TTL)]
    pub fn mixed(key: u64) -> u64 {
        compute(key)
    }

    #[memoize(SharedCache, Capacity: 1_250_000, TimeToLive: TTL)]
    pub fn keep(key: u64) -> u64 {
        key
    }

    #[memoize(SharedCache, Capacity: 1_000, TimeToLive: TTL)]
    pub fn slow(key: u64) -> u64 {
        body(key)
    }
}

pub fn hit(size: Size) -> Vec<Entrant<u64>> {
    vec![match size {
        Size::TenThousand => Entrant::decorated(NAME, VARIANT, |keys| sum(keys, functions::small)),
        Size::Million => Entrant::decorated(NAME, VARIANT, |keys| sum(keys, functions::large)),
    }]
}

/// An owned key is what the decorated function demands of its caller.
pub fn hit_str() -> Vec<Entrant<&'static str>> {
    vec![Entrant::decorated(NAME, VARIANT, |keys: &[&'static str]| {
        sum(keys, |key| functions::text(key.to_owned()))
    })]
}

pub fn miss() -> Vec<Entrant<u64>> {
    vec![Entrant::decorated(NAME, VARIANT, |keys| sum(keys, functions::evict))]
}

pub fn mix() -> Vec<Entrant<u64>> {
    vec![Entrant::decorated(NAME, VARIANT, |keys| sum(keys, functions::mixed))]
}

pub fn memory() -> Vec<Memory> {
    fn fill(n: u64) -> Filled {
        (0..n).for_each(|id| _ = functions::keep(key_of(id)));
        Filled { entries: functions::memoized_size_keep(), keep: Box::new(()) }
    }
    vec![Memory { system: NAME, variant: VARIANT, fill }]
}

pub fn herd() -> Vec<Herd> {
    vec![Herd { system: NAME, variant: VARIANT, call: Callers::Threads(functions::slow) }]
}
