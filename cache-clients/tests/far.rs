//! Caches that need I/O: the contract over one that only pretends to, and what computes goes on
//! where a client fails.

#[path = "common/remote.rs"]
mod remote;

use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{Cache, CacheExt, Client, Clock, ManualClock, Namespace, Near, Shared, wait};
use remote::{Fault, Remote, RemoteCache};

fn harness<C: Subject>(wrap: impl Fn(Cached) -> C + Send + Sync + 'static) -> Harness<C> {
    let time = ManualClock::new();
    let client = Remote::new(&time.clock());
    let open = move |name: &str| wrap(client.open(&Namespace::new(name)));
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

type Cached = RemoteCache<String, String>;

mod plain {
    use super::*;
    cache_core::conformance_tests!(harness(|remote| remote));
}

mod shared {
    use super::*;
    cache_core::conformance_tests!(harness(Shared::new));
}

fn remote() -> (Remote, Cached) {
    let client = Remote::new(&Clock::system());
    let cache = client.open(&Namespace::new("remote"));
    (client, cache)
}

fn key() -> String {
    "key".to_owned()
}

fn value() -> String {
    "value".to_owned()
}

#[test]
fn a_client_that_fails_fails_plain_reads_and_no_computation() {
    let (client, cache) = remote();
    client.set(Fault::Away);
    assert!(wait(cache.get(&key())).unwrap_err().is_unreachable());
    assert!(wait(cache.put_for(&key(), value(), 10)).is_err());
    assert_eq!(wait(cache.get_or_compute(&key(), || async { value() })), value());
    let failed = wait(cache.try_get_or_compute(&key(), || async { Err("own error") }));
    assert_eq!(failed, Err("own error"));
    let asked = [key(), value(), key()];
    let many = cache.get_or_compute_many(&asked, |missing| async { missing });
    assert_eq!(wait(many), asked);
    assert!(cache.flights().is_empty());
}

#[test]
fn a_client_that_fails_between_lookup_and_fill_fails_no_computation() {
    let (client, cache) = remote();
    let line = client.clone();
    let compute = move || async move {
        line.set(Fault::Away);
        value()
    };
    assert_eq!(wait(cache.get_or_compute(&key(), compute)), value());
    client.set(Fault::None);
    assert_eq!(wait(cache.get(&key())).unwrap(), None);
}

#[test]
fn a_stored_value_is_found_before_anything_is_computed() {
    let (_, cache) = remote();
    Near::put(&cache.server, key(), value());
    assert_eq!(wait(cache.get_or_compute(&key(), || async { unreachable!() })), value());
    let asked = [key(), value()];
    let many = cache.get_or_compute_many(&asked, |missing| async move {
        assert_eq!(missing, [value()]);
        missing
    });
    assert_eq!(wait(many), [value(), value()]);
}

#[test]
fn another_process_fences_through_the_lease() {
    let (_, cache) = remote();
    let server = cache.server.clone();
    let compute = move || async move {
        Near::delete(&server, &key());
        value()
    };
    assert_eq!(wait(cache.get_or_compute(&key(), compute)), value());
    assert_eq!(wait(cache.get(&key())).unwrap(), None);
}

#[test]
fn a_computation_that_is_fenced_gives_its_lease_back() {
    let (client, cache) = remote();
    let (source, one) = (cache.clone(), key());
    let fenced = cache.get_or_compute(&one, move || async move {
        source.fence(&key());
        value()
    });
    assert_eq!((wait(fenced), client.released()), (value(), 1));
    let source = cache.clone();
    let asked = [key(), value()];
    let many = cache.get_or_compute_many(&asked, move |missing| {
        source.fence(&key());
        async { missing }
    });
    assert_eq!((wait(many), client.released()), (asked.to_vec(), 2));
}
