//! What a client tells of a key is what a lookup finds, and telling it changes nothing.

use super::harness::{Ability, Harness, Subject, key, text};
use crate::entry::{Aim, Entry, Lookup};
use crate::explain::{Explanation, TierState, Verdict};
use crate::ext::CacheExt;
use crate::wait;
use std::time::Duration;

fn verdict<C: Subject>(cache: &C, n: u32) -> Verdict {
    Explanation::of("", wait(cache.explain(&key(n)))).verdict
}

/// Whether an explanation agrees with the lookup after it.
fn agree<C: Subject>(cache: &C, n: u32) {
    let told = verdict(cache, n);
    let found = wait(cache.lookup(&key(n), Aim::Read)).unwrap();
    let agrees = match (&found, told) {
        (Lookup::Fresh { .. }, Verdict::Hit) | (Lookup::Stale { .. }, Verdict::StaleHit) => true,
        (Lookup::Expired { .. }, Verdict::Miss(reason)) => reason == crate::Reason::Expired,
        (Lookup::Missing { reason, .. }, Verdict::Miss(told)) => *reason == told,
        _ => false,
    };
    assert!(agrees, "told {told:?}, found {found:?}");
}

/// What is explained is what a lookup finds, through the whole life of a value.
pub fn an_explanation_agrees_with_the_lookup<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    agree(&cache, 1);
    wait(cache.put_for(&key(1), text("one"), 10)).unwrap();
    agree(&cache, 1);
    assert_eq!(verdict(&cache, 1), Verdict::Hit);
    harness.advance_secs(11);
    agree(&cache, 1);
    wait(cache.put_for(&key(2), text("two"), 10)).unwrap();
    wait(cache.delete(&key(2))).unwrap();
    agree(&cache, 2);
    wait(cache.put_for(&key(3), text("three"), 10)).unwrap();
    wait(cache.expire(&key(3))).unwrap();
    agree(&cache, 3);
    wait(cache.clear()).unwrap();
    agree(&cache, 1);
    if harness.can(Ability::Refresh) {
        let after = Duration::from_secs(10);
        let entry = Entry::new(text("four")).with_ttl(60).with_refresh_after(after);
        wait(cache.put(&key(4), entry, crate::PutWhen::Always)).unwrap();
        agree(&cache, 4);
        harness.advance_secs(11);
        agree(&cache, 4);
        assert_eq!(verdict(&cache, 4), Verdict::StaleHit);
    }
}

/// Two explanations are the same, and the lease that comes after them is as good as ever.
pub fn an_explanation_changes_nothing<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    let first = wait(cache.explain(&key(1)));
    assert_eq!(first, wait(cache.explain(&key(1))));
    assert!(!first.is_empty(), "every cache has a tier");
    let Lookup::Missing { lease, .. } = wait(cache.lookup(&key(1), Aim::Compute)).unwrap() else {
        panic!("there is nothing yet")
    };
    // While somebody has the lease, and neither takes it from him nor waits for him.
    assert!(wait(cache.explain(&key(1))).iter().all(|tier| !tier.state.is_live()));
    let filled = wait(cache.fill(&key(1), Entry::new(text("one")).with_ttl(10), lease)).unwrap();
    assert_eq!(filled, crate::Filled::Stored);
    assert_eq!(verdict(&cache, 1), Verdict::Hit);
}

/// What is left of the TTL is told by a tier that has the value.
pub fn an_explanation_tells_what_is_left<C: Subject>(harness: &Harness<C>) {
    let cache = harness.fresh();
    wait(cache.put_for(&key(1), text("one"), 60)).unwrap();
    harness.advance_secs(10);
    let told = wait(cache.explain(&key(1)));
    let Some(TierState::Fresh { left: Some(left), .. }) =
        told.iter().map(|tier| &tier.state).find(|state| state.is_live())
    else {
        panic!("{told:?}")
    };
    assert!(*left <= Duration::from_secs(50) && *left > Duration::from_secs(40), "{left:?}");
}
