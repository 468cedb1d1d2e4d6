//! What is put is found: the plain operations.

use super::harness::{Ability, Harness, Subject, key, text};
use crate::entry::{Aim, Entry, Lookup, PutWhen};
use crate::ext::CacheExt;
use crate::wait;
use std::time::Duration;

/// Acceptance C1.
pub fn c1_what_was_put_is_found<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    assert!(wait(cache.put_for(&key(1), text("one"), 10)).unwrap());
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("one")));
}

/// Acceptance C2.
pub fn c2_an_absent_key_is_a_miss<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
    assert_eq!(wait(cache.get(&key(1))).unwrap().unwrap_or(text("other")), "other");
}

/// Acceptance C4.
pub fn c4_add_stores_only_where_nothing_lives<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    assert!(wait(cache.add(&key(1), text("first"), 10)).unwrap());
    assert!(!wait(cache.add(&key(1), text("second"), 10)).unwrap());
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("first")));
    wait(cache.expire(&key(1))).unwrap();
    assert!(wait(cache.add(&key(1), text("third"), 10)).unwrap());
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("third")));
}

/// Acceptance C6.
pub fn c6_contains_tells_live_values_only<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    assert!(!wait(cache.contains(&key(1))).unwrap());
    wait(cache.put_for(&key(1), text("one"), 10)).unwrap();
    assert!(wait(cache.contains(&key(1))).unwrap());
    harness.advance_secs(11);
    assert!(!wait(cache.contains(&key(1))).unwrap());
}

/// Acceptance C8.
pub fn c8_get_many_answers_in_order<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(4), text("ten"), 10)).unwrap();
    let found = wait(cache.get_many(&[key(3), key(4), key(5)])).unwrap();
    assert_eq!(found, [None, Some(text("ten")), None]);
}

/// Acceptance C9.
pub fn c9_misses_among_many_are_no_errors<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let found = wait(cache.lookup_many(&[key(1), key(2)], Aim::Read)).unwrap();
    assert!(found.into_iter().all(|known| known.live().is_none()));
    assert!(wait(cache.lookup_many(&[], Aim::Read)).unwrap().is_empty());
}

/// Acceptance C11.
pub fn c11_delete_removes_that_key_only<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("one"), 10)).unwrap();
    wait(cache.put_for(&key(2), text("two"), 10)).unwrap();
    assert!(wait(cache.delete(&key(1))).unwrap());
    assert!(!wait(cache.delete(&key(1))).unwrap());
    let found = wait(cache.get_many(&[key(1), key(2)])).unwrap();
    assert_eq!(found, [None, Some(text("two"))]);
}

/// Acceptance C13.
pub fn c13_clear_makes_everything_miss<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    for n in 0..8 {
        wait(cache.put_for(&key(n), text("some"), 10)).unwrap();
    }
    wait(cache.clear()).unwrap();
    for n in 0..8 {
        assert_eq!(wait(cache.get(&key(n))).unwrap(), None);
    }
    wait(cache.put_for(&key(1), text("again"), 10)).unwrap();
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("again")));
}

/// Acceptance C16.
pub fn c16_usage_grows_and_capacity_stays<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let Some(near) = cache.near().filter(|_| harness.can(Ability::Usage)) else { return };
    let (used, capacity) = (near.used(), near.capacity());
    wait(cache.put_for(&key(1), text("one"), 10)).unwrap();
    assert!(near.used() > used, "{} after {used}", near.used());
    assert_eq!(near.capacity(), capacity);
}

/// Acceptance C17.
pub fn c17_a_miss_is_the_same_for_all_reads<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
    assert_eq!(wait(cache.get_ttl(&key(1))).unwrap(), None);
    assert_eq!(wait(cache.get_many(&[key(1)])).unwrap(), [None]);
    assert!(matches!(wait(cache.lookup(&key(1), Aim::Read)).unwrap(), Lookup::Missing { .. }));
}

/// From the contract of [`Cache::lookup_many`](crate::Cache::lookup_many).
pub fn lookups_of_many_keys_come_in_their_order<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    for n in 0..6 {
        wait(cache.put_for(&key(n), n.to_string(), 10)).unwrap();
    }
    let asked = [5, 0, 3, 9, 3];
    let keys: Vec<_> = asked.into_iter().map(key).collect();
    let found = wait(cache.lookup_many(&keys, Aim::Read)).unwrap();
    let values: Vec<_> = found.into_iter().map(|known| known.live().map(|(v, _)| v)).collect();
    let expected = asked.map(|n| (n < 6).then(|| n.to_string()));
    assert_eq!(values, expected);
}

/// From the contracts of [`Cache::put_many`](crate::Cache::put_many) and
/// [`Cache::delete_many`](crate::Cache::delete_many).
pub fn puts_and_deletes_of_many_keys_reach_them_all<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let entry = |n: u32| (key(n), Entry::new(n.to_string()).with_ttl(10));
    wait(cache.put_many((0..6).map(entry).collect())).unwrap();
    let keys: Vec<_> = (0..6).map(key).collect();
    let found = wait(cache.get_many(&keys)).unwrap();
    assert!(found.iter().enumerate().all(|(n, value)| *value == Some(n.to_string())), "{found:?}");
    wait(cache.delete_many(&keys[..3])).unwrap();
    let left: Vec<_> =
        wait(cache.get_many(&keys)).unwrap().into_iter().map(|v| v.is_some()).collect();
    assert_eq!(left, [false, false, false, true, true, true]);
}

/// From the contract of [`Cache::put`](crate::Cache::put).
pub fn an_overwritten_value_lives_as_long_as_the_new_one<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("old"), 1000)).unwrap();
    wait(cache.put_for(&key(1), text("new"), 10)).unwrap();
    let (value, left) = wait(cache.get_ttl(&key(1))).unwrap().unwrap();
    assert!(value == "new" && left <= Duration::from_secs(10), "{value} for {left:?}");
    harness.advance_secs(11);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
}

/// From the contract of [`Cache`](crate::Cache): what changes answer.
pub fn changes_tell_whether_there_was_a_live_value<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let minute = Some(Duration::from_secs(60));
    assert!(!wait(cache.renew(&key(1), minute)).unwrap());
    assert!(!wait(cache.expire(&key(1))).unwrap());
    assert!(!wait(cache.delete(&key(1))).unwrap());
    let entry = || Entry::new(text("one")).with_ttl(10);
    assert!(wait(cache.put(&key(1), entry(), PutWhen::Always)).unwrap());
    assert!(wait(cache.put(&key(1), entry(), PutWhen::Always)).unwrap());
    assert!(!wait(cache.put(&key(1), entry(), PutWhen::Absent)).unwrap());
    assert!(wait(cache.renew(&key(1), minute)).unwrap());
    assert!(wait(cache.expire(&key(1))).unwrap());
    assert!(!wait(cache.expire(&key(1))).unwrap());
    assert!(!wait(cache.renew(&key(1), minute)).unwrap());
    assert!(!wait(cache.delete(&key(1))).unwrap());
}
