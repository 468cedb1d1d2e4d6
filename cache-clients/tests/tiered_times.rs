//! The time that a tier takes is part of a value's life.

#[path = "common/remote.rs"]
mod remote;

use cache_clients::{Inproc, Tiered, TieredCache};
use cache_core::{Aim, Cache, CacheExt, Entry, Filled, ManualClock, wait};
use remote::{Remote, RemoteCache};
use std::time::Duration;

type Tiers = TieredCache<u64, u64, cache_core::Near<u64, u64>, RemoteCache<u64, u64>>;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A table before a server.
fn tiers() -> (ManualClock, Remote, Tiers) {
    let time = ManualClock::new();
    let (near, far) = (Inproc::new(100).with_clock(time.clock()), Remote::new(&time.clock()));
    let cache = Tiered::new(near, far.clone()).with_clock(time.clock()).open("squares");
    (time, far, cache)
}

/// From now on the next change takes so long.
fn slow(far: &Remote, time: &ManualClock, seconds: u64) {
    let time = time.clone();
    far.before_next_change(move || time.advance(secs(seconds)));
}

/// In whole seconds: a table counts in ticks, and rounds down.
fn round(left: Duration) -> Duration {
    secs(left.as_secs_f64().round() as u64)
}

fn near_left(cache: &Tiers) -> Option<Duration> {
    cache.near_tier().get_ttl(&7).map(|(_, left)| round(left))
}

#[test]
fn a_near_copy_of_what_was_put_ends_no_later_than_if_the_far_tier_were_quick() {
    let (time, far, cache) = tiers();
    slow(&far, &time, 20);
    wait(cache.put_for(&7, 49, 60)).unwrap();
    assert_eq!(near_left(&cache), Some(secs(40)));
    slow(&far, &time, 20);
    wait(cache.put_many(vec![(7, Entry::new(49).with_ttl(60))])).unwrap();
    assert_eq!(near_left(&cache), Some(secs(40)));
}

#[test]
fn what_was_over_before_the_far_tier_had_it_is_not_kept_in_front() {
    let (time, far, cache) = tiers();
    wait(cache.put_for(&7, 1, 600)).unwrap();
    slow(&far, &time, 70);
    wait(cache.put_for(&7, 49, 60)).unwrap();
    assert_eq!(near_left(&cache), None, "neither the new value nor the old one");
}

#[test]
fn a_near_copy_of_what_was_computed_ends_no_later_than_if_the_far_tier_were_quick() {
    let (time, far, cache) = tiers();
    let lease = wait(cache.lookup(&7, Aim::Compute)).unwrap().into_lease();
    slow(&far, &time, 20);
    let filled = wait(cache.fill(&7, Entry::new(49).with_ttl(60), lease)).unwrap();
    assert_eq!((filled, near_left(&cache)), (Filled::Stored, Some(secs(40))));
}

#[test]
fn what_ends_in_front_while_the_far_tier_is_asked_has_ended() {
    let (time, far, cache) = tiers();
    cache.near_tier().put_for(7, 49, 10);
    far.after_next_lookup({
        let time = time.clone();
        move || time.advance(secs(20))
    });
    assert_eq!(wait(cache.get_outliving(&7, secs(30))).unwrap(), None);
    cache.near_tier().put_for(7, 49, 10);
    far.after_next_lookup(move || time.advance(secs(4)));
    let (_, left) = wait(cache.get_outliving(&7, secs(30))).unwrap().unwrap();
    assert_eq!(round(left), secs(6));
}

#[test]
fn the_time_of_a_hook_is_part_of_a_life() {
    let time = ManualClock::new();
    let (near, far) = (Inproc::new(100).with_clock(time.clock()), Remote::new(&time.clock()));
    let tiers = Tiered::new(near, far).with_clock(time.clock());
    let slow = time.clone();
    let tiers = tiers.with_promote_hook(move |_, _, _| slow.advance(secs(20)));
    let cache = tiers.open::<u64, u64>("squares");
    wait(cache.far_tier().put_for(&7, 49, 60)).unwrap();
    let (_, left) = wait(cache.get_ttl(&7)).unwrap().unwrap();
    assert_eq!((round(left), near_left(&cache)), (secs(40), Some(secs(40))));
}

#[test]
fn a_slow_middle_tier_lengthens_no_life() {
    let time = ManualClock::new();
    let near = Inproc::new(100).with_clock(time.clock());
    let (middle, far) = (Remote::new(&time.clock()), Remote::new(&time.clock()));
    let behind = Tiered::new(middle.clone(), far).with_clock(time.clock());
    let cache = Tiered::new(near, behind).with_clock(time.clock()).open::<u64, u64>("squares");
    wait(cache.far_tier().far_tier().put_for(&7, 49, 60)).unwrap();
    slow(&middle, &time, 20);
    let (_, left) = wait(cache.get_ttl(&7)).unwrap().unwrap();
    assert_eq!(round(left), secs(40));
    assert_eq!(cache.near_tier().get_ttl(&7).map(|(_, left)| round(left)), Some(secs(40)));
}
