//! Memory by bytes: the client contract, and never more than its capacity.

use cache_clients::encoded::{Backend, Compression, Encoded, EncodedCache, EncodedOptions, Solo};
use cache_core::conformance::{Ability, Harness};
use cache_core::{CacheExt, Client, Clock, ManualClock, Namespace, TagSource, wait};
use cache_regions::MemoryBytes;
use std::time::Duration;

type Plain = EncodedCache<Solo<MemoryBytes>, String, String>;

fn harness() -> Harness<Plain> {
    let time = ManualClock::new();
    let store = MemoryBytes::new(64 << 20, time.clock());
    let server = Solo::new(store).with_clock(time.clock());
    let options =
        EncodedOptions::new().with_clock(time.clock()).with_grace(Duration::from_secs(100_000));
    let client = Encoded::with_options(server, options).unwrap();
    let open = move |name: &str| {
        let space = Namespace::new(name).with(TagSource::local());
        Client::<String, String>::open(&client, &space)
    };
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

cache_core::conformance_tests!(harness());

#[test]
fn it_never_takes_more_than_its_capacity() {
    const CAPACITY: u64 = 1 << 20;
    let store = MemoryBytes::new(CAPACITY, Clock::system());
    let options = EncodedOptions::new().with_compression(Compression::Off);
    let client = Encoded::with_options(Solo::new(store.clone()), options).unwrap();
    let cache = client.open::<u32, String>("pages");
    for key in 0..3000 {
        let value = "x".repeat((key as usize * 37) % 3000);
        wait(cache.put_for(&key, value, 60)).unwrap();
        assert!(store.used() <= CAPACITY, "{}", store.used());
    }
    assert!(store.used() > CAPACITY * 9 / 10, "it is used: {}", store.used());
    assert!(wait(cache.get(&2999)).unwrap().is_some());
    assert_eq!(wait(cache.get(&0)).unwrap(), None, "the oldest went");
}

#[test]
fn the_least_recently_used_goes_first() {
    // Room for two values of 1000 bytes beside their keys and 128 bytes each.
    let store = MemoryBytes::new(2 * (1000 + 1 + 128), Clock::system());
    let bytes = || bytes::Bytes::from(vec![7; 1000]);
    wait(store.put("a", bytes(), None)).unwrap();
    wait(store.put("b", bytes(), None)).unwrap();
    assert!(wait(store.get("a")).unwrap().is_some());
    wait(store.put("c", bytes(), None)).unwrap();
    assert!(wait(store.get("b")).unwrap().is_none(), "a was used since");
    assert!(wait(store.get("a")).unwrap().is_some());
    assert_eq!(store.used(), store.capacity());
}

#[test]
fn what_does_not_fit_leaves_no_older_value_behind() {
    let store = MemoryBytes::new(1000, Clock::system());
    wait(store.put("a", bytes::Bytes::from_static(b"old"), None)).unwrap();
    wait(store.put("a", bytes::Bytes::from(vec![7; 5000]), None)).unwrap();
    assert!(wait(store.get("a")).unwrap().is_none());
}

#[test]
fn a_slice_does_not_keep_the_buffer_that_it_was_cut_from() {
    let store = MemoryBytes::new(1 << 20, Clock::system());
    let whole = bytes::Bytes::from(vec![7; 100_000]);
    wait(store.put("a", whole.slice(0..10), None)).unwrap();
    assert!(whole.is_unique(), "nobody else holds it");
    assert_eq!(wait(store.get("a")).unwrap().unwrap().len(), 10);
}

#[test]
fn what_is_kept_for_a_time_is_gone_after_it() {
    let time = ManualClock::new();
    let store = MemoryBytes::new(1 << 20, time.clock());
    let second = Duration::from_secs(1);
    wait(store.put("a", bytes::Bytes::from_static(b"x"), Some(second))).unwrap();
    assert!(wait(store.get("a")).unwrap().is_some());
    time.advance(2 * second);
    assert!(wait(store.get("a")).unwrap().is_none());
    assert!(!wait(store.delete("a")).unwrap());
}
