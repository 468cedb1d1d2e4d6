//! The fence under fire: whatever is stored was computed after the last change of its key.

use cache_clients::{Inproc, OpenOptions};
use cache_core::{Aim, Cache, CacheExt, Entry, Eviction, Filled, Lease, Lookup, Near, wait};
use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

type Versions = Near<u64, u64>;

const CHANGES: u64 = 1_000;

/// One writer changes the source, then the cache; two readers must never see an older version
/// after a newer one, and in the end the cache must not hold an old one.
fn no_version_comes_back(
    write: impl Fn(&Versions, u64),
    read: impl Fn(&Versions, &Arc<AtomicU64>) -> u64 + Sync,
) {
    for order in [Eviction::S3Fifo, Eviction::Lru] {
        let cache: Versions = Inproc::new(100).with_eviction(order).open("versions");
        let (source, done) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut newest = 0;
                    while !done.load(Ordering::Acquire) {
                        let version = read(&cache, &source);
                        assert!(version >= newest, "{version} after {newest}");
                        newest = version;
                    }
                });
            }
            for version in 1..=CHANGES {
                source.store(version, Ordering::Release);
                write(&cache, version);
                if version % 64 == 0 {
                    thread::yield_now();
                }
            }
            done.store(true, Ordering::Release);
        });
        assert!(Near::get(&cache, &7).is_none_or(|version| version == CHANGES));
        assert!(Near::flights(&cache).is_empty());
    }
}

const WRITES: [fn(&Versions, u64); 4] = [
    |cache, _| _ = Near::delete(cache, &7),
    |cache, version| assert!(Near::put(cache, 7, version)),
    |cache, _| _ = Near::expire(cache, &7),
    |cache, _| Near::clear(cache),
];

#[test]
fn x1_of_blocking_computations() {
    for write in WRITES {
        no_version_comes_back(write, |cache, source| {
            Near::get_or_compute(cache, &7, || source.load(Ordering::Acquire))
        });
    }
}

#[test]
fn x1_of_blocking_batches() {
    for write in WRITES {
        no_version_comes_back(write, |cache, source| {
            Near::get_or_compute_many(cache, &[6, 7], |missing| {
                missing.iter().map(|_| source.load(Ordering::Acquire)).collect()
            })[1]
        });
    }
}

#[test]
fn x1_of_tasks() {
    for write in WRITES {
        no_version_comes_back(write, |cache, source| {
            let source = source.clone();
            let compute = move || async move { source.load(Ordering::Acquire) };
            wait(CacheExt::get_or_compute(cache, &7, compute))
        });
    }
}

#[test]
fn x1_of_batches_of_tasks() {
    for write in WRITES {
        no_version_comes_back(write, |cache, source| {
            let source = source.clone();
            let compute = move |missing: Vec<u64>| {
                let source = source.clone();
                async move { missing.iter().map(|_| source.load(Ordering::Acquire)).collect() }
            };
            wait(CacheExt::get_or_compute_many(cache, &[7, 8], compute))[0]
        });
    }
}

#[test]
fn x1_of_leases() {
    for write in WRITES {
        no_version_comes_back(write, |cache, source| {
            match wait(cache.lookup(&7, Aim::Compute)).unwrap() {
                Lookup::Fresh { value, .. } | Lookup::Stale { value, .. } => value,
                Lookup::Missing { lease, .. } | Lookup::Expired { lease, .. } => {
                    let version = source.load(Ordering::Acquire);
                    wait(cache.fill(&7, Entry::new(version), lease)).unwrap();
                    version
                }
            }
        });
    }
}

fn lease_of<K: Hash + Eq + Clone + Send + Sync + 'static>(cache: &Near<K, u64>, key: &K) -> Lease {
    match wait(cache.lookup(key, Aim::Compute)).unwrap() {
        Lookup::Missing { lease, .. } | Lookup::Expired { lease, .. } => lease,
        live => panic!("no lease with {live:?}"),
    }
}

/// The weigher is asked after the put has begun and before it is there.
#[test]
fn x1_a_lease_taken_in_the_middle_of_a_put_is_worthless() {
    static CACHE: OnceLock<Versions> = OnceLock::new();
    static LEASE: OnceLock<Lease> = OnceLock::new();
    let weigher = |key: &u64, _: &u64| {
        let cache = CACHE.get().unwrap();
        LEASE.get_or_init(|| lease_of(cache, key));
        1
    };
    let options = OpenOptions::new().with_weigher(weigher);
    let cache = CACHE.get_or_init(|| Inproc::new(10).open_with("middle", options));
    Near::put(cache, 7, 1);
    let lease = LEASE.get().cloned().unwrap();
    assert_eq!(wait(cache.fill(&7, Entry::new(0), lease)).unwrap(), Filled::Fenced);
    assert_eq!(Near::get(cache, &7), Some(1));
}

/// A key whose comparison calls back, once.
#[derive(Debug, Clone)]
struct Meddler(u64);

thread_local! { static MEDDLE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) }; }

impl PartialEq for Meddler {
    fn eq(&self, other: &Self) -> bool {
        if let Some(meddle) = MEDDLE.take() {
            meddle();
        }
        self.0 == other.0
    }
}
impl Eq for Meddler {}
impl Hash for Meddler {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn x1_a_lease_is_worthless_after_a_delete_in_the_middle_of_its_lookup() {
    let cache = Inproc::new(10).open::<Meddler, u64>("meddled");
    Near::put_for(&cache, Meddler(7), 1, 0);
    let same = cache.clone();
    MEDDLE.set(Some(Box::new(move || assert!(!Near::delete(&same, &Meddler(7))))));
    let lease = lease_of(&cache, &Meddler(7));
    let filled = wait(cache.fill(&Meddler(7), Entry::new(0), lease)).unwrap();
    assert_eq!(filled, Filled::Fenced);
}
