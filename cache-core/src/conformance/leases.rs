//! Leases: leave to store what was missing, unless something newer happened to the key.

use super::harness::{Ability, Harness, Subject, key, text};
use crate::entry::{Aim, Entry, Filled, Lease, Lookup};
use crate::ext::CacheExt;
use crate::wait;

fn lease<C: Subject>(cache: &C, n: u32) -> Lease {
    match wait(cache.lookup(&key(n), Aim::Compute)).unwrap() {
        Lookup::Missing { lease, .. } | Lookup::Expired { lease, .. } => lease,
        live => panic!("no lease with {live:?}"),
    }
}

fn fill<C: Subject>(cache: &C, n: u32, lease: Lease) -> Filled {
    wait(cache.fill(&key(n), Entry::new(text("computed")).with_ttl(100), lease)).unwrap()
}

/// From the contract of [`Cache::fill`](crate::Cache::fill).
pub fn a_lease_stores_what_was_missing<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let lease = lease(&cache, 1);
    assert_eq!(fill(&cache, 1, lease), Filled::Stored);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("computed")));
}

/// From the contract of [`Lease`].
pub fn a_lease_is_worthless_after_a_put<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let lease = lease(&cache, 1);
    wait(cache.put_for(&key(1), text("put"), 100)).unwrap();
    assert_eq!(fill(&cache, 1, lease), Filled::Fenced);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("put")));
}

/// From the contract of [`Lease`]: also where there was nothing to delete.
pub fn a_lease_is_worthless_after_a_delete<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let held = lease(&cache, 1);
    wait(cache.delete(&key(1))).unwrap();
    assert_eq!(fill(&cache, 1, held), Filled::Fenced);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
    let newer = lease(&cache, 1);
    assert_eq!(fill(&cache, 1, newer), Filled::Stored);
}

/// From the contract of [`Lease`].
pub fn a_lease_is_worthless_after_an_expire<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let lease = lease(&cache, 1);
    wait(cache.expire(&key(1))).unwrap();
    assert_eq!(fill(&cache, 1, lease), Filled::Fenced);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
}

/// From the contract of [`Lease`].
pub fn a_lease_is_worthless_after_a_clear<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let lease = lease(&cache, 1);
    wait(cache.clear()).unwrap();
    assert_eq!(fill(&cache, 1, lease), Filled::Fenced);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
}

/// From the contract of [`Lookup::Expired`].
pub fn the_lease_of_an_expired_value_replaces_it<C: Subject>(harness: &Harness<C>) {
    if !harness.can(Ability::Grace) {
        return;
    }
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("old"), 10)).unwrap();
    harness.advance_secs(11);
    let lease = lease(&cache, 1);
    assert_eq!(fill(&cache, 1, lease), Filled::Stored);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("computed")));
}
