//! Tags: what was stored under an older version than there is now does not count.
//!
//! The versions are those of this process, so that each client can be asked alike.

use super::harness::{Ability, Harness, Subject, key, text};
use crate::entry::{Aim, Entry, Filled, Lookup, PutWhen, Reason};
use crate::ext::CacheExt;
use crate::tags::{Invalidation, TagSource, Tags};
use crate::wait;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A tag that nothing else in this process uses.
fn fresh_tag() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("conformance {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn capture(names: &[&String]) -> Tags {
    let names: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
    wait(TagSource::local().capture(&names)).unwrap()
}

fn invalidate(name: &str, how: Invalidation) {
    // Other tests of the process may have sources whose servers are gone.
    wait(TagSource::local().invalidate(&[name.to_owned()], how)).unwrap();
}

fn put<C: Subject>(cache: &C, n: u32, value: &str, tags: Tags) {
    let entry = Entry::new(text(value)).with_ttl(100).with_tags(tags);
    assert!(wait(cache.put(&key(n), entry, PutWhen::Always)).unwrap());
}

fn look<C: Subject>(cache: &C, n: u32) -> Lookup<String> {
    wait(cache.lookup(&key(n), Aim::Read)).unwrap()
}

#[track_caller]
fn assert_gone<C: Subject>(cache: &C, n: u32) {
    let found = look(cache, n);
    assert!(matches!(found, Lookup::Missing { reason: Reason::Tag, .. }), "{found:?}");
    assert_eq!(wait(cache.get_many(&[key(n)])).unwrap(), [None]);
}

/// A value with tags is found until one of them is invalidated, and those of others stay.
pub fn a_value_lives_as_long_as_all_its_tags<C: Subject>(harness: &Harness<C>) {
    if !harness.can(Ability::Tags) {
        return;
    }
    let (cache, team, one) = (harness.fresh(), fresh_tag(), fresh_tag());
    put(&cache, 1, "one", capture(&[&team, &one]));
    put(&cache, 2, "two", capture(&[&team]));
    put(&cache, 3, "three", Tags::none());
    let found = wait(cache.get(&key(1))).unwrap();
    let hint = "caches are to be opened under `TagSource::local()`";
    assert_eq!(found, Some(text("one")), "{hint}");
    invalidate(&one, Invalidation::Hard);
    assert_gone(&cache, 1);
    assert_eq!(wait(cache.get(&key(2))).unwrap(), Some(text("two")));
    invalidate(&team, Invalidation::Hard);
    assert_gone(&cache, 2);
    assert_eq!(wait(cache.get(&key(3))).unwrap(), Some(text("three")));
    put(&cache, 2, "new", capture(&[&team]));
    assert_eq!(wait(cache.get(&key(2))).unwrap(), Some(text("new")));
}

/// After a soft invalidation a value is stale, and whoever refreshes it stores a fresh one.
pub fn a_soft_invalidation_makes_values_stale<C: Subject>(harness: &Harness<C>) {
    if !harness.can(Ability::Tags) {
        return;
    }
    let (cache, team) = (harness.fresh(), fresh_tag());
    put(&cache, 1, "old", capture(&[&team]));
    invalidate(&team, Invalidation::Soft);
    let found = look(&cache, 1);
    assert!(matches!(&found, Lookup::Stale { value, .. } if value == "old"), "{found:?}");
    let tags = capture(&[&team]);
    let found = wait(cache.lookup(&key(1), Aim::Refresh)).unwrap();
    let Lookup::Stale { lease, .. } = found else { panic!("{found:?}") };
    let entry = Entry::new(text("new")).with_ttl(100).with_tags(tags);
    assert_eq!(wait(cache.fill(&key(1), entry, lease)).unwrap(), Filled::Stored);
    let found = look(&cache, 1);
    assert!(matches!(&found, Lookup::Fresh { value, .. } if value == "new"), "{found:?}");
}

/// Acceptance X1, through a tag: what was computed before counts for nobody.
pub fn x1_a_tag_invalidated_during_a_computation_wins<C: Subject>(harness: &Harness<C>) {
    if !harness.can(Ability::Tags) {
        return;
    }
    let (cache, team) = (harness.fresh(), fresh_tag());
    let tags = capture(&[&team]);
    let lease = wait(cache.lookup(&key(1), Aim::Compute)).unwrap().into_lease();
    invalidate(&team, Invalidation::Hard);
    let entry = Entry::new(text("old")).with_ttl(100).with_tags(tags);
    wait(cache.fill(&key(1), entry, lease)).unwrap();
    let found = look(&cache, 1);
    assert!(matches!(found, Lookup::Missing { .. }), "{found:?}");
    let tags = capture(&[&team]);
    let lease = wait(cache.lookup(&key(1), Aim::Compute)).unwrap().into_lease();
    let entry = Entry::new(text("new")).with_ttl(100).with_tags(tags);
    assert_eq!(wait(cache.fill(&key(1), entry, lease)).unwrap(), Filled::Stored);
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("new")));
}

/// A renewed value keeps its tags; one that is put in its place has its own.
pub fn tags_stay_with_their_value<C: Subject>(harness: &Harness<C>) {
    if !harness.can(Ability::Tags) {
        return;
    }
    let (cache, team) = (harness.fresh(), fresh_tag());
    put(&cache, 1, "one", capture(&[&team]));
    put(&cache, 2, "two", capture(&[&team]));
    assert!(wait(cache.renew(&key(1), Some(Duration::from_secs(1000)))).unwrap());
    put(&cache, 2, "plain", Tags::none());
    invalidate(&team, Invalidation::Hard);
    assert_gone(&cache, 1);
    assert_eq!(wait(cache.get(&key(2))).unwrap(), Some(text("plain")));
    // To an add it is not there.
    assert!(wait(cache.add(&key(1), text("added"), 10)).unwrap());
    assert_eq!(wait(cache.get(&key(1))).unwrap(), Some(text("added")));
}
