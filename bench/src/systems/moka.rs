//! moka: a store with a TTL and single flight, for threads and for tasks.

use super::{
    Callers, Filled, Flight, Herd, MEMORY_CAPACITY, MISS_CAPACITY, MIX_CAPACITY, Memory, Policy,
    Size, TTL,
};
use crate::count::{compute, compute_str};
use crate::drive::{drive, sum_async};
use crate::harness::{Entrant, sum};
use crate::script::{Answer, body, body_async};
use crate::zipf::mix as key_of;
use moka::{future, sync};
use std::hash::Hash;
use std::sync::{Arc, LazyLock};

const NAME: &str = "moka";

fn cache<K: Hash + Eq + Send + Sync + 'static>(capacity: usize) -> sync::Cache<K, u64> {
    sync::Cache::builder().max_capacity(capacity as u64).time_to_live(TTL).build()
}

pub fn hit(size: Size) -> Vec<Entrant<u64>> {
    let cache = Arc::new(cache(size.capacity()));
    let filled = Arc::clone(&cache);
    vec![Entrant::store(
        NAME,
        "ttl",
        move |keys| {
            keys.iter().for_each(|&key| filled.insert(key, compute(key)));
            filled.run_pending_tasks();
            0
        },
        move |keys| sum(keys, |key| cache.get(&key).unwrap_or(0)),
    )]
}

pub fn hit_str() -> Vec<Entrant<&'static str>> {
    let cache = Arc::new(cache::<String>(Size::TenThousand.capacity()));
    let filled = Arc::clone(&cache);
    vec![Entrant::store(
        NAME,
        "ttl",
        move |keys: &[&'static str]| {
            keys.iter().for_each(|&key| filled.insert(key.to_owned(), compute_str(key)));
            filled.run_pending_tasks();
            0
        },
        move |keys| sum(keys, |key| cache.get(key).unwrap_or(0)),
    )]
}

pub fn hit_async() -> Vec<Entrant<u64>> {
    static CACHE: LazyLock<future::Cache<u64, u64>> = LazyLock::new(|| {
        future::Cache::builder()
            .max_capacity(Size::TenThousand.capacity() as u64)
            .time_to_live(TTL)
            .build()
    });
    async fn get(key: u64) -> u64 {
        CACHE.get_with(key, async { compute(key) }).await
    }
    vec![Entrant::decorated(NAME, "ttl,get_with,async", |keys| drive(sum_async(keys, get)))]
}

fn evicting(capacity: usize) -> Vec<Entrant<u64>> {
    let cache = Arc::new(cache(capacity));
    let filled = Arc::clone(&cache);
    vec![Entrant::store(
        NAME,
        "ttl,get_with",
        move |keys| sum(keys, |key| filled.get_with(key, || compute(key))),
        move |keys| sum(keys, |key| cache.get_with(key, || compute(key))),
    )]
}

pub fn miss() -> Vec<Entrant<u64>> {
    evicting(MISS_CAPACITY)
}

pub fn mix() -> Vec<Entrant<u64>> {
    evicting(MIX_CAPACITY)
}

pub fn memory() -> Vec<Memory> {
    fn fill(n: u64) -> Filled {
        let cache = cache(MEMORY_CAPACITY);
        (0..n).for_each(|id| cache.insert(key_of(id), id));
        cache.run_pending_tasks();
        Filled { entries: cache.entry_count() as usize, keep: Box::new(cache) }
    }
    vec![Memory { system: NAME, variant: "ttl", fill }]
}

pub fn ratio() -> Vec<Policy> {
    /// Reads and writes are applied late; every eighth request applies them, which is to its advantage.
    fn build(capacity: usize) -> Box<dyn FnMut(u64) -> bool> {
        let cache = cache(capacity);
        let mut requests = 0u32;
        Box::new(move |key| {
            let hit = cache.get(&key).is_some();
            if !hit {
                cache.insert(key, key);
            }
            requests = requests.wrapping_add(1);
            if requests.is_multiple_of(8) {
                cache.run_pending_tasks();
            }
            hit
        })
    }
    vec![Policy { system: NAME, variant: "default", build }]
}

fn call(key: u64) -> u64 {
    static CACHE: LazyLock<sync::Cache<u64, u64>> = LazyLock::new(|| cache(1_000));
    CACHE.get_with(key, || body(key))
}

fn call_async(key: u64) -> Answer {
    static CACHE: LazyLock<future::Cache<u64, u64>> =
        LazyLock::new(|| future::Cache::builder().max_capacity(1_000).time_to_live(TTL).build());
    Box::pin(async move { CACHE.get_with(key, body_async(key)).await })
}

pub fn herd() -> Vec<Herd> {
    vec![
        Herd { system: NAME, variant: "ttl,get_with", call: Callers::Threads(call) },
        Herd { system: NAME, variant: "ttl,get_with,async", call: Callers::Tasks(call_async) },
    ]
}

pub fn flights() -> Vec<Flight> {
    vec![Flight {
        system: NAME,
        variant: "get_with",
        thread: Some(call),
        task: Some(call_async),
        shared: false,
    }]
}
