//! quick_cache: a store with single flight, without a TTL; a stamp beside the value stands in for one.

use super::{
    Callers, Filled, Flight, Herd, MEMORY_CAPACITY, MISS_CAPACITY, MIX_CAPACITY, Memory, Policy,
    Size, TTL,
};
use crate::count::{compute, compute_str};
use crate::drive::{drive, sum_async};
use crate::harness::{Entrant, sum};
use crate::script::{Answer, body, body_async};
use crate::zipf::mix as key_of;
use quick_cache::sync::Cache;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

const NAME: &str = "quick_cache";

fn or_insert(cache: &Cache<u64, u64>, key: u64) -> u64 {
    cache
        .get_or_insert_with(&key, || Ok::<_, Infallible>(compute(key)))
        .unwrap_or_else(|never| match never {})
}

/// What people write around it when they want a TTL.
fn stamped(cache: &Cache<u64, (u64, Instant)>, key: u64) -> u64 {
    match cache.get(&key) {
        Some((value, since)) if since.elapsed() < TTL => value,
        _ => {
            let value = compute(key);
            cache.insert(key, (value, Instant::now()));
            value
        }
    }
}

pub fn hit(size: Size) -> Vec<Entrant<u64>> {
    let bare = Arc::new(Cache::new(size.capacity()));
    let filled = Arc::clone(&bare);
    let with_stamp = Arc::new(Cache::new(size.capacity()));
    let fill_stamps = Arc::clone(&with_stamp);
    let mut entrants = vec![
        Entrant::store(
            NAME,
            "get",
            move |keys| sum(keys, |key| or_insert(&filled, key)),
            move |keys| sum(keys, |key| bare.get(&key).unwrap_or(0)),
        ),
        Entrant::store(
            NAME,
            "get,instant",
            move |keys| sum(keys, |key| stamped(&fill_stamps, key)),
            move |keys| sum(keys, |key| stamped(&with_stamp, key)),
        ),
    ];
    entrants.extend(evicting(size.capacity()));
    entrants
}

pub fn hit_str() -> Vec<Entrant<&'static str>> {
    let cache: Arc<Cache<String, u64>> = Arc::new(Cache::new(Size::TenThousand.capacity()));
    let filled = Arc::clone(&cache);
    vec![Entrant::store(
        NAME,
        "get",
        move |keys: &[&'static str]| {
            keys.iter().for_each(|&key| filled.insert(key.to_owned(), compute_str(key)));
            0
        },
        move |keys| sum(keys, |key| cache.get(key).unwrap_or(0)),
    )]
}

pub fn hit_async() -> Vec<Entrant<u64>> {
    static CACHE: LazyLock<Cache<u64, u64>> =
        LazyLock::new(|| Cache::new(Size::TenThousand.capacity()));
    async fn get(key: u64) -> u64 {
        let computed = async { Ok::<_, Infallible>(compute(key)) };
        CACHE.get_or_insert_async(&key, computed).await.unwrap_or_else(|never| match never {})
    }
    vec![Entrant::decorated(NAME, "get_or_insert_async", |keys| drive(sum_async(keys, get)))]
}

fn evicting(capacity: usize) -> Vec<Entrant<u64>> {
    let bare: Arc<Cache<u64, u64>> = Arc::new(Cache::new(capacity));
    let filled = Arc::clone(&bare);
    vec![Entrant::store(
        NAME,
        "get_or_insert_with",
        move |keys| sum(keys, |key| or_insert(&filled, key)),
        move |keys| sum(keys, |key| or_insert(&bare, key)),
    )]
}

pub fn miss() -> Vec<Entrant<u64>> {
    evicting(MISS_CAPACITY)
}

pub fn mix() -> Vec<Entrant<u64>> {
    evicting(MIX_CAPACITY)
}

pub fn memory() -> Vec<Memory> {
    fn bare(n: u64) -> Filled {
        let cache = Cache::new(MEMORY_CAPACITY);
        (0..n).for_each(|id| cache.insert(key_of(id), id));
        Filled { entries: cache.len(), keep: Box::new(cache) }
    }
    fn with_stamp(n: u64) -> Filled {
        let cache = Cache::new(MEMORY_CAPACITY);
        (0..n).for_each(|id| cache.insert(key_of(id), (id, Instant::now())));
        Filled { entries: cache.len(), keep: Box::new(cache) }
    }
    vec![
        Memory { system: NAME, variant: "no ttl", fill: bare },
        Memory { system: NAME, variant: "instant", fill: with_stamp },
    ]
}

pub fn ratio() -> Vec<Policy> {
    fn build(capacity: usize) -> Box<dyn FnMut(u64) -> bool> {
        let cache = Cache::new(capacity);
        Box::new(move |key| {
            let hit = cache.get(&key).is_some();
            if !hit {
                cache.insert(key, key);
            }
            hit
        })
    }
    vec![Policy { system: NAME, variant: "default", build }]
}

static FLIGHTS: LazyLock<Cache<u64, u64>> = LazyLock::new(|| Cache::new(1_000));

fn call(key: u64) -> u64 {
    FLIGHTS
        .get_or_insert_with(&key, || Ok::<_, Infallible>(body(key)))
        .unwrap_or_else(|never| match never {})
}

fn call_async(key: u64) -> Answer {
    Box::pin(async move {
        let computed = async { Ok::<_, Infallible>(body_async(key).await) };
        FLIGHTS.get_or_insert_async(&key, computed).await.unwrap_or_else(|never| match never {})
    })
}

pub fn herd() -> Vec<Herd> {
    vec![
        Herd { system: NAME, variant: "get_or_insert_with", call: Callers::Threads(call) },
        Herd { system: NAME, variant: "get_or_insert_async", call: Callers::Tasks(call_async) },
    ]
}

pub fn flights() -> Vec<Flight> {
    vec![Flight {
        system: NAME,
        variant: "",
        thread: Some(call),
        task: Some(call_async),
        shared: true,
    }]
}
