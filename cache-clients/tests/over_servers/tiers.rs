//! An in-process tier in front of the server.

use crate::stand::{Seen, Stand};
use cache_clients::Inproc;
use cache_clients::encoded::Encoded;
use cache_clients::server::Server;
use cache_clients::{Tiered, TieredCache};
use cache_core::{Aim, Cache, CacheExt, Client, Entry, Filled, wait};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Tiers<S> = Tiered<Inproc, Encoded<Seen<S>>>;
type Squares<S> = TieredCache<
    u64,
    u64,
    <Inproc as Client<u64, u64>>::Cache,
    <Encoded<Seen<S>> as Client<u64, u64>>::Cache,
>;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn open<S: Server>(tiers: &Tiers<S>) -> Squares<S> {
    tiers.open("squares")
}

fn put_far<S: Server>(cache: &Squares<S>, key: u64, value: u64, ttl: u64) {
    assert!(wait(cache.far_tier().put_for(&key, value, ttl)).unwrap());
}

fn get<S: Server>(cache: &Squares<S>, key: u64) -> Option<u64> {
    wait(cache.get(&key)).unwrap()
}

fn far<S: Server>(cache: &Squares<S>, key: u64) -> Option<u64> {
    wait(cache.far_tier().get(&key)).unwrap()
}

pub(crate) fn c15_the_promote_hook_is_called_once_for_a_promotion<S: Server>(stand: &Stand<S>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let tiers = stand.tiers().with_promote_hook(move |space, key, value| {
        let (key, value) = (key.downcast_ref::<u64>(), value.downcast_ref::<u64>());
        told.lock().unwrap().push((space.to_owned(), *key.unwrap(), *value.unwrap()));
    });
    let cache = open(&tiers);
    wait(cache.put_for(&6, 36, 60)).unwrap();
    put_far(&cache, 7, 49, 60);
    assert_eq!(wait(cache.get_many(&[6, 7])).unwrap(), [Some(36), Some(49)]);
    assert_eq!(get(&cache, 7), Some(49));
    assert_eq!(*seen.lock().unwrap(), [("squares".to_owned(), 7, 49)]);
}

pub(crate) fn c28_a_value_behind_is_returned_and_then_in_front<S: Server>(stand: &Stand<S>) {
    let (ours, theirs) = (open(&stand.tiers()), open(&stand.tiers()));
    wait(theirs.put_for(&7, 49, 60)).unwrap();
    assert_eq!(ours.near_tier().get(&7), None);
    assert_eq!(get(&ours, 7), Some(49));
    assert_eq!(ours.near_tier().get(&7), Some(49));
}

pub(crate) fn c29_a_put_writes_every_tier_and_one_tier_alone_can_be_written<S: Server>(
    stand: &Stand<S>,
) {
    let cache = open(&stand.tiers());
    wait(cache.put_for(&7, 49, 60)).unwrap();
    assert_eq!((cache.near_tier().get(&7), far(&cache, 7)), (Some(49), Some(49)));
    cache.near_tier().put_for(8, 64, 60);
    assert_eq!((get(&cache, 8), far(&cache, 8)), (Some(64), None));
    put_far(&cache, 9, 81, 60);
    assert_eq!(cache.near_tier().get(&9), None);
}

pub(crate) fn c10_c30_the_nearest_value_that_lives_long_enough_is_taken<S: Server>(
    stand: &Stand<S>,
) {
    let cache = open(&stand.tiers());
    cache.near_tier().put_for(7, 1, 2);
    put_far(&cache, 7, 2, 10);
    assert_eq!(get(&cache, 7), Some(1));
    let (value, left) = wait(cache.get_outliving(&7, secs(5))).unwrap().unwrap();
    assert!(value == 2 && left > secs(9), "{value} {left:?}");
    // The sole one is taken, however little is left.
    put_far(&cache, 8, 64, 2);
    assert_eq!(wait(cache.get_outliving(&8, secs(5))).unwrap().unwrap().0, 64);
}

pub(crate) fn c31_many_reads_take_the_nearest_that_lasts<S: Server>(stand: &Stand<S>) {
    let cache = open(&stand.tiers());
    cache.near_tier().put_for(1, 1, 10);
    cache.near_tier().put_for(2, 1, 2);
    put_far(&cache, 2, 2, 10);
    cache.near_tier().put_for(3, 1, 2);
    put_far(&cache, 3, 2, 3);
    let found = wait(cache.get_many_outliving(&[1, 2, 3, 4], secs(5))).unwrap();
    assert_eq!(found, [Some(1), Some(2), None, None]);
}

pub(crate) fn c32_an_expired_value_in_front_is_replaced_by_a_live_one_behind<S: Server>(
    stand: &Stand<S>,
) {
    let cache = open(&stand.tiers());
    cache.near_tier().put_for(7, 1, 2);
    put_far(&cache, 7, 2, 60);
    stand.time.advance(secs(3));
    assert_eq!(get(&cache, 7), Some(2));
    assert_eq!(cache.near_tier().get(&7), Some(2));
}

pub(crate) fn c33_c34_a_computed_value_is_stored_in_all_tiers_with_the_fraction_of_each<
    S: Server,
>(
    stand: &Stand<S>,
) {
    let cache = open(&stand.tiers().with_fraction(0.5));
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let compute = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async { 49 }
    };
    assert_eq!(wait(cache.get_or_compute_for(&7, 60, compute.clone())), 49);
    assert_eq!(wait(cache.get_or_compute_for(&7, 60, compute)), 49);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    let near = cache.near_tier().get_ttl(&7).unwrap().1;
    let far = wait(cache.far_tier().get_ttl(&7)).unwrap().unwrap().1;
    assert!(near <= secs(30) && near > secs(29) && far > secs(59), "{near:?} {far:?}");
}

pub(crate) fn c36_x21_promotion_never_lengthens_a_life<S: Server>(stand: &Stand<S>) {
    let whole = open(&stand.tiers());
    let half = open(&stand.tiers().with_fraction(0.5).with_near_ttl(secs(8)));
    (1..=4).for_each(|key| put_far(&whole, key, key * key, 60));
    stand.time.advance(secs(50));
    assert_eq!((get(&whole, 1), get(&half, 1)), (Some(1), Some(1)));
    assert_eq!(wait(whole.get_many(&[2])).unwrap(), [Some(4)]);
    assert_eq!(wait(half.get_many(&[2])).unwrap(), [Some(4)]);
    // Also a computation that finds the value behind, and a read for a younger one.
    assert_eq!(wait(whole.get_or_compute_for(&3, 60, || async { unreachable!() })), 9);
    assert_eq!(wait(whole.get_outliving(&4, secs(5))).unwrap().unwrap().0, 16);
    let left = |cache: &Squares<S>, key| cache.near_tier().get_ttl(&key).unwrap().1;
    for key in 1..=4 {
        assert!(left(&whole, key) <= secs(10), "{key}: {:?}", left(&whole, key));
    }
    assert!(left(&half, 1) <= secs(5) && left(&half, 2) <= secs(5));
    stand.time.advance(secs(10));
    for key in 1..=4 {
        assert_eq!((get(&whole, key), get(&half, key)), (None, None), "{key}");
    }
}

pub(crate) fn c79_a_remembered_miss_ends_and_own_writes_are_seen_at_once<S: Server>(
    stand: &Stand<S>,
) {
    let open = || open(&stand.tiers().with_miss_memory(secs(5)));
    let (reader, writer) = (open(), open());
    assert_eq!((get(&reader, 7), get(&writer, 7)), (None, None));
    wait(writer.put_for(&7, 49, 60)).unwrap();
    assert_eq!((get(&reader, 7), get(&writer, 7)), (None, Some(49)));
    stand.time.advance(secs(5));
    assert_eq!(get(&reader, 7), Some(49));
    assert_eq!(get(&reader, 8), None);
    wait(writer.put_for(&8, 64, 60)).unwrap();
    assert_eq!(get(&reader, 8), None);
    wait(reader.purge(Duration::ZERO)).unwrap();
    assert_eq!(get(&reader, 8), Some(64));
}

pub(crate) fn x1_a_delete_elsewhere_fences_what_a_tier_computes<S: Server>(stand: &Stand<S>) {
    let (ours, theirs) = (open(&stand.tiers()), open(&stand.tiers()));
    let lease = wait(ours.lookup(&7, Aim::Compute)).unwrap().into_lease();
    assert!(!wait(theirs.delete(&7)).unwrap());
    let filled = wait(ours.fill(&7, Entry::new(49).with_ttl(60), lease)).unwrap();
    assert_eq!((filled, get(&ours, 7), far(&ours, 7)), (Filled::Fenced, None, None));
    assert_eq!(ours.near_tier().get(&7), None, "nor is it kept near");
}
