//! Many threads that change a few keys at once, at random.

use cache_core::{Aim, Cache, CacheExt, Entry, PutWhen, wait};
use std::time::Duration;

/// A step of one of many threads, by a number drawn at random.
fn step(cache: &(impl Cache<u32, u64> + Clone), drawn: u64, clears: bool) {
    let (key, value) = ((drawn >> 8) as u32 % 3, drawn >> 16);
    let entry = || Entry::new(value).with_ttl(60);
    let done = match drawn % 16 {
        0 => wait(cache.put(&key, entry(), PutWhen::Always)).is_ok(),
        1 => wait(cache.put_many(vec![(key, entry()), ((key + 1) % 3, entry())])).is_ok(),
        2 => wait(cache.put(&key, entry(), PutWhen::Absent)).is_ok(),
        3 => wait(cache.delete(&key)).is_ok(),
        4 => wait(cache.expire(&key)).is_ok(),
        5 => wait(cache.delete_many(&[0, 1, 2])).is_ok(),
        6 if clears => wait(cache.clear()).is_ok(),
        7 => wait(cache.renew(&key, Some(Duration::from_secs(70)))).is_ok(),
        8..=10 => {
            let lease = wait(cache.lookup(&key, Aim::Replace)).unwrap().into_lease();
            wait(cache.fill(&key, entry(), lease)).is_ok()
        }
        11 => {
            wait(cache.get_or_compute_for(&key, 60, move || async move { value }));
            true
        }
        _ => wait(cache.get_many(&[0, 1, 2])).is_ok(),
    };
    assert!(done);
}

/// So many rounds of three threads, after each of which nobody does anything while each key is looked at.
pub(crate) fn many(
    cache: &(impl Cache<u32, u64> + Clone),
    (rounds, clears): (u64, bool),
    look: impl Fn(u32),
) {
    for round in 0..rounds {
        std::thread::scope(|scope| {
            for thread in 0..3 {
                scope.spawn(move || {
                    let mut drawn = (round * 3 + thread + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    for _ in 0..8 {
                        drawn ^= drawn << 13;
                        drawn ^= drawn >> 7;
                        drawn ^= drawn << 17;
                        step(cache, drawn, clears);
                    }
                });
            }
        });
        (0..3).for_each(&look);
    }
}
