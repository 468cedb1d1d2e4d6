//! Two clients of one server, as in two processes: who computes, who waits, who is told what.
#![cfg(feature = "encoded")]

mod shelf;

use cache_clients::encoded::{Contention, Encoded, EncodedCache, EncodedOptions, Solo};
use cache_core::{
    Aim, Cache, CacheExt, Client, Entry, Filled, Lease, Lookup, ManualClock, Namespace, PutWhen,
    Reason, wait,
};
use shelf::Shelf;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

type Texts = EncodedCache<Solo<Shelf>, u64, String>;

const LEASE: Duration = Duration::from_secs(10);

/// Two processes, with caches of one name.
fn two(configure: impl Fn(EncodedOptions) -> EncodedOptions) -> (ManualClock, [Texts; 2], Shelf) {
    let (shelf, time) = (Shelf::default(), ManualClock::new());
    let server = Solo::new(shelf.clone()).with_clock(time.clock());
    let open = || {
        let options = configure(EncodedOptions::new().with_clock(time.clock()).with_lease(LEASE));
        Encoded::with_options(server.clone(), options).unwrap().open("texts")
    };
    let both = [open(), open()];
    (time, both, shelf)
}

fn text(value: &str) -> Entry<String> {
    Entry::new(value.to_owned()).with_ttl(100)
}

fn leased(cache: &Texts, aim: Aim) -> Lease {
    let lease = wait(cache.lookup(&1, aim)).unwrap().into_lease();
    assert!(lease.is_some(), "no lease");
    lease
}

#[test]
fn a_hundred_callers_in_two_processes_make_one_computation() {
    const CALLERS: usize = 100;
    let (_, both, _) = two(|options| options);
    let (computed, start) = (Arc::new(AtomicUsize::new(0)), Barrier::new(CALLERS));
    thread::scope(|scope| {
        for n in 0..CALLERS {
            let (cache, computed, start) = (&both[n % 2], computed.clone(), &start);
            scope.spawn(move || {
                start.wait();
                let value = wait(cache.get_or_compute_for(&1, 100, move || async move {
                    computed.fetch_add(1, Ordering::SeqCst);
                    "once".to_owned()
                }));
                assert_eq!(value, "once");
            });
        }
    });
    assert_eq!(computed.load(Ordering::SeqCst), 1);
}

#[test]
fn a_renewal_leaves_the_lease_with_who_has_it() {
    let (_, [one, other], _) = two(|options| options);
    let longer = |seconds| Some(Duration::from_secs(seconds));
    for aim in [Aim::Refresh, Aim::Replace] {
        assert!(wait(one.put(&1, text("old"), PutWhen::Always)).unwrap());
        let lease = leased(&other, aim);
        for turn in 2..5 {
            assert!(wait(one.renew(&1, longer(100 * turn))).unwrap());
            let (value, left) = wait(one.get_ttl(&1)).unwrap().unwrap();
            assert_eq!((&value[..], Some(left)), ("old", longer(100 * turn)));
            assert!(!wait(one.lookup(&1, Aim::Refresh)).unwrap().into_lease().is_some());
        }
        assert_eq!(wait(other.fill(&1, text("new"), lease)).unwrap(), Filled::Stored);
        assert_eq!(wait(one.get(&1)).unwrap().as_deref(), Some("new"));
        // What happens after a renewal fences as always.
        let lease = leased(&other, aim);
        assert!(wait(one.renew(&1, longer(1000))).unwrap());
        assert!(wait(one.delete(&1)).unwrap());
        assert_eq!(wait(other.fill(&1, text("late"), lease)).unwrap(), Filled::Fenced);
        // As does who takes it over, or gives it back.
        assert!(wait(one.put(&1, text("old"), PutWhen::Always)).unwrap());
        let before = leased(&other, aim);
        assert!(wait(one.renew(&1, longer(1000))).unwrap());
        let lease = leased(&one, Aim::Replace);
        assert_eq!(wait(other.fill(&1, text("late"), before)).unwrap(), Filled::Fenced);
        wait(one.release(&1, lease.clone()));
        assert_eq!(wait(one.fill(&1, text("late"), lease)).unwrap(), Filled::Fenced);
    }
}

#[test]
fn who_waits_gets_what_the_other_one_stores() {
    let (_, [one, other], _) = two(|options| options);
    let lease = leased(&one, Aim::Compute);
    let waiting = thread::spawn(move || wait(other.lookup(&1, Aim::Compute)).unwrap());
    assert_eq!(wait(one.fill(&1, text("one's"), lease)).unwrap(), Filled::Stored);
    let (value, _) = waiting.join().unwrap().live().expect("a value");
    assert_eq!(value, "one's");
}

#[test]
fn who_waits_gets_the_lease_that_is_given_back() {
    let (_, [one, other], _) = two(|options| options);
    let lease = leased(&one, Aim::Compute);
    let waiting = thread::spawn(move || wait(other.lookup(&1, Aim::Compute)).unwrap());
    wait(one.release(&1, lease));
    assert!(waiting.join().unwrap().into_lease().is_some());
}

#[test]
fn nobody_waits_longer_than_a_lease() {
    // The server's clock stands still: the lease never ends by itself.
    let (_, [one, other], _) = two(|options| options.with_lease(Duration::from_millis(50)));
    let _lease = leased(&one, Aim::Compute);
    let Lookup::Missing { reason: Reason::Never, lease } =
        wait(other.lookup(&1, Aim::Compute)).unwrap()
    else {
        panic!("not missing")
    };
    assert!(!lease.is_some());
    assert_eq!(wait(other.fill(&1, text("not to be stored"), lease)).unwrap(), Filled::Refused);
}

#[test]
fn by_another_policy_nobody_waits() {
    let (_, [one, other], _) = two(|options| options.with_contention(Contention::Compute));
    let lease = leased(&one, Aim::Compute);
    let own = wait(other.get_or_compute(&1, || async { "own".to_owned() }));
    assert_eq!((own.as_str(), wait(other.get(&1)).unwrap()), ("own", None));
    assert_eq!(wait(one.fill(&1, text("one's"), lease)).unwrap(), Filled::Stored);
}

#[test]
fn a_batch_that_computes_something_waits_for_nobody() {
    let (_, [one, other], _) = two(|options| options);
    let _lease = leased(&one, Aim::Compute);
    let found = wait(other.lookup_many(&[1, 2, 2], Aim::Compute)).unwrap();
    let leases: Vec<bool> = found.into_iter().map(|one| one.into_lease().is_some()).collect();
    assert_eq!(leases, [false, true, false]);
}

#[test]
fn the_time_of_a_wait_is_part_of_the_lives_of_what_was_found_before() {
    for (seconds, left) in [(60, Some(40)), (120, None)] {
        let (time, [one, other], shelf) = two(|options| options);
        wait(other.put(&2, text("there"), PutWhen::Always)).unwrap();
        let _lease = leased(&one, Aim::Compute);
        let before = shelf.calls();
        let waiting =
            thread::spawn(move || wait(other.lookup_many(&[1, 2], Aim::Compute)).unwrap());
        // Two looks, and then one of who waits for the first key.
        while shelf.calls() < before + 3 {
            thread::yield_now();
        }
        // The lease is over by then, and whoever waits gets it.
        time.advance(Duration::from_secs(seconds));
        let mut found = waiting.join().unwrap();
        let there = found.pop().unwrap().live().map(|(_, left)| left.as_secs());
        assert_eq!(there, left, "after {seconds} s");
        assert!(found.pop().unwrap().into_lease().is_some());
    }
}

#[test]
fn x5_a_loader_that_outlives_its_lease_is_fenced() {
    let (time, [one, other], _) = two(|options| options);
    let late = leased(&one, Aim::Compute);
    time.advance(LEASE);
    let next = leased(&other, Aim::Compute);
    // A third one waits: there are never more than two.
    let third = thread::spawn({
        let one = one.clone();
        move || wait(one.lookup(&1, Aim::Compute)).unwrap()
    });
    assert_eq!(wait(one.fill(&1, text("late"), late)).unwrap(), Filled::Fenced);
    assert_eq!(wait(other.fill(&1, text("next"), next)).unwrap(), Filled::Stored);
    assert_eq!(third.join().unwrap().live().unwrap().0, "next");
}

#[test]
fn x1_an_invalidation_in_one_process_fences_the_other() {
    for change in ["delete", "expire", "put", "clear"] {
        let (_, [one, other], _) = two(|options| options);
        let lease = leased(&one, Aim::Compute);
        match change {
            "delete" => drop(wait(other.delete(&1)).unwrap()),
            "expire" => drop(wait(other.expire(&1)).unwrap()),
            "put" => drop(wait(other.put(&1, text("put"), PutWhen::Always)).unwrap()),
            _ => wait(other.clear()).unwrap(),
        }
        let filled = wait(one.fill(&1, text("old"), lease)).unwrap();
        // A clear is another generation: what is stored in the old one, nobody sees.
        let expected = if change == "clear" { Filled::Stored } else { Filled::Fenced };
        assert_eq!(filled, expected, "{change}");
        let seen = (change == "put").then(|| "put".to_owned());
        assert_eq!(wait(other.get(&1)).unwrap(), seen, "{change}");
    }
}

fn due(cache: &Texts, time: &ManualClock) {
    let entry = text("old").with_refresh_after(Duration::from_secs(50));
    wait(cache.put(&1, entry, PutWhen::Always)).unwrap();
    time.advance(Duration::from_secs(60));
}

#[test]
fn a_refresh_has_one_winner_in_the_whole_fleet() {
    let (time, [one, other], _) = two(|options| options);
    due(&one, &time);
    let won = wait(one.lookup(&1, Aim::Refresh)).unwrap();
    let Lookup::Stale { value, lease, .. } = won else { panic!("{won:?}") };
    assert_eq!(value, "old");
    // The others are told that it is fresh, until the winner has lost his lease.
    let told = wait(other.lookup(&1, Aim::Refresh)).unwrap();
    assert!(matches!(told, Lookup::Fresh { refresh_in: Some(LEASE), .. }), "{told:?}");
    assert!(matches!(wait(other.lookup(&1, Aim::Read)).unwrap(), Lookup::Stale { .. }));
    let new = text("new").with_refresh_after(Duration::from_secs(50));
    assert_eq!(wait(one.fill(&1, new, lease)).unwrap(), Filled::Stored);
    // Nobody refreshes what another has just refreshed.
    let told = wait(other.lookup(&1, Aim::Refresh)).unwrap();
    assert!(matches!(told, Lookup::Fresh { ref value, .. } if value == "new"), "{told:?}");
    let computed = leased(&other, Aim::Replace);
    assert_eq!(wait(other.fill(&1, text("newer"), computed)).unwrap(), Filled::Stored);
}

#[test]
fn whoever_replaces_takes_the_lease_of_who_has_it() {
    let (time, [one, other], _) = two(|options| options);
    due(&one, &time);
    let first = leased(&one, Aim::Refresh);
    let second = leased(&other, Aim::Replace);
    assert_eq!(wait(one.fill(&1, text("first"), first)).unwrap(), Filled::Fenced);
    assert_eq!(wait(other.fill(&1, text("second"), second)).unwrap(), Filled::Stored);
}

#[test]
fn an_expired_value_is_computed_by_one() {
    let (time, [one, other], _) = two(|options| options.with_grace(Duration::from_secs(60)));
    due(&one, &time);
    time.advance(Duration::from_secs(60));
    let found = wait(one.lookup(&1, Aim::Compute)).unwrap();
    let Lookup::Expired { value, since, lease, .. } = found else { panic!("{found:?}") };
    assert_eq!((value.as_str(), since, lease.is_some()), ("old", Duration::from_secs(20), true));
    let waiting = thread::spawn(move || wait(other.lookup(&1, Aim::Compute)).unwrap());
    assert_eq!(wait(one.fill(&1, text("new"), lease)).unwrap(), Filled::Stored);
    assert_eq!(waiting.join().unwrap().live().unwrap().0, "new");
}

#[test]
fn without_grace_an_expired_value_is_none() {
    let (time, [one, _], shelf) = two(|options| options);
    wait(one.put(&1, text("old"), PutWhen::Always)).unwrap();
    assert_eq!(shelf.keep(&shelf.keys()[0]), Some(Duration::from_secs(100)));
    time.advance(Duration::from_secs(100));
    let found = wait(one.lookup(&1, Aim::Compute)).unwrap();
    assert!(matches!(found, Lookup::Missing { reason: Reason::Expired, .. }), "{found:?}");
    assert!(wait(one.add(&1, "new".to_owned(), 10)).unwrap());
}

#[test]
fn c27_another_process_sees_a_clear_within_its_lag() {
    let (time, [one, other], _) = two(|options| options.with_clear_lag(Duration::from_secs(5)));
    wait(one.put(&1, text("old"), PutWhen::Always)).unwrap();
    assert_eq!(wait(other.get(&1)).unwrap().as_deref(), Some("old"));
    wait(one.clear()).unwrap();
    assert_eq!(wait(one.get(&1)).unwrap(), None);
    time.advance(Duration::from_secs(5));
    assert_eq!(wait(other.get(&1)).unwrap(), None);
    wait(other.put(&1, text("new"), PutWhen::Always)).unwrap();
    assert_eq!(wait(one.get(&1)).unwrap().as_deref(), Some("new"));
}

#[test]
fn a_lost_or_damaged_generation_is_a_new_one() {
    let (time, [one, other], shelf) = two(|options| options);
    for damage in [true, false] {
        wait(one.put(&1, text("old"), PutWhen::Always)).unwrap();
        let generation = shelf.generations().remove(0);
        match damage {
            true => shelf.set(&generation, "no number at all"),
            false => shelf.remove(&generation),
        }
        time.advance(Duration::from_secs(1));
        assert_eq!(wait(one.get(&1)).unwrap(), None);
        wait(other.put(&1, text("new"), PutWhen::Always)).unwrap();
        assert_eq!(wait(one.get(&1)).unwrap().as_deref(), Some("new"));
    }
}

#[test]
fn x18_times_of_every_size_are_kept() {
    let (time, [one, other], _) = two(|options| options);
    let day = Duration::from_secs(86_400);
    let ttls = [Duration::from_millis(1), Duration::from_millis(700), 31 * day, 40 * 365 * day];
    for (key, ttl) in (0..).zip(ttls) {
        wait(one.put_for(&key, String::new(), ttl)).unwrap();
        assert_eq!(wait(other.get_ttl(&key)).unwrap().unwrap().1, ttl);
    }
    time.advance(Duration::from_millis(700));
    assert_eq!((wait(one.get(&0)).unwrap(), wait(one.get(&1)).unwrap()), (None, None));
    time.advance(30 * day);
    assert!(wait(one.contains(&2)).unwrap() && wait(one.contains(&3)).unwrap());
    wait(one.put_for(&9, String::new(), Duration::MAX)).unwrap();
    time.advance(1000 * 365 * day);
    assert_eq!(wait(one.get_ttl(&9)).unwrap().unwrap().1, Duration::MAX);
}

#[test]
fn two_handles_of_a_namespace_share_their_flights() {
    let client = Encoded::new(Solo::new(Shelf::default())).unwrap();
    let (one, other) = (client.open::<u64, u64>("same"), client.clone().open::<u64, u64>("same"));
    assert!(Arc::ptr_eq(one.flights(), other.flights()));
    assert!(!Arc::ptr_eq(one.flights(), client.open::<u64, u64>("different").flights()));
    let private = || -> EncodedCache<Solo<Shelf>, u64, u64> {
        Client::open(&client, &Namespace::private("same"))
    };
    assert!(!Arc::ptr_eq(private().flights(), private().flights()));
}

#[test]
fn what_a_value_cost_is_saved_by_each_hit() {
    let (shelf, time) = (Shelf::default(), ManualClock::new());
    let options = EncodedOptions::new().with_clock(time.clock());
    let server = Solo::new(shelf).with_clock(time.clock());
    let client = Encoded::with_options(server, options).unwrap();
    let cache = client.open::<u64, String>("texts");
    let lease = wait(cache.lookup(&1, Aim::Compute)).unwrap().into_lease();
    time.advance(Duration::from_millis(300));
    wait(cache.fill(&1, text("dear"), lease)).unwrap();
    wait(cache.get_many(&[1, 1])).unwrap();
    wait(cache.get(&1)).unwrap();
    let stats = client.stats();
    assert_eq!((stats.absent, stats.hits, stats.stored), (1, 2, 1));
    assert_eq!(stats.saved, Duration::from_millis(600));
}
