//! Three events, of which the last must not hide the first: a put, a failure or a change of the key between the beginning
//! of a computation and those who get what comes of it.

mod common;
#[path = "../cache-clients/tests/common/remote.rs"]
mod remote;

use common::{Count, Gate, Stage, limited_wide, panic_of, until};
use larder::{Explain, Inproc, ManualClock, Tiered, cached, invalidate_tag, wait};
use remote::Remote;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// The number of a run, and of the part that it was made from.
type Made = (usize, usize);

const SECOND: Duration = Duration::from_secs(1);

fn forget(tag: &str) {
    wait(invalidate_tag(tag)).unwrap();
}

#[test]
fn a_put_does_not_hide_from_who_waits_what_the_computation_was_made_from() {
    scene!(STAGE, part, "put and note");
    #[cached(ttl = 1000)]
    fn whole() -> Made {
        let part = part();
        (STAGE.run(), part)
    }
    #[cached(ttl = 1000)]
    fn outer() -> Made {
        whole()
    }
    limited_wide(|| {
        let leader = thread::spawn(whole);
        STAGE.await_run(1);
        let around = thread::spawn(outer);
        until("the one around waits", || whole::stats().waiters == 1);
        whole::put((7, 7));
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), around.join().unwrap()), ((1, 1), (1, 1)));
        forget("put and note");
        assert_eq!(outer(), (7, 7), "what it was made from is outdated");
    });
}

#[test]
fn a_put_does_not_hide_an_invalidation_from_who_came_after_it() {
    scene!(STAGE, part, "put and age");
    #[cached(ttl = 1000)]
    fn whole() -> Made {
        let part = part();
        (STAGE.run(), part)
    }
    limited_wide(|| {
        let leader = thread::spawn(whole);
        STAGE.await_run(1);
        forget("put and age");
        let later = thread::spawn(whole);
        until("the later one waits", || whole::stats().waiters == 1);
        whole::put((7, 7));
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), later.join().unwrap()), ((1, 1), (7, 7)));
    });
}

#[test]
fn a_value_that_is_put_while_a_caller_is_about_to_compute_stays() {
    static PUT: AtomicBool = AtomicBool::new(false);
    /// Is cloned when its caller has found nothing, and is about to compute.
    #[derive(PartialEq, Eq, Hash)]
    struct Key;
    impl Clone for Key {
        fn clone(&self) -> Self {
            if PUT.swap(false, Ordering::SeqCst) {
                thread::spawn(|| run::put(Key, 9)).join().unwrap();
            }
            Key
        }
    }
    #[cached(ttl = 1000)]
    fn run(_key: Key) -> usize {
        1
    }
    limited_wide(|| {
        PUT.store(true, Ordering::SeqCst);
        assert_eq!(run(Key), 9);
        assert!(!PUT.load(Ordering::SeqCst), "the key was cloned");
        assert_eq!((run::peek(Key), run::stats().computations), (Some(9), 0));
    });
}

#[test]
fn who_waits_for_a_failure_depends_on_what_that_was_made_from() {
    scene!(STAGE, part, "failure and note");
    #[cached(ttl = 1000)]
    fn whole() -> Result<usize, String> {
        let part = part();
        STAGE.run();
        if part == 1 { Err("too small".to_owned()) } else { Ok(part) }
    }
    #[cached(ttl = 1000)]
    fn outer() -> usize {
        whole().unwrap_or(0)
    }
    limited_wide(|| {
        let leader = thread::spawn(whole);
        STAGE.await_run(1);
        let around = thread::spawn(outer);
        until("the one around waits", || whole::stats().waiters == 1);
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap().is_err(), around.join().unwrap()), (true, 0));
        forget("failure and note");
        STAGE.end_run(2);
        assert_eq!(outer(), 2, "what it was made from is outdated");
    });
}

#[test]
fn who_comes_after_an_invalidation_does_not_get_a_failure_from_before_it() {
    scene!(STAGE, part, "failure and age");
    #[cached(ttl = 1000)]
    fn whole() -> Option<usize> {
        let part = part();
        STAGE.run();
        (part > 1).then_some(part)
    }
    limited_wide(|| {
        let leader = thread::spawn(whole);
        STAGE.await_run(1);
        forget("failure and age");
        let later = thread::spawn(whole);
        until("the later one waits", || whole::stats().waiters == 1);
        STAGE.end_run(2);
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), later.join().unwrap()), (None, Some(2)));
    });
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_refresh_that_waits_for_one_which_fails_does_not_get_what_is_older_than_its_call() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000)]
    async fn run() -> usize {
        let run = STAGE.run_async().await;
        assert!(run != 2, "the second fails");
        run
    }
    limited_wide(|| {
        let mut refreshes = [(); 3].map(|()| Box::pin(run::refresh()));
        let [first, second, third] = &mut refreshes;
        assert!(poll(first).is_pending() && poll(second).is_pending() && poll(third).is_pending());
        STAGE.end_run(1);
        assert_eq!(poll(first), Poll::Ready(1));
        assert!(poll(second).is_pending() && poll(third).is_pending(), "the first began before");
        STAGE.end_run(2);
        assert!(panic_of(|| poll(second)).contains("the second fails"));
        STAGE.end_run(3);
        assert_eq!(poll(third), Poll::Ready(3));
    });
}

#[test]
fn a_refresh_in_the_background_does_not_bring_back_what_was_expired_meanwhile() {
    clocked!(TIME, HERE);
    static STAGE: Stage = Stage::new();
    static COMPARED: Count = Count::new();
    static ARMED: AtomicBool = AtomicBool::new(false);
    /// Expires its own value while it is looked up the second time: each look compares twice.
    #[derive(Clone)]
    struct Key;
    impl PartialEq for Key {
        fn eq(&self, _: &Self) -> bool {
            if ARMED.load(Ordering::SeqCst) && COMPARED.next() == 4 {
                run::expire(Key);
            }
            true
        }
    }
    impl Eq for Key {}
    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u8(0);
        }
    }
    #[cached(client = HERE, ttl = 100)]
    fn run(_key: Key) -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        STAGE.end_run(1);
        assert_eq!(run(Key), 1);
        TIME.advance(99 * SECOND);
        ARMED.store(true, Ordering::SeqCst);
        assert_eq!(run::lazy(Key), Some(1), "it was there, and is due");
        assert!(COMPARED.get() > 4, "it was expired");
        assert_eq!(run::peek(Key), None);
        STAGE.end_run(2);
        until("it was computed anew", || run::peek(Key) == Some(2));
    });
}

/// A clock, and a far client by it.
macro_rules! far {
    ($time:ident, $far:ident) => {
        static $time: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
        static $far: LazyLock<Remote> = LazyLock::new(|| Remote::new(&$time.clock()));
    };
}

/// A computation that begins while a change is on its way to the server, and has found there what the change does away
/// with: nobody who comes after the change gets that.
macro_rules! begun_meanwhile {
    ($test:ident, |$key:ident| $change:expr) => {
        #[test]
        fn $test() {
            far!(TIME, FAR);
            static GATE: Gate = Gate::new();
            static RUNS: Count = Count::new();
            #[cached(client = FAR, ttl = "100s", namespace = "n")]
            async fn run(_x: u8) -> usize {
                RUNS.next()
            }
            limited_wide(|| {
                TIME.advance(SECOND);
                let $key = 1;
                assert_eq!(wait(run($key)), 1);
                let (begun, meanwhile) = std::sync::mpsc::channel();
                FAR.before_next_change(move || {
                    FAR.after_next_lookup(|| GATE.pass());
                    begun.send(thread::spawn(|| wait(run(1)))).unwrap();
                    GATE.await_arrivals(1);
                });
                $change;
                let meanwhile = meanwhile.recv().unwrap();
                let later = thread::spawn(|| wait(run(1)));
                let waits = || run::stats().waiters > 0;
                until("the later one has got it, or waits", || later.is_finished() || waits());
                GATE.open();
                assert_eq!((meanwhile.join().unwrap(), later.join().unwrap()), (1, 2));
            });
        }
    };
}

begun_meanwhile!(what_begins_while_a_far_key_is_invalidated_is_not_joined_later, |x| {
    wait(run::invalidate(x))
});
begun_meanwhile!(what_begins_while_a_far_key_is_expired_is_not_joined_later, |x| {
    wait(run::expire(x))
});
begun_meanwhile!(what_begins_while_a_far_cache_is_cleared_is_not_joined_later, |_x| {
    run::clear()
});

/// The same, and a function that fails after its first run, with grace.
macro_rules! far_once {
    ($time:ident, $far:ident, $run:ident) => {
        far!($time, $far);
        static RUNS: Count = Count::new();
        #[cached(client = $far, ttl = "10s", grace = "1000s", namespace = "n")]
        async fn $run(_x: u8) -> Result<usize, String> {
            match RUNS.next() {
                1 => Ok(1),
                later => Err(format!("run {later} fails")),
            }
        }
    };
}

/// After a change, no failure is covered up with what was there before it.
macro_rules! no_grace {
    ($test:ident, |$x:ident| $change:expr) => {
        #[test]
        fn $test() {
            far_once!(TIME, FAR, run);
            limited_wide(|| {
                TIME.advance(SECOND);
                let $x = 1;
                assert_eq!(wait(run($x)), Ok(1));
                TIME.advance(11 * SECOND);
                assert_eq!(wait(run($x)), Ok(1), "by grace");
                $change;
                TIME.advance(60 * SECOND);
                assert_eq!(wait(run($x)), Err("run 3 fails".to_owned()));
            });
        }
    };
}

no_grace!(grace_does_not_bring_back_what_was_invalidated_behind, |x| {
    assert!(!wait(run::invalidate(x)))
});
no_grace!(grace_does_not_bring_back_what_was_cleared_behind, |_x| run::clear());
no_grace!(grace_does_not_bring_back_what_was_expired_behind_when_it_was_old, |x| {
    assert!(!wait(run::expire(x)))
});

#[test]
fn grace_does_not_bring_back_what_was_expired_behind() {
    far_once!(TIME, FAR, run);
    limited_wide(|| {
        TIME.advance(SECOND);
        assert_eq!(wait(run(1)), Ok(1));
        assert!(wait(run::expire(1)));
        assert_eq!(wait(run(1)), Err("run 2 fails".to_owned()));
    });
}

#[test]
fn grace_does_not_bring_back_what_was_expired_in_tiers_or_in_process() {
    far!(TIME, FAR);
    static HERE: LazyLock<Inproc> = LazyLock::new(|| Inproc::new(100).with_clock(TIME.clock()));
    static TIERS: LazyLock<Tiered<Inproc, Remote>> =
        LazyLock::new(|| Tiered::new(HERE.clone(), FAR.clone()).with_clock(TIME.clock()));
    static FAILS: AtomicBool = AtomicBool::new(false);
    fn made() -> Result<usize, String> {
        if FAILS.load(Ordering::SeqCst) { Err("it fails".to_owned()) } else { Ok(1) }
    }
    #[cached(client = TIERS, ttl = "10s", grace = "1000s", namespace = "n")]
    fn tiers(_x: u8) -> Result<usize, String> {
        made()
    }
    #[cached(client = HERE, ttl = "10s", grace = "1000s", namespace = "here")]
    fn here(_x: u8) -> Result<usize, String> {
        made()
    }
    limited_wide(|| {
        TIME.advance(SECOND);
        assert_eq!((tiers(1), here(1)), (Ok(1), Ok(1)));
        assert_eq!((tiers(2), here(2)), (Ok(1), Ok(1)));
        FAILS.store(true, Ordering::SeqCst);
        assert!(tiers::expire(1) && here::expire(1));
        TIME.advance(11 * SECOND);
        assert_eq!((tiers(2), here(2)), (Ok(1), Ok(1)), "by grace");
        assert!(!tiers::expire(2) && !here::expire(2), "its TTL has passed");
        TIME.advance(60 * SECOND);
        for key in [1, 2] {
            assert!(tiers(key).is_err() && here(key).is_err(), "{key}");
        }
    });
}

#[test]
fn what_was_expired_is_not_served_once_more_when_its_ttl_has_passed_too() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = "100s", async_ttl)]
    fn run(_x: u8) -> usize {
        RUNS.next()
    }
    limited_wide(|| {
        let modes: [fn() -> Option<usize>; 4] = [
            || Some(run(1)),
            || Some(run::async_(1)),
            || Some(run::future(1).wait()),
            || run::lazy(1),
        ];
        for (n, mode) in modes.into_iter().enumerate() {
            let old = run::refresh(1);
            assert!(run::expire(1));
            TIME.advance(200 * SECOND);
            assert!(!run::entry(1).explain().would_hit(), "mode {n}");
            assert!(mode() != Some(old), "mode {n} serves a value of 200 s");
            until("it is computed anew", || run::peek(1).is_some_and(|new| new != old));
        }
    });
}

#[test]
fn grace_does_not_bring_back_what_was_invalidated_while_it_was_looked_up() {
    far_once!(TIME, FAR, run);
    limited_wide(|| {
        TIME.advance(SECOND);
        assert_eq!(wait(run(1)), Ok(1));
        TIME.advance(11 * SECOND);
        FAR.after_next_lookup(|| {
            thread::spawn(|| wait(run::invalidate(1))).join().unwrap();
        });
        let _either = wait(run(1));
        TIME.advance(60 * SECOND);
        assert_eq!(wait(run(1)), Err("run 3 fails".to_owned()));
    });
}
