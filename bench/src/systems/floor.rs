//! The floor: a plain hash map that nobody else writes to. No lock, no TTL, no eviction, no statistics.

use super::{Filled, Memory, Size};
use crate::count::{compute, compute_str};
use crate::harness::{Entrant, sum};
use crate::zipf::mix as key_of;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::RwLock;

const NAME: &str = "hashmap";
const VARIANT: &str = "no lock, no ttl";

type Map<K> = HashMap<K, u64, RandomState>;

/// The lock is taken once a pass, so that the loop sees a plain map.
fn entrant<K>(compute: fn(K) -> u64) -> Entrant<K>
where
    K: std::hash::Hash + Eq + Copy + Send + Sync + 'static,
{
    let map: Arc<RwLock<Map<K>>> = Arc::default();
    let filled = Arc::clone(&map);
    Entrant::store(
        NAME,
        VARIANT,
        move |keys| {
            let mut map = filled.write().expect("nobody panics here");
            map.extend(keys.iter().map(|&key| (key, compute(key))));
            0
        },
        move |keys| {
            let map = map.read().expect("nobody panics here");
            sum(keys, |key| map.get(&key).copied().unwrap_or(0))
        },
    )
}

pub fn hit(_: Size) -> Vec<Entrant<u64>> {
    vec![entrant(compute)]
}

pub fn hit_str() -> Vec<Entrant<&'static str>> {
    vec![entrant(compute_str)]
}

pub fn memory() -> Vec<Memory> {
    fn fill(n: u64) -> Filled {
        let map: Map<u64> = (0..n).map(|id| (key_of(id), id)).collect();
        Filled { entries: map.len(), keep: Box::new(map) }
    }
    vec![Memory { system: NAME, variant: VARIANT, fill }]
}
