//! The in-process client beyond the contract: names, clones, private caches, defaults, lifetimes.

use cache_clients::{Inproc, Null, OpenOptions};
use cache_core::{Client, Eviction, ManualClock, Namespace, Near};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn c24_names_types_and_the_raw_client_are_independent() {
    let caches = Inproc::new(100);
    let (a, b, raw) =
        (caches.open::<u32, u32>("a"), caches.open::<u32, u32>("b"), caches.open::<u32, u32>(""));
    let other_types = caches.open::<u32, u64>("a");
    for (n, cache) in [&a, &b, &raw].into_iter().enumerate() {
        cache.put(7, n as u32);
    }
    assert_eq!((a.get(&7), b.get(&7), raw.get(&7)), (Some(0), Some(1), Some(2)));
    assert_eq!(other_types.get(&7), None);
    assert_eq!(caches.used(), 3);
}

#[test]
fn c25_clearing_one_cache_leaves_the_others() {
    let caches = Inproc::new(100);
    let (a, b) = (caches.open::<u32, u32>("a"), caches.open::<u32, u32>("b"));
    a.put(7, 1);
    b.put(7, 2);
    a.clear();
    assert_eq!((a.get(&7), b.get(&7), caches.used()), (None, Some(2), 1));
}

#[test]
fn c27_all_handles_and_clones_see_the_same() {
    let caches = Inproc::new(100);
    let other = caches.clone();
    let (here, there) = (caches.open::<u32, u32>("a"), other.open::<u32, u32>("a"));
    assert!(here.is_same(&there));
    here.put(7, 1);
    there.clear();
    assert_eq!(here.get(&7), None);
}

#[test]
fn a_name_is_opened_once_by_all_threads() {
    let caches = Inproc::new(100);
    let opened: Vec<_> = thread::scope(|scope| {
        let open = || scope.spawn(|| caches.open::<u32, u32>("a"));
        let threads: Vec<_> = (0..8).map(|_| open()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(opened.iter().all(|cache| cache.is_same(&opened[0])));
}

#[test]
fn a_client_can_be_a_static() {
    static CACHES: Inproc = Inproc::new(10).with_eviction(Eviction::Lru);
    assert_eq!(CACHES.used(), 0);
    CACHES.open::<u32, u32>("a").put(1, 1);
    assert_eq!(CACHES.open::<u32, u32>("a").get(&1), Some(1));
}

#[test]
fn purge_and_clear_reach_all_caches() {
    let time = ManualClock::new();
    let caches = Inproc::new(100).with_clock(time.clock());
    let (a, b) = (caches.open::<u32, u32>("a"), caches.open::<String, u32>("b"));
    let private = Client::<u32, u32>::open(&caches, &Namespace::private("p"));
    a.put_for(1, 1, 10);
    b.put_for("b".to_owned(), 1, 20);
    private.put_for(1, 1, 20);
    a.put(2, 2);
    time.advance(Duration::from_secs(30));
    assert_eq!(caches.purge(Duration::from_secs(15)), 1);
    assert_eq!((a.len(), b.len(), private.len()), (1, 1, 1));
    assert_eq!(caches.purge(Duration::ZERO), 2);
    private.put(3, 3);
    assert_eq!(caches.used(), 2);
    caches.clear();
    assert!(caches.used() == 0 && a.is_empty() && private.is_empty());
}

#[test]
fn private_namespaces_are_nobody_elses() {
    let caches = Inproc::new(100);
    let open = |namespace: Namespace| Client::<u32, u32>::open(&caches, &namespace);
    let (one, two) = (open(Namespace::private("p")), open(Namespace::private("p")));
    one.put(1, 1);
    assert_eq!((two.get(&1), open(Namespace::new("p")).get(&1)), (None, None));
    assert_eq!(caches.used(), 1);
    drop(one);
    assert_eq!(caches.used(), 0, "what nobody can reach takes room");
}

#[test]
fn the_weigher_of_a_namespace_counts() {
    let caches = Inproc::weighing(100);
    for namespace in [Namespace::new("shared"), Namespace::private("own")] {
        let namespace = namespace.with_weigher::<u32, u32>(Arc::new(|_, value| *value));
        let cache = Client::<u32, u32>::open(&caches, &namespace);
        cache.put(1, 30);
        assert_eq!(cache.used(), 30);
    }
}

#[test]
fn default_ttls_of_client_and_cache_count_for_values_without_one() {
    let time = ManualClock::new();
    let caches = Inproc::new(100).with_clock(time.clock()).with_ttl(10);
    let plain = caches.open::<u32, u32>("plain");
    let longer = caches.open_with::<u32, u32>("longer", OpenOptions::new().with_ttl(100));
    let endless =
        caches.open_with::<u32, u32>("endless", OpenOptions::new().with_ttl(None::<Duration>));
    for cache in [&plain, &longer, &endless] {
        cache.put(1, 1);
        cache.add(2, 2);
        cache.get_or_compute(&3, || 3);
        cache.get_or_compute_many(&[4], |_| vec![4]);
        cache.put_for(5, 5, 1000);
    }
    let live =
        |cache: &Near<u32, u32>| cache.get_many(&[1, 2, 3, 4, 5]).into_iter().flatten().count();
    time.advance(Duration::from_secs(10));
    assert_eq!((live(&plain), live(&longer), live(&endless)), (1, 5, 5));
    time.advance(Duration::from_secs(90));
    assert_eq!((live(&plain), live(&longer), live(&endless)), (1, 1, 5));
}

#[test]
fn everything_is_dropped_with_the_client_and_its_caches() {
    let value = Arc::new(());
    let caches = Inproc::new(100);
    let cache = caches.open::<u32, Arc<()>>("a");
    for key in 0..200 {
        cache.put(key, value.clone());
        cache.get_or_compute(&(1000 + key), || value.clone());
    }
    cache.put(1, value.clone());
    cache.delete(&1);
    drop(caches);
    assert_eq!((cache.len(), Arc::strong_count(&value)), (99, 100));
    drop(cache);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn borrowed_keys_find_owned_ones() {
    let cache = Inproc::new(100).open::<String, u32>("a");
    cache.put("bread".to_owned(), 1);
    assert_eq!((cache.get("bread"), cache.peek("bread")), (Some(1), Some(1)));
    assert!(cache.contains("bread") && cache.renew("bread", 10) && cache.expire("bread"));
    assert_eq!(cache.get_or_compute("bread", || 2), 2);
    assert_eq!(cache.get_many(["bread", "milk"]), [Some(2), None]);
    assert_eq!(cache.delete_many(["bread", "milk"]), 1);
    let bytes = Inproc::new(100).open::<Vec<u8>, u32>("b");
    bytes.put(vec![1, 2], 3);
    assert_eq!(bytes.get([1_u8, 2].as_slice()), Some(3));
}

#[test]
fn null_computes_each_time() {
    let cache = Client::<u32, u32>::open(&Null, &Namespace::new("a"));
    let calls = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let calls = calls.clone();
        let compute = move || async move { calls.fetch_add(1, Ordering::Relaxed) as u32 };
        cache_core::wait(cache_core::CacheExt::get_or_compute(&cache, &1, compute));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}
