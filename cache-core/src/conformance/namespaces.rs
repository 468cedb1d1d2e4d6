//! Namespaces keep apart, and handles of one namespace see the same.

use super::harness::{Harness, Subject, key, text};
use crate::ext::CacheExt;
use crate::wait;

/// Acceptance C24.
pub fn c24_namespaces_and_the_raw_client_are_independent<C: Subject>(harness: &Harness<C>) {
    let all = [harness.fresh(), harness.fresh(), harness.open("")];
    let shared = format!("{} {}", key(1), harness.name());
    for (n, cache) in all.iter().enumerate() {
        wait(cache.put_for(&shared, n.to_string(), 100)).unwrap();
    }
    for (n, cache) in all.iter().enumerate() {
        assert_eq!(wait(cache.get(&shared)).unwrap(), Some(n.to_string()));
    }
    wait(all[0].delete(&shared)).unwrap();
    assert_eq!(wait(all[0].get(&shared)).unwrap(), None);
    assert_eq!(wait(all[1].get(&shared)).unwrap(), Some(text("1")));
    assert_eq!(wait(all[2].get(&shared)).unwrap(), Some(text("2")));
}

/// Acceptance C25.
pub fn c25_clearing_a_namespace_leaves_the_others<C: Subject>(harness: &Harness<C>) {
    let (cleared, other, raw) = (harness.fresh(), harness.fresh(), harness.open(""));
    let shared = format!("{} {}", key(1), harness.name());
    for cache in [&cleared, &other, &raw] {
        wait(cache.put_for(&shared, text("some"), 100)).unwrap();
    }
    wait(cleared.clear()).unwrap();
    assert_eq!(wait(cleared.get(&shared)).unwrap(), None);
    assert_eq!(wait(other.get(&shared)).unwrap(), Some(text("some")));
    assert_eq!(wait(raw.get(&shared)).unwrap(), Some(text("some")));
}

/// Acceptance C27.
pub fn c27_another_handle_sees_a_clear<C: Subject>(harness: &Harness<C>) {
    let name = harness.name();
    let (one, other) = (harness.open(&name), harness.open(&name));
    wait(one.put_for(&key(1), text("one"), 1000)).unwrap();
    harness.settle();
    assert_eq!(wait(other.get(&key(1))).unwrap(), Some(text("one")));
    wait(one.clear()).unwrap();
    harness.settle();
    assert_eq!(wait(other.get(&key(1))).unwrap(), None);
    // Nor does the other one bring it back.
    assert_eq!(wait(one.get(&key(1))).unwrap(), None);
}

/// Acceptance C26: a second handle has no generation of its own, it follows that of the first.
pub fn c26_a_second_handle_follows_the_generation_of_the_first<C: Subject>(harness: &Harness<C>) {
    let name = harness.name();
    let (one, other) = (harness.open(&name), harness.open(&name));
    wait(one.put_for(&key(1), text("one's"), 10_000)).unwrap();
    harness.settle();
    assert_eq!(wait(other.get(&key(1))).unwrap(), Some(text("one's")));
    wait(other.put_for(&key(2), text("other's"), 10_000)).unwrap();
    harness.settle();
    assert_eq!(wait(one.get(&key(2))).unwrap(), Some(text("other's")));
    // After a clear by either, both read and write in the new one.
    for round in 0..2 {
        let cleared = if round == 0 { &one } else { &other };
        wait(cleared.clear()).unwrap();
        harness.settle();
        for cache in [&one, &other] {
            assert_eq!(wait(cache.get_many(&[key(1), key(2)])).unwrap(), [None, None]);
        }
        wait(one.put_for(&key(1), format!("one's {round}"), 10_000)).unwrap();
        wait(other.put_for(&key(2), format!("other's {round}"), 10_000)).unwrap();
        harness.settle();
        let expected = [Some(format!("one's {round}")), Some(format!("other's {round}"))];
        for cache in [&one, &other] {
            assert_eq!(wait(cache.get_many(&[key(1), key(2)])).unwrap(), expected);
        }
    }
}
