//! foyer: a store without a TTL; its single flight (`get_or_fetch`) spawns a task for each computation.

use super::{
    Callers, Filled, Flight, Herd, MEMORY_CAPACITY, MISS_CAPACITY, MIX_CAPACITY, Memory, Policy,
    Size,
};
use crate::count::{compute, compute_str};
use crate::drive::{drive, sum_async};
use crate::harness::{Entrant, sum};
use crate::script::{Answer, body_async};
use crate::zipf::mix as key_of;
use foyer::{Cache, CacheBuilder, EvictionConfig, LfuConfig, LruConfig, S3FifoConfig};
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::{Arc, LazyLock};

const NAME: &str = "foyer";

fn cache<K: Hash + Eq + Send + Sync + 'static>(capacity: usize) -> Cache<K, u64> {
    CacheBuilder::new(capacity).with_eviction_config(S3FifoConfig::default()).build()
}

pub fn hit(size: Size) -> Vec<Entrant<u64>> {
    let cache = Arc::new(cache(size.capacity()));
    let filled = Arc::clone(&cache);
    vec![Entrant::store(
        NAME,
        "s3fifo",
        move |keys| {
            keys.iter().for_each(|&key| drop(filled.insert(key, compute(key))));
            0
        },
        move |keys| sum(keys, |key| cache.get(&key).map_or(0, |entry| *entry.value())),
    )]
}

pub fn hit_str() -> Vec<Entrant<&'static str>> {
    let cache = Arc::new(cache::<String>(Size::TenThousand.capacity()));
    let filled = Arc::clone(&cache);
    vec![Entrant::store(
        NAME,
        "s3fifo",
        move |keys: &[&'static str]| {
            keys.iter().for_each(|&key| drop(filled.insert(key.to_owned(), compute_str(key))));
            0
        },
        move |keys| sum(keys, |key| cache.get(key).map_or(0, |entry| *entry.value())),
    )]
}

/// A computation runs as a task; in the caller's runtime, so in the caller's thread here.
async fn fetch(cache: &Cache<u64, u64>, key: u64) -> u64 {
    let entry = cache.get_or_fetch(&key, || async move { Ok::<_, Infallible>(compute(key)) }).await;
    *entry.expect("the computation does not fail").value()
}

pub fn hit_async() -> Vec<Entrant<u64>> {
    static CACHE: LazyLock<Cache<u64, u64>> = LazyLock::new(|| cache(Size::TenThousand.capacity()));
    vec![Entrant::decorated(NAME, "s3fifo,get_or_fetch", |keys| {
        drive(sum_async(keys, |key| fetch(&CACHE, key)))
    })]
}

/// Without single flight: look up, compute, insert.
fn get_insert(cache: &Cache<u64, u64>, key: u64) -> u64 {
    match cache.get(&key) {
        Some(entry) => *entry.value(),
        None => *cache.insert(key, compute(key)).value(),
    }
}

fn evicting(capacity: usize) -> Entrant<u64> {
    let cache = Arc::new(cache(capacity));
    let filled = Arc::clone(&cache);
    Entrant::store(
        NAME,
        "s3fifo,get+insert",
        move |keys| sum(keys, |key| get_insert(&filled, key)),
        move |keys| sum(keys, |key| get_insert(&cache, key)),
    )
}

pub fn miss() -> Vec<Entrant<u64>> {
    static CACHE: LazyLock<Cache<u64, u64>> = LazyLock::new(|| cache(MISS_CAPACITY));
    let flying = Entrant::decorated(NAME, "s3fifo,get_or_fetch", |keys| {
        drive(sum_async(keys, |key| fetch(&CACHE, key)))
    });
    vec![evicting(MISS_CAPACITY), flying]
}

pub fn mix() -> Vec<Entrant<u64>> {
    vec![evicting(MIX_CAPACITY)]
}

pub fn memory() -> Vec<Memory> {
    fn fill(n: u64) -> Filled {
        let cache = cache(MEMORY_CAPACITY);
        (0..n).for_each(|id| drop(cache.insert(key_of(id), id)));
        Filled { entries: cache.entries(), keep: Box::new(cache) }
    }
    vec![Memory { system: NAME, variant: "s3fifo", fill }]
}

fn policy(capacity: usize, eviction: impl Into<EvictionConfig>) -> Box<dyn FnMut(u64) -> bool> {
    // One shard: its policies are at their best undivided.
    let cache: Cache<u64, u64> =
        CacheBuilder::new(capacity).with_shards(1).with_eviction_config(eviction.into()).build();
    Box::new(move |key| {
        let hit = cache.get(&key).is_some();
        if !hit {
            cache.insert(key, key);
        }
        hit
    })
}

pub fn ratio() -> Vec<Policy> {
    vec![
        Policy {
            system: NAME,
            variant: "s3fifo",
            build: |capacity| policy(capacity, S3FifoConfig::default()),
        },
        Policy {
            system: NAME,
            variant: "lfu",
            build: |capacity| policy(capacity, LfuConfig::default()),
        },
        Policy {
            system: NAME,
            variant: "lru",
            build: |capacity| policy(capacity, LruConfig::default()),
        },
    ]
}

fn call_async(key: u64) -> Answer {
    static CACHE: LazyLock<Cache<u64, u64>> = LazyLock::new(|| cache(1_000));
    Box::pin(async move {
        let entry = CACHE
            .get_or_fetch(&key, || async move { Ok::<_, Infallible>(body_async(key).await) })
            .await;
        *entry.expect("the computation does not fail").value()
    })
}

pub fn herd() -> Vec<Herd> {
    vec![Herd { system: NAME, variant: "s3fifo,get_or_fetch", call: Callers::Tasks(call_async) }]
}

pub fn flights() -> Vec<Flight> {
    vec![Flight {
        system: NAME,
        variant: "get_or_fetch",
        thread: None,
        task: Some(call_async),
        shared: false,
    }]
}
