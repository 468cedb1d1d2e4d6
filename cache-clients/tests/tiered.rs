//! Tiers over in-process caches, by a clock in hand: the contract, promotion, failing and slow tiers.

#[path = "common/remote.rs"]
mod remote;

use cache_clients::{Inproc, Tiered};
use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{
    Aim, Cache, CacheExt, Client, Clock, Entry, Filled, Lookup, ManualClock, Namespace, Shared,
    TagSource, wait,
};
use remote::{Fault, Remote};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn harness<C: Subject, N>(client: impl Fn(Clock) -> N) -> Harness<C>
where
    N: Client<String, String, Cache = C> + Send + Sync + 'static,
{
    let time = ManualClock::new();
    let client = client(time.clock());
    let open = move |name: &str| client.open(&Namespace::new(name).with(TagSource::local()));
    // How much there is in the near table says nothing of the other tiers.
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

fn inproc(clock: &Clock) -> Inproc {
    Inproc::new(1000).with_clock(clock.clone())
}

mod two_tiers {
    use super::*;
    cache_core::conformance_tests!(harness(|c| Tiered::new(inproc(&c), inproc(&c))));
}

mod over_a_remote {
    use super::*;
    cache_core::conformance_tests!(harness(|c| Tiered::new(inproc(&c), Remote::new(&c))));
}

mod a_remote_in_front {
    use super::*;
    cache_core::conformance_tests!(harness(|c| Tiered::new(Remote::new(&c), Remote::new(&c))));
}

mod three_tiers {
    use super::*;
    cache_core::conformance_tests!(harness(|c| {
        Tiered::new(inproc(&c), Tiered::new(inproc(&c), Remote::new(&c)))
    }));
}

mod boxed {
    use super::*;

    struct Boxed<C>(C);
    impl<C: Client<String, String>> Client<String, String> for Boxed<C> {
        type Cache = Shared<String, String>;
        fn open(&self, namespace: &Namespace) -> Self::Cache {
            Shared::new(self.0.open(namespace))
        }
    }

    cache_core::conformance_tests!(harness(|c| {
        Tiered::new(Boxed(inproc(&c)), Boxed(Tiered::new(inproc(&c), Remote::new(&c))))
    }));
}

mod in_the_background {
    use super::*;
    cache_core::conformance_tests!(harness(|c| {
        Tiered::new(inproc(&c), inproc(&c)).with_far_deadline(secs(5)).with_clock(c)
    }));
}

/// Two tiers in this process, and their clock.
fn tiers() -> (ManualClock, Tiered<Inproc, Inproc>) {
    let time = ManualClock::new();
    let tiers = Tiered::new(inproc(&time.clock()), inproc(&time.clock()));
    (time, tiers)
}

#[test]
fn c15_the_promote_hook_is_called_once_for_a_promotion_and_not_for_other_reads() {
    let (_time, tiers) = tiers();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let tiers = tiers.with_promote_hook(move |space, key, value| {
        let (key, value) = (key.downcast_ref::<u64>(), value.downcast_ref::<u64>());
        told.lock().unwrap().push((space.to_owned(), *key.unwrap(), *value.unwrap()));
    });
    let cache = tiers.open::<u64, u64>("squares");
    wait(cache.put_for(&6, 36, 60)).unwrap();
    cache.far_tier().put_for(7, 49, 60);
    assert_eq!(wait(cache.get_many(&[6, 7])).unwrap(), [Some(36), Some(49)]);
    assert_eq!(wait(cache.get(&7)).unwrap(), Some(49));
    assert_eq!(*seen.lock().unwrap(), [("squares".to_owned(), 7, 49)]);
}

#[test]
fn c15_a_hook_that_panics_harms_no_reader() {
    let (_time, tiers) = tiers();
    let cache = tiers.with_promote_hook(|_, _, _| panic!("a hook")).open::<u64, u64>("squares");
    cache.far_tier().put_for(7, 49, 60);
    assert_eq!(wait(cache.get(&7)).unwrap(), Some(49));
}

#[test]
fn c28_a_value_behind_is_returned_and_then_in_front() {
    let (_time, tiers) = tiers();
    let cache = tiers.open::<u64, u64>("squares");
    cache.far_tier().put_for(7, 49, 60);
    assert_eq!(wait(cache.get(&7)).unwrap(), Some(49));
    assert_eq!(cache.near_tier().get(&7), Some(49));
}

#[test]
fn c29_a_put_writes_every_tier_and_one_tier_alone_can_be_written() {
    let (_time, tiers) = tiers();
    let cache = tiers.open::<u64, u64>("squares");
    wait(cache.put_for(&7, 49, 60)).unwrap();
    assert_eq!((cache.near_tier().get(&7), cache.far_tier().get(&7)), (Some(49), Some(49)));
    cache.near_tier().put_for(8, 64, 60);
    assert_eq!((wait(cache.get(&8)).unwrap(), cache.far_tier().get(&8)), (Some(64), None));
}

#[test]
fn c10_c30_the_nearest_value_that_lives_long_enough_is_taken_and_a_sole_one_anyhow() {
    let (_time, tiers) = tiers();
    let cache = tiers.open::<u64, u64>("squares");
    cache.near_tier().put_for(7, 1, 2);
    cache.far_tier().put_for(7, 2, 10);
    assert_eq!(wait(cache.get(&7)).unwrap(), Some(1));
    let (value, left) = wait(cache.get_outliving(&7, secs(5))).unwrap().unwrap();
    assert!(value == 2 && left > secs(9), "{value} {left:?}");
    cache.near_tier().put_for(8, 64, 2);
    assert_eq!(wait(cache.get_outliving(&8, secs(5))).unwrap().unwrap().0, 64);
}

/// `contains` with a margin: what has exactly as much left is enough, and a moment later it is not.
#[test]
fn c6_a_value_that_does_not_outlast_the_margin_does_not_count() {
    let (time, tiers) = tiers();
    let cache = tiers.open::<u64, u64>("squares");
    wait(cache.put_for(&7, 49, 10)).unwrap();
    let lasts = |least| wait(cache.get_many_outliving(&[7], least)).unwrap() == [Some(49)];
    time.advance(Duration::from_millis(100));
    assert!(!lasts(secs(10)) && lasts(secs(9)));
    assert!(wait(cache.contains(&7)).unwrap());
}

#[test]
fn c31_many_reads_take_the_nearest_that_lasts_and_leave_out_the_rest() {
    let (_time, tiers) = tiers();
    let cache = tiers.open::<u64, u64>("squares");
    cache.near_tier().put_for(1, 1, 10);
    cache.near_tier().put_for(2, 1, 2);
    cache.far_tier().put_for(2, 2, 10);
    cache.near_tier().put_for(3, 1, 2);
    cache.far_tier().put_for(3, 2, 3);
    let found = wait(cache.get_many_outliving(&[1, 2, 3, 4], secs(5))).unwrap();
    assert_eq!(found, [Some(1), Some(2), None, None]);
}

#[test]
fn c32_an_expired_value_in_front_is_replaced_by_a_live_one_behind() {
    let (time, tiers) = tiers();
    let cache = tiers.open::<u64, u64>("squares");
    cache.near_tier().put_for(7, 1, 2);
    cache.far_tier().put_for(7, 2, 10);
    time.advance(secs(3));
    assert_eq!(wait(cache.get(&7)).unwrap(), Some(2));
    assert_eq!(cache.near_tier().get(&7), Some(2));
}

#[test]
fn c33_c34_a_computed_value_is_stored_in_all_tiers_with_the_fraction_of_each() {
    let (_time, tiers) = tiers();
    let cache = tiers.with_fraction(0.5).open::<u64, u64>("squares");
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let compute = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        async { 49 }
    };
    assert_eq!(wait(cache.get_or_compute_for(&7, 60, compute.clone())), 49);
    assert_eq!(wait(cache.get_or_compute_for(&7, 60, compute)), 49);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    let (near, far) =
        (cache.near_tier().get_ttl(&7).unwrap(), cache.far_tier().get_ttl(&7).unwrap());
    assert!(near.1 <= secs(30) && near.1 > secs(29) && far.1 > secs(59), "{near:?} {far:?}");
}

#[test]
fn c35_a_failing_tier_fails_no_read_that_another_can_answer() {
    let time = ManualClock::new();
    let (near, far) = (inproc(&time.clock()), Remote::new(&time.clock()));
    let cache = Tiered::new(near, far.clone()).open::<String, String>("words");
    wait(cache.put_for(&"a".into(), "1".into(), 60)).unwrap();
    far.set(Fault::Away);
    assert_eq!(wait(cache.get(&"a".into())).unwrap().as_deref(), Some("1"));
    let many = wait(cache.get_many(&["a".into()])).unwrap();
    assert_eq!(many, [Some("1".to_owned())]);
    // Where it alone could answer, it says so.
    assert!(wait(cache.get(&"b".into())).unwrap_err().is_unreachable());
    assert_eq!(wait(cache.get_or_compute_for(&"b".into(), 60, || async { "2".into() })), "2");
    assert_eq!(wait(cache.get(&"b".into())).unwrap().as_deref(), Some("2"));
}

#[test]
fn c36_x21_promotion_never_lengthens_a_life() {
    let (time, tiers) = tiers();
    let tiers = tiers.with_fraction(0.5).with_near_ttl(secs(8));
    let cache = tiers.open::<u64, u64>("squares");
    cache.far_tier().put_for(1, 1, 60);
    cache.far_tier().put_for(2, 4, 60);
    time.advance(secs(50));
    let left = |key: u64| cache.near_tier().get_ttl(&key).map(|(_, left)| left).unwrap();
    assert_eq!(wait(cache.get(&1)).unwrap(), Some(1));
    assert_eq!(wait(cache.get_many(&[2])).unwrap(), [Some(4)]);
    assert!(left(1) <= secs(5) && left(2) <= secs(5), "{:?} {:?}", left(1), left(2));
    time.advance(secs(10));
    assert_eq!(wait(cache.get(&1)).unwrap(), None);
}

#[test]
fn a_near_ttl_bounds_values_that_never_end() {
    let (_time, tiers) = tiers();
    let cache = tiers.with_near_ttl(secs(8)).open::<u64, u64>("squares");
    wait(cache.put(&7, Entry::new(49), cache_core::PutWhen::Always)).unwrap();
    assert!(cache.near_tier().get_ttl(&7).unwrap().1 <= secs(8));
    assert_eq!(cache.far_tier().get_ttl(&7).unwrap().1, Duration::MAX);
}

#[test]
fn x1_a_delete_between_the_read_behind_and_the_promotion_wins() {
    let time = ManualClock::new();
    let (near, far) = (inproc(&time.clock()), Remote::new(&time.clock()));
    let cache = Tiered::new(near, far.clone()).open::<String, String>("words");
    let key = "a".to_owned();
    wait(cache.far_tier().put_for(&key, "old".into(), 60)).unwrap();
    let deleter = cache.clone();
    // Runs when the far tier has answered, before the answer is there.
    far.after_next_lookup(move || {
        wait(deleter.delete(&"a".to_owned())).unwrap();
    });
    assert_eq!(wait(cache.get(&key)).unwrap().as_deref(), Some("old"));
    assert_eq!(wait(cache.get(&key)).unwrap(), None);
}

#[test]
fn x15_a_slow_tier_is_waited_for_no_longer_than_its_deadline() {
    let time = ManualClock::new();
    let (near, far) = (inproc(&time.clock()), Remote::new(&time.clock()));
    let tiers = Tiered::new(near, far.clone()).with_far_deadline(secs(1)).with_clock(time.clock());
    let cache = tiers.open::<String, String>("words");
    wait(cache.far_tier().put_for(&"a".into(), "1".into(), 60)).unwrap();
    far.set(Fault::Hang);
    let reader = std::thread::spawn({
        let cache = cache.clone();
        move || wait(cache.lookup(&"a".into(), Aim::Compute))
    });
    while !far.is_asked() {
        std::thread::yield_now();
    }
    time.advance(secs(1));
    let known = reader.join().unwrap().unwrap();
    let unreachable = cache_core::Reason::Unreachable;
    let Lookup::Missing { reason, lease } = known else { panic!("{known:?}") };
    assert_eq!(reason, unreachable);
    // The near tier takes what is computed meanwhile.
    let entry = Entry::new("2".to_owned()).with_ttl(60);
    assert_eq!(wait(cache.fill(&"a".into(), entry, lease)).unwrap(), Filled::Stored);
    far.set(Fault::None);
    assert_eq!(wait(cache.get(&"a".into())).unwrap().as_deref(), Some("2"));
    let began = std::time::Instant::now();
    while far.released() == 0 {
        assert!(began.elapsed() < secs(10), "the lease that came too late is not given back");
        std::thread::yield_now();
    }
}

#[test]
fn a_peek_may_be_limited_to_the_near_tier() {
    let (_time, tiers) = tiers();
    let cache = tiers.with_peek_tiers(1).open::<u64, u64>("squares");
    cache.far_tier().put_for(7, 49, 60);
    assert!(wait(cache.lookup(&7, Aim::Peek)).unwrap().live().is_none());
    assert!(wait(cache.lookup(&7, Aim::Read)).unwrap().live().is_some());
}

#[test]
fn computed_values_may_go_behind_in_the_background() {
    let time = ManualClock::new();
    let (near, far) = (inproc(&time.clock()), Remote::new(&time.clock()));
    let tiers = Tiered::new(near, far.clone()).with_background_writes();
    let cache = tiers.open::<String, String>("words");
    let key = "a".to_owned();
    let lease = wait(cache.lookup(&key, Aim::Compute)).unwrap().into_lease();
    far.set(Fault::Hang);
    let entry = Entry::new("1".to_owned()).with_ttl(60);
    assert_eq!(wait(cache.fill(&key, entry, lease)).unwrap(), Filled::Stored);
    assert_eq!(cache.near_tier().get("a").as_deref(), Some("1"));
    far.set(Fault::None);
    while wait(cache.far_tier().get(&key)).unwrap().is_none() {
        std::thread::yield_now();
    }
}

#[test]
#[should_panic(expected = "the near tier's fraction of the TTL is 1.5, but must be from 0 to 1")]
fn a_fraction_beyond_one_is_refused() {
    let _ = tiers().1.with_fraction(1.5);
}

#[test]
fn a_mere_read_gives_the_leases_of_a_shared_near_tier_back() {
    let time = ManualClock::new();
    let (near, far) = (Remote::new(&time.clock()), Remote::new(&time.clock()));
    let cache = Tiered::new(near.clone(), far.clone()).open::<String, String>("words");
    assert_eq!(wait(cache.get(&"a".into())).unwrap(), None);
    assert_eq!(near.released(), 1);
    wait(cache.far_tier().put_for(&"a".into(), "1".into(), 60)).unwrap();
    assert_eq!(wait(cache.get(&"a".into())).unwrap().as_deref(), Some("1"));
    assert_eq!(wait(cache.near_tier().get(&"a".into())).unwrap().as_deref(), Some("1"));
    assert_eq!(near.released(), 1, "the promotion has used its lease");
}

#[test]
fn a_renewal_leaves_the_bound_of_what_is_near_as_it_is() {
    let time = ManualClock::new();
    let clock = time.clock();
    let far = inproc(&clock);
    let tiers = Tiered::new(inproc(&clock), far.clone()).with_near_ttl(secs(5)).with_clock(clock);
    let cache = tiers.open::<u64, &str>("n");
    wait(cache.put_for(&1, "old", 600)).unwrap();
    // Another process.
    far.open::<u64, &str>("n").put_for(1, "new", 600);
    for _ in 0..3 {
        time.advance(secs(3));
        assert!(wait(cache.renew(&1, Some(secs(600)))).unwrap());
    }
    assert_eq!(wait(cache.get(&1)).unwrap(), Some("new"));
    let (_, left) = cache.far_tier().get_ttl(&1).unwrap();
    assert!(left > secs(590), "{left:?}");
}

#[test]
fn a_renewal_lengthens_no_copy_that_is_older_than_what_is_renewed() {
    let time = ManualClock::new();
    let clock = time.clock();
    let far = inproc(&clock);
    let cache = Tiered::new(inproc(&clock), far.clone()).with_clock(clock).open::<u64, &str>("n");
    let theirs = far.open::<u64, &str>("n");
    wait(cache.put_for(&1, "old", 10)).unwrap();
    theirs.put_for(1, "new", 10);
    assert!(wait(cache.renew(&1, Some(secs(600)))).unwrap());
    assert_eq!(wait(cache.get(&1)).unwrap(), Some("new"), "the one that was renewed");
    assert!(wait(cache.get_ttl(&1)).unwrap().unwrap().1 > secs(590));
    // And none of what is gone behind.
    wait(cache.put_for(&2, "old", 10)).unwrap();
    theirs.delete(&2);
    assert!(!wait(cache.renew(&2, Some(secs(600)))).unwrap());
    time.advance(secs(11));
    assert_eq!(wait(cache.get(&2)).unwrap(), None);
}
