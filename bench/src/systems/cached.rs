//! cached: the decorator closest to larder's, with a TTL and a greatest size.

use super::{Callers, Filled, Flight, Herd, Memory, Policy, Size};
use crate::count::{compute, compute_str};
use crate::drive::{drive, sum_async};
use crate::harness::{Entrant, sum};
use crate::script::{Answer, body, body_async};
use crate::zipf::mix as key_of;
use cached::macros::{cached, concurrent_cached};
use cached::{Cached, LruCache};

const NAME: &str = "cached";

mod functions {
    //! One function per race, since each has a cache of its own.
    use super::*;

    #[cached(max_size = 12_500, ttl_secs = 3_600)]
    pub fn small(key: u64) -> u64 {
        compute(key)
    }

    #[concurrent_cached(max_size = 12_500, ttl_secs = 3_600)]
    pub fn small_sharded(key: u64) -> u64 {
        compute(key)
    }

    #[cached(max_size = 12_500, ttl_secs = 3_600, sync_writes = "by_key")]
    pub fn small_by_key(key: u64) -> u64 {
        compute(key)
    }

    #[cached(max_size = 1_250_000, ttl_secs = 3_600)]
    pub fn large(key: u64) -> u64 {
        compute(key)
    }

    #[concurrent_cached(max_size = 1_250_000, ttl_secs = 3_600)]
    pub fn large_sharded(key: u64) -> u64 {
        compute(key)
    }

    #[cached(max_size = 12_500, ttl_secs = 3_600, key = "String", convert = { key.to_owned() })]
    pub fn text(key: &str) -> u64 {
        compute_str(key)
    }

    #[concurrent_cached(max_size = 12_500, ttl_secs = 3_600, key = "String", convert = { key.to_owned() })]
    pub fn text_sharded(key: &str) -> u64 {
        compute_str(key)
    }

    #[cached(max_size = 12_500, ttl_secs = 3_600)]
    pub async fn small_async(key: u64) -> u64 {
        compute(key)
    }

    #[cached(max_size = 100_000, ttl_secs = 3_600)]
    pub fn miss(key: u64) -> u64 {
        compute(key)
    }

    #[cached(max_size = 100_000, ttl_secs = 3_600, sync_writes = "by_key")]
    pub fn miss_by_key(key: u64) -> u64 {
        compute(key)
    }

    #[concurrent_cached(max_size = 100_000, ttl_secs = 3_600)]
    pub fn miss_sharded(key: u64) -> u64 {
        compute(key)
    }

    #[cached(max_size = 50_000, ttl_secs = 3_600)]
    pub fn mix(key: u64) -> u64 {
        compute(key)
    }

    #[concurrent_cached(max_size = 50_000, ttl_secs = 3_600)]
    pub fn mix_sharded(key: u64) -> u64 {
        compute(key)
    }

    #[cached(max_size = 1_250_000, ttl_secs = 3_600)]
    pub fn memory(key: u64) -> u64 {
        key
    }

    #[concurrent_cached(max_size = 1_250_000, ttl_secs = 3_600)]
    pub fn memory_sharded(key: u64) -> u64 {
        key
    }

    #[cached(max_size = 1_000, ttl_secs = 3_600)]
    pub fn flight(key: u64) -> u64 {
        body(key)
    }

    #[cached(max_size = 1_000, ttl_secs = 3_600, sync_writes = "by_key")]
    pub fn flight_by_key(key: u64) -> u64 {
        body(key)
    }

    #[cached(max_size = 1_000, ttl_secs = 3_600, sync_writes = "by_key")]
    pub async fn flight_async(key: u64) -> u64 {
        body_async(key).await
    }
}

pub fn hit(size: Size) -> Vec<Entrant<u64>> {
    match size {
        Size::TenThousand => vec![
            Entrant::decorated(NAME, "max_size,ttl", |keys| sum(keys, functions::small)),
            Entrant::decorated(NAME, "max_size,ttl,by_key", |keys| {
                sum(keys, functions::small_by_key)
            }),
            Entrant::decorated(NAME, "concurrent,max_size,ttl", |keys| {
                sum(keys, functions::small_sharded)
            }),
        ],
        Size::Million => vec![
            Entrant::decorated(NAME, "max_size,ttl", |keys| sum(keys, functions::large)),
            Entrant::decorated(NAME, "concurrent,max_size,ttl", |keys| {
                sum(keys, functions::large_sharded)
            }),
        ],
    }
}

pub fn hit_str() -> Vec<Entrant<&'static str>> {
    vec![
        Entrant::decorated(NAME, "max_size,ttl", |keys| sum(keys, functions::text)),
        Entrant::decorated(NAME, "concurrent,max_size,ttl", |keys| {
            sum(keys, functions::text_sharded)
        }),
    ]
}

pub fn hit_async() -> Vec<Entrant<u64>> {
    vec![Entrant::decorated(NAME, "max_size,ttl,async", |keys| {
        drive(sum_async(keys, functions::small_async))
    })]
}

pub fn miss() -> Vec<Entrant<u64>> {
    vec![
        Entrant::decorated(NAME, "max_size,ttl", |keys| sum(keys, functions::miss)),
        Entrant::decorated(NAME, "max_size,ttl,by_key", |keys| sum(keys, functions::miss_by_key)),
        Entrant::decorated(NAME, "concurrent,max_size,ttl", |keys| {
            sum(keys, functions::miss_sharded)
        }),
    ]
}

pub fn mix() -> Vec<Entrant<u64>> {
    vec![
        Entrant::decorated(NAME, "max_size,ttl", |keys| sum(keys, functions::mix)),
        Entrant::decorated(NAME, "concurrent,max_size,ttl", |keys| {
            sum(keys, functions::mix_sharded)
        }),
    ]
}

pub fn memory() -> Vec<Memory> {
    fn one(n: u64) -> Filled {
        (0..n).for_each(|id| _ = functions::memory(key_of(id)));
        Filled { entries: functions::MEMORY.read().cache_size(), keep: Box::new(()) }
    }
    fn sharded(n: u64) -> Filled {
        (0..n).for_each(|id| _ = functions::memory_sharded(key_of(id)));
        Filled { entries: n as usize, keep: Box::new(()) }
    }
    vec![
        Memory { system: NAME, variant: "max_size,ttl", fill: one },
        Memory { system: NAME, variant: "concurrent,max_size,ttl", fill: sharded },
    ]
}

pub fn ratio() -> Vec<Policy> {
    fn build(capacity: usize) -> Box<dyn FnMut(u64) -> bool> {
        let mut cache = LruCache::builder().max_size(capacity).build().expect("a positive size");
        Box::new(move |key: u64| {
            let hit = cache.cache_get(&key).is_some();
            if !hit {
                cache.cache_set(key, key);
            }
            hit
        })
    }
    vec![Policy { system: NAME, variant: "lru", build }]
}

fn call_async(key: u64) -> Answer {
    Box::pin(functions::flight_async(key))
}

pub fn herd() -> Vec<Herd> {
    vec![
        Herd { system: NAME, variant: "max_size,ttl", call: Callers::Threads(functions::flight) },
        Herd {
            system: NAME,
            variant: "max_size,ttl,by_key",
            call: Callers::Threads(functions::flight_by_key),
        },
        Herd {
            system: NAME,
            variant: "max_size,ttl,by_key,async",
            call: Callers::Tasks(call_async),
        },
    ]
}

pub fn flights() -> Vec<Flight> {
    let thread: fn(u64) -> u64 = functions::flight_by_key;
    vec![Flight {
        system: NAME,
        variant: "by_key",
        thread: Some(thread),
        task: Some(call_async),
        shared: false,
    }]
}
