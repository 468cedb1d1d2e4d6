//! How long values live.

use super::harness::{Ability, Harness, Subject, key, text};
use crate::entry::{Aim, Entry, Lookup, PutWhen};
use crate::ext::CacheExt;
use crate::wait;
use std::time::Duration;

const TEN: Duration = Duration::from_secs(10);

/// Acceptance C3.
pub fn c3_a_ttl_of_zero_is_over_at_once<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("one"), 0)).unwrap();
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
    harness.advance(Duration::from_millis(1));
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
    // Also over a value that lived.
    wait(cache.put_for(&key(2), text("two"), 10)).unwrap();
    wait(cache.put_for(&key(2), text("none"), 0)).unwrap();
    assert_eq!(wait(cache.get(&key(2))).unwrap(), None);
}

/// Acceptance C5.
pub fn c5_renew_lengthens_and_never_shortens<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("one"), 10)).unwrap();
    let left = || wait(cache.get_ttl(&key(1))).unwrap().expect("the value is gone").1;
    assert!(wait(cache.renew(&key(1), Some(Duration::from_secs(1)))).unwrap());
    assert!(left() > Duration::from_secs(5), "shortened to {:?}", left());
    assert!(wait(cache.renew(&key(1), Some(Duration::from_secs(20)))).unwrap());
    assert!(left() > TEN, "only {:?}", left());
    harness.advance_secs(12);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("one")));
    harness.advance_secs(9);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
}

/// Acceptance C7.
pub fn c7_get_ttl_tells_what_is_left<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("one"), 10)).unwrap();
    let (value, left) = wait(cache.get_ttl(&key(1))).unwrap().unwrap();
    assert!(value == "one" && left <= TEN && left > Duration::ZERO);
    harness.advance_secs(4);
    let (_, left) = wait(cache.get_ttl(&key(1))).unwrap().unwrap();
    assert!(left <= Duration::from_secs(6) && left > Duration::ZERO, "{left:?}");
    assert_eq!(wait(cache.get_ttl(&key(2))).unwrap(), None);
}

/// Acceptance C10.
pub fn c10_a_value_with_little_time_left_is_still_found<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("short"), 9)).unwrap();
    wait(cache.put_for(&key(2), text("long"), 100)).unwrap();
    harness.advance_secs(6);
    assert!(wait(cache.get_ttl(&key(1))).unwrap().is_some());
    let found = wait(cache.get_many(&[key(1), key(2)])).unwrap();
    assert_eq!(found, [Some(text("short")), Some(text("long"))]);
}

/// Acceptance C12.
pub fn c12_an_expired_value_is_a_miss<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("one"), 10)).unwrap();
    wait(cache.put_for(&key(2), text("two"), 10)).unwrap();
    assert!(wait(cache.expire(&key(1))).unwrap());
    assert_eq!(wait(cache.get_ttl(&key(1))).unwrap(), None);
    assert_eq!(wait(cache.get(&key(2))).unwrap(), Some(text("two")));
}

/// Acceptance C14.
pub fn c14_purge_takes_what_has_been_expired_long_enough<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("dead"), 10)).unwrap();
    wait(cache.put_for(&key(2), text("alive"), 1000)).unwrap();
    harness.advance_secs(11);
    wait(cache.purge(Duration::from_secs(86_400))).unwrap();
    if harness.can(Ability::Grace) {
        let known = wait(cache.lookup(&key(1), Aim::Read)).unwrap();
        assert!(matches!(known, Lookup::Expired { ref value, .. } if value == "dead"), "{known:?}");
    }
    wait(cache.purge(Duration::ZERO)).unwrap();
    let known = wait(cache.lookup(&key(1), Aim::Read)).unwrap();
    assert!(matches!(known, Lookup::Missing { .. }), "{known:?}");
    assert_eq!(wait(cache.get(&key(2))).unwrap(), Some(text("alive")));
}

/// From the contract of [`Cache::expire`](crate::Cache::expire) and [`Lookup::Expired`].
pub fn an_expired_value_stays_for_grace<C: Subject>(harness: &Harness<C>) {
    if !harness.can(Ability::Grace) {
        return;
    }
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("by call"), 100)).unwrap();
    wait(cache.put_for(&key(2), text("by age"), 10)).unwrap();
    assert!(wait(cache.expire(&key(1))).unwrap());
    harness.advance_secs(15);
    for (n, value_then, least) in [(1, "by call", 15), (2, "by age", 5)] {
        match wait(cache.lookup(&key(n), Aim::Read)).unwrap() {
            Lookup::Expired { value, since, by_call, .. } => {
                assert_eq!((value.as_str(), by_call), (value_then, n == 1));
                assert!(since + Duration::from_secs(1) >= Duration::from_secs(least), "{since:?}");
            }
            other => panic!("not expired but {other:?}"),
        }
    }
}

/// From the contract of [`Lookup::Stale`].
pub fn a_refresh_point_makes_a_value_stale_and_not_dead<C: Subject>(harness: &Harness<C>) {
    if !harness.can(Ability::Refresh) {
        return;
    }
    let cache = harness.fresh();
    let entry = Entry::new(text("one")).with_ttl(100).with_refresh_after(Duration::from_secs(50));
    wait(cache.put(&key(1), entry, PutWhen::Always)).unwrap();
    harness.advance_secs(40);
    assert!(matches!(wait(cache.lookup(&key(1), Aim::Read)).unwrap(), Lookup::Fresh { .. }));
    harness.advance_secs(11);
    let known = wait(cache.lookup(&key(1), Aim::Read)).unwrap();
    assert!(matches!(known, Lookup::Stale { ref value, .. } if value == "one"), "{known:?}");
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("one")));
    harness.advance_secs(50);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
}

/// Acceptance X18.
pub fn x18_a_ttl_without_end_does_not_end<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("longest"), Duration::MAX)).unwrap();
    wait(cache.put_for(&key(2), text("none"), None::<Duration>)).unwrap();
    harness.advance_secs(3);
    for n in [1, 2] {
        let (_, left) = wait(cache.get_ttl(&key(n))).unwrap().expect("it ended");
        // A server may have a longest TTL of its own.
        assert!(left > Duration::from_secs(20 * 86_400), "{left:?}");
    }
}

/// Acceptance X18.
pub fn x18_a_ttl_of_a_millisecond_ends<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("short"), Duration::from_millis(1))).unwrap();
    if let Some((_, left)) = wait(cache.get_ttl(&key(1))).unwrap()
        && harness.can(Ability::Milliseconds)
    {
        assert!(left <= Duration::from_millis(1), "{left:?}");
    }
    let enough = if harness.can(Ability::Milliseconds) { 1 } else { 1001 };
    harness.advance(Duration::from_millis(enough));
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
}
