//! What users' code may do at the wrong moment: `Clone`, `Hash`, `Eq`, `Drop` and the attribute's
//! closures panic or call back. Every caller gets an answer, and other keys go on.

mod common;

use common::{Count, limited_wide, on_one_thread, panic_of, until};
use larder::{Inproc, cached};
use std::hash::{Hash, Hasher};
use std::panic::catch_unwind;

/// Clones of 13 panic.
#[derive(Debug, PartialEq, Eq)]
struct Fragile(u8);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert_ne!(self.0, 13, "a clone that panics");
        Fragile(self.0)
    }
}

impl Hash for Fragile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.0);
    }
}

/// Calls a blocking function in every way that computes.
macro_rules! each_panics {
    ($run:ident, $bad:expr, $good:expr, $text:literal) => {
        for call in [
            || {
                $run($bad);
            },
            || {
                $run::future($bad).wait();
            },
            || {
                $run::async_($bad);
            },
            || {
                $run::refresh($bad);
            },
            || {
                $run::future_refresh($bad).wait();
            },
        ] as [fn(); 5]
        {
            let message = panic_of(call);
            assert!(message.contains($text), "{message}");
        }
        drop(catch_unwind(|| $run::lazy($bad)));
        assert_eq!($run($good), $run::future($good).wait());
        until("what was started in the background is over", || $run::lazy($good).is_some());
    };
}

/// The same for an `async fn`.
macro_rules! each_panics_async {
    ($run:ident, $bad:expr, $good:expr, $text:literal) => {
        for call in [
            || {
                larder::wait($run($bad));
            },
            || {
                on_one_thread($run($bad));
            },
            || {
                $run::future($bad).wait();
            },
            || {
                larder::wait($run::async_($bad));
            },
            || {
                larder::wait($run::refresh($bad));
            },
            || {
                $run::future_refresh($bad).wait();
            },
        ] as [fn(); 6]
        {
            let message = panic_of(call);
            assert!(message.contains($text), "{message}");
        }
        drop(catch_unwind(|| $run::lazy($bad)));
        assert_eq!(larder::wait($run($good)), $run::future($good).wait());
    };
}

#[test]
fn a_value_whose_clone_panics() {
    #[cached]
    fn run(x: u8) -> Fragile {
        Fragile(x)
    }
    #[cached]
    async fn task(x: u8) -> Fragile {
        Fragile(x)
    }
    limited_wide(|| {
        each_panics!(run, 13, 1, "a clone that panics");
        each_panics_async!(task, 13, 1, "a clone that panics");
    });
}

#[test]
fn a_key_whose_clone_panics() {
    #[cached]
    fn run(x: Fragile) -> u8 {
        [x].map(|x| x.0)[0]
    }
    #[cached]
    fn by_reference(x: &Fragile) -> u8 {
        x.0
    }
    limited_wide(|| {
        each_panics!(by_reference, &Fragile(13), &Fragile(1), "a clone that panics");
        assert!(panic_of(|| run(Fragile(13))).contains("a clone that panics"));
        assert_eq!(run(Fragile(1)), run::future(Fragile(1)).wait());
    });
}

#[test]
fn closures_of_the_attribute_that_panic() {
    #[cached(ttl_of = |x| { assert_ne!(*x, 13, "no ttl"); std::time::Duration::MAX })]
    fn ttl(x: u8) -> u8 {
        x
    }
    #[cached(cache_if = |x| { assert_ne!(*x, 13, "not wanted"); true })]
    async fn wanted(x: u8) -> u8 {
        x
    }
    #[cached(capacity = 100, weight = |_key, x| { assert_ne!(*x, 13, "no weight"); 1 })]
    fn weight(x: u8) -> u8 {
        x
    }
    #[cached(capacity = 100, weight = |_key, x| { assert_ne!(*x, 13, "no weight"); 1 })]
    async fn weight_of_task(x: u8) -> u8 {
        x
    }
    limited_wide(|| {
        each_panics!(ttl, 13, 1, "no ttl");
        each_panics_async!(wanted, 13, 1, "not wanted");
        each_panics!(weight, 13, 1, "no weight");
        each_panics_async!(weight_of_task, 13, 1, "no weight");
    });
}

#[test]
fn a_batch_whose_values_cannot_be_stored() {
    limited_wide(|| {
        let fragile = |missing: Vec<u8>| async move { missing.into_iter().map(Fragile).collect() };
        let cache = Inproc::new(100).open::<u8, Fragile>("batch");
        let message = panic_of(|| {
            larder::wait(larder::CacheExt::get_or_compute_many(&cache, &[1, 13, 2], fragile))
        });
        assert!(message.contains("a clone that panics"), "{message}");
        let message = panic_of(|| {
            larder::wait(larder::CacheExt::get_or_compute(&cache, &13, || async { Fragile(13) }))
        });
        assert!(message.contains("a clone that panics"), "{message}");
        let values = larder::wait(larder::CacheExt::get_or_compute_many(&cache, &[1, 2], fragile));
        assert_eq!(values, [Fragile(1), Fragile(2)]);
    });
}

/// Asks the cache that it is dropped from, at the worst moment.
#[derive(Debug, Clone)]
struct Curious(u8);

impl Drop for Curious {
    fn drop(&mut self) {
        if self.0 == 7 {
            let other = Curious(0);
            std::mem::forget(curious::peek(9));
            curious::invalidate(8);
            std::mem::forget(other);
        }
    }
}

#[cached(capacity = 2)]
fn curious(x: u8) -> Curious {
    Curious(x)
}

#[test]
fn a_value_that_asks_its_own_cache_while_it_is_dropped() {
    limited_wide(|| {
        for _ in 0..50 {
            for x in 0..10 {
                drop(curious(x));
            }
            curious::put(7, Curious(7));
            curious::invalidate(7);
            curious::clear();
        }
    });
}

#[test]
fn a_hook_that_calls_its_own_function() {
    static TOLD: Count = Count::new();
    #[cached]
    fn run(x: u8) -> u8 {
        x
    }
    run::on_value(|x, value| {
        TOLD.next();
        assert_eq!((run(*x), run::peek(*x)), (*value, Some(*value)));
        run::invalidate(*x);
    });
    limited_wide(|| {
        assert_eq!((run(1), run::future(2).wait(), run::peek(1)), (1, 2, None));
        until("the hooks have been called", || TOLD.get() >= 2 && run::peek(2).is_none());
    });
}

/// Its clone asks the function that stores it for another key.
#[derive(Debug, PartialEq, Eq)]
struct Asking(u8);

static ASKING: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

impl Clone for Asking {
    fn clone(&self) -> Self {
        if self.0 == 1 && ASKING.load(std::sync::atomic::Ordering::SeqCst) {
            assert_eq!(asking(2).0, 2);
        }
        Asking(self.0)
    }
}

static LEADS: common::Gate = common::Gate::new();

/// One shard: what is cloned in it and what is stored in it meet in one lock.
#[cached(capacity = 10)]
fn asking(n: u8) -> Asking {
    if n == 2 && std::thread::current().name() == Some("leader") {
        LEADS.pass();
    }
    Asking(n)
}

#[test]
fn a_clone_under_the_lock_waits_for_no_flight_whose_leader_wants_that_lock() {
    limited_wide(|| {
        asking(1);
        let leader = std::thread::Builder::new().name("leader".into()).spawn(|| asking(2));
        LEADS.await_arrivals(1);
        ASKING.store(true, std::sync::atomic::Ordering::SeqCst);
        // With the leader held, an answer can only come from a computation of the clone's own.
        assert_eq!(asking(1).0, 1);
        ASKING.store(false, std::sync::atomic::Ordering::SeqCst);
        LEADS.open();
        assert_eq!(leader.unwrap().join().unwrap().0, 2);
    });
}
