//! A server that is away: reads are misses, writes are dropped, and no invalidation is lost.
#![cfg(feature = "encoded")]

mod shelf;

use cache_clients::encoded::{Absence, Encoded, EncodedCache, EncodedOptions, Solo};
use cache_core::{Aim, Cache, CacheExt, Lookup, ManualClock, Reason, wait};
use shelf::Shelf;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

type Texts = EncodedCache<Solo<Shelf>, u64, String>;

struct Test {
    shelf: Shelf,
    time: ManualClock,
    client: Encoded<Solo<Shelf>>,
    cache: Texts,
}

fn test(configure: impl FnOnce(EncodedOptions) -> EncodedOptions) -> Test {
    let (shelf, time) = (Shelf::default(), ManualClock::new());
    let server = Solo::new(shelf.clone()).with_clock(time.clock());
    let options = configure(EncodedOptions::new().with_clock(time.clock()));
    let client = Encoded::with_options(server, options).unwrap();
    let cache = client.open("texts");
    Test { shelf, time, client, cache }
}

impl Test {
    fn put(&self, key: u64, value: &str) -> bool {
        wait(self.cache.put_for(&key, value.to_owned(), 1000)).unwrap()
    }
    fn get(&self, key: u64) -> Option<String> {
        wait(self.cache.get(&key)).unwrap()
    }
    fn pending(&self) -> u64 {
        self.client.stats().pending_invalidations
    }
    fn away<T>(&self, act: impl FnOnce() -> T) -> T {
        self.shelf.set_away(true);
        let acted = act();
        self.shelf.set_away(false);
        acted
    }
}

#[test]
fn reads_are_misses_and_functions_compute() {
    let test = test(|options| options);
    test.put(1, "stored");
    test.away(|| {
        for aim in [Aim::Read, Aim::Compute, Aim::Refresh, Aim::Replace] {
            let found = wait(test.cache.lookup(&1, aim)).unwrap();
            let Lookup::Missing { reason: Reason::Unreachable, lease } = found else {
                panic!("{aim:?}: {found:?}")
            };
            assert!(!lease.is_some());
        }
        let computed = wait(test.cache.get_or_compute(&1, || async { "computed".to_owned() }));
        assert_eq!(computed, "computed");
        let many = wait(test.cache.lookup_many(&[1, 2], Aim::Read)).unwrap();
        assert_eq!(many.len(), 2);
    });
    assert_eq!(test.get(1).as_deref(), Some("stored"));
    assert_eq!(test.client.stats().unreachable, 7);
}

#[test]
fn changes_answer_false_and_are_counted() {
    let test = test(|options| options);
    test.put(1, "stored");
    test.away(|| {
        assert!(!test.put(2, "dropped"));
        assert!(!wait(test.cache.add(&3, "dropped".to_owned(), 10)).unwrap());
        assert!(!wait(test.cache.renew(&1, None)).unwrap());
        assert!(!wait(test.cache.delete(&9)).unwrap());
        assert!(!wait(test.cache.expire(&9)).unwrap());
        assert_eq!(wait(test.cache.purge(Duration::ZERO)).unwrap(), 0);
    });
    assert_eq!(test.client.stats().dropped_writes, 2);
    assert_eq!((test.get(1).as_deref(), test.get(2), test.get(3)), (Some("stored"), None, None));
}

#[test]
fn strict_clients_say_so() {
    let test = test(|options| options.with_absence(Absence::Fail));
    test.put(1, "stored");
    test.away(|| {
        assert!(wait(test.cache.lookup(&1, Aim::Read)).unwrap_err().is_unreachable());
        assert!(wait(test.cache.get_many(&[1, 2])).unwrap_err().is_unreachable());
        assert!(wait(test.cache.put_for(&1, "new".to_owned(), 10)).unwrap_err().is_unreachable());
        assert!(wait(test.cache.delete(&1)).unwrap_err().is_unreachable());
        assert!(wait(test.cache.clear()).unwrap_err().is_unreachable());
        assert_eq!(wait(test.cache.get_or_compute(&1, || async { "own".to_owned() })), "own");
    });
    // The clear is delivered all the same.
    assert_eq!(test.get(1), None);
}

#[test]
fn an_invalidation_is_delivered_before_the_first_read_is_trusted() {
    for invalidate in ["delete", "expire", "put"] {
        let test = test(|options| options.with_grace(Duration::from_secs(60)));
        test.put(1, "old");
        test.put(2, "other");
        test.away(|| match invalidate {
            "delete" => drop(wait(test.cache.delete(&1)).unwrap()),
            "expire" => drop(wait(test.cache.expire(&1)).unwrap()),
            _ => drop(test.put(1, "never arrives")),
        });
        assert_eq!(test.pending(), 1, "{invalidate}");
        assert_eq!(test.get(1), None, "{invalidate}");
        assert_eq!((test.pending(), test.get(2).as_deref()), (0, Some("other")));
    }
}

#[test]
fn while_it_stays_away_nothing_old_is_believed() {
    let test = test(|options| options);
    test.put(1, "old");
    test.away(|| {
        wait(test.cache.delete_many(&[1, 2, 3])).unwrap();
        assert_eq!(test.get(1), None);
    });
    assert_eq!(test.pending(), 3);
    // After a failure only what is asked for is tried at once, the rest a second later.
    assert_eq!((test.get(1), test.pending()), (None, 2));
    test.time.advance(Duration::from_secs(1));
    assert_eq!((test.get(7), test.pending()), (None, 0));
}

#[test]
fn a_put_that_arrives_makes_up_for_what_did_not() {
    let test = test(|options| options);
    test.put(1, "old");
    test.away(|| wait(test.cache.delete(&1)).unwrap());
    test.put(1, "new");
    assert_eq!((test.pending(), test.get(1).as_deref()), (0, Some("new")));
}

#[test]
fn a_clear_is_delivered_before_the_first_read_is_trusted() {
    let test = test(|options| options);
    test.put(1, "old");
    test.away(|| wait(test.cache.clear()).unwrap());
    assert_eq!((test.pending(), test.get(1), test.pending()), (1, None, 0));
    test.put(1, "new");
    assert_eq!(test.get(1).as_deref(), Some("new"));
}

#[test]
fn more_invalidations_than_there_is_room_for_clear_the_namespace() {
    let test = test(|options| options.with_pending(3));
    test.put(1, "old");
    test.put(100, "not invalidated");
    test.away(|| wait(test.cache.delete_many(&[1, 2, 3, 4])).unwrap());
    assert_eq!(test.pending(), 1);
    assert_eq!((test.get(1), test.get(100)), (None, None));
    assert_eq!(test.pending(), 0);
}

#[test]
fn an_invalidation_whose_future_is_dropped_is_delivered_later() {
    let test = test(|options| options);
    test.put(1, "old");
    {
        let mut delete = pin!(test.cache.delete(&1));
        // Perhaps it has arrived, and perhaps not.
        let _ = delete.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    assert_eq!(test.get(1), None);
}

#[test]
fn what_was_computed_during_a_lost_invalidation_is_not_stored() {
    let test = test(|options| options);
    let lease = wait(test.cache.lookup(&1, Aim::Compute)).unwrap().into_lease();
    test.away(|| wait(test.cache.delete(&1)).unwrap());
    let entry = cache_core::Entry::new("too old".to_owned()).with_ttl(60);
    let filled = wait(test.cache.fill(&1, entry, lease)).unwrap();
    assert_eq!((filled, test.get(1)), (cache_core::Filled::Fenced, None));
}
