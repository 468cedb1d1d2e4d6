//! Computations: one at a time for a key, and never stored over something newer.

use super::gate::{Gate, begin, begin_until};
use super::harness::{Harness, Subject, key, text};
use crate::ext::CacheExt;
use crate::task::BoxFuture;
use crate::wait;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// Counts computations, and how many of them run at a time.
#[derive(Clone, Default)]
struct Tally(Arc<(AtomicUsize, AtomicUsize, AtomicUsize)>);

impl Tally {
    fn enter(&self) {
        let (begun, running, most) = &*self.0;
        begun.fetch_add(1, Ordering::SeqCst);
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    }
    fn leave(&self) {
        self.0.1.fetch_sub(1, Ordering::SeqCst);
    }
    fn begun(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }
    fn most(&self) -> usize {
        self.0.2.load(Ordering::SeqCst)
    }
}

/// Gets or computes: behind the gate, and counted.
fn computing<'a, C: Subject>(
    cache: &'a C,
    key: &'a String,
    value: &'static str,
    gate: &Gate,
    tally: &Tally,
) -> BoxFuture<'a, String> {
    let (gate, tally) = (gate.clone(), tally.clone());
    Box::pin(cache.get_or_compute_for(key, 100, move || async move {
        tally.enter();
        gate.passed().await;
        tally.leave();
        value.to_owned()
    }))
}

/// Makes a change while the key is being computed; what the caller got, and what is stored then.
fn during<C: Subject>(
    harness: &Harness<C>,
    change: impl FnOnce(&C, &String),
) -> (String, Option<String>) {
    let (cache, key) = (harness.fresh(), key(1));
    let (gate, tally) = (Gate::default(), Tally::default());
    let mut leader = computing(&cache, &key, "computed", &gate, &tally);
    begin_until(&mut leader, || tally.begun() == 1);
    change(&cache, &key);
    gate.open();
    let given = wait(leader);
    (given, wait(cache.get(&key)).unwrap())
}

/// Acceptance X1.
pub fn x1_a_delete_during_a_computation_wins<C: Subject>(harness: &Harness<C>) {
    let delete = |cache: &C, key: &String| assert!(!wait(cache.delete(key)).unwrap());
    assert_eq!(during(harness, delete), (text("computed"), None));
}

/// Acceptance X1.
pub fn x1_an_expire_during_a_computation_wins<C: Subject>(harness: &Harness<C>) {
    let expire = |cache: &C, key: &String| assert!(!wait(cache.expire(key)).unwrap());
    assert_eq!(during(harness, expire), (text("computed"), None));
}

/// Acceptance X1.
pub fn x1_a_clear_during_a_computation_wins<C: Subject>(harness: &Harness<C>) {
    let clear = |cache: &C, _: &String| wait(cache.clear()).unwrap();
    assert_eq!(during(harness, clear), (text("computed"), None));
}

/// Acceptance X1.
pub fn x1_a_put_during_a_computation_wins<C: Subject>(harness: &Harness<C>) {
    let put =
        |cache: &C, key: &String| assert!(wait(cache.put_for(key, text("put"), 100)).unwrap());
    assert_eq!(during(harness, put), (text("computed"), Some(text("put"))));
}

/// Acceptance X1.
pub fn x1_an_add_during_a_computation_wins<C: Subject>(harness: &Harness<C>) {
    let add = |cache: &C, key: &String| assert!(wait(cache.add(key, text("added"), 100)).unwrap());
    assert_eq!(during(harness, add), (text("computed"), Some(text("added"))));
}

/// Acceptance X1: who asks after the delete does not get what was begun before it.
pub fn x1_a_computation_begun_after_the_delete_is_stored<C: Subject>(harness: &Harness<C>) {
    let (cache, key, tally) = (harness.fresh(), key(1), Tally::default());
    let (before, after) = (Gate::default(), Gate::default());
    let mut old = computing(&cache, &key, "old", &before, &tally);
    begin_until(&mut old, || tally.begun() == 1);
    wait(cache.delete(&key)).unwrap();
    let mut new = computing(&cache, &key, "new", &after, &tally);
    begin_until(&mut new, || tally.begun() == 2);
    after.open();
    assert_eq!(wait(new), "new");
    before.open();
    assert_eq!(wait(old), "old");
    assert_eq!(wait(cache.get(&key)).unwrap(), Some(text("new")));
}

/// Acceptance X2.
pub fn x2_a_failing_computation_is_never_run_twice_at_a_time<C: Subject>(harness: &Harness<C>) {
    const CALLERS: usize = 8;
    let (cache, tally, start) = (harness.fresh(), Tally::default(), Barrier::new(CALLERS));
    let call = || {
        let tally = tally.clone();
        start.wait();
        let failed: Result<String, &str> =
            wait(cache.try_get_or_compute(&key(1), move || async move {
                tally.enter();
                pause().await;
                tally.leave();
                Err("failed")
            }));
        assert_eq!(failed, Err("failed"));
    };
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(call);
        }
    });
    assert_eq!((tally.begun(), tally.most()), (CALLERS, 1));
    assert_eq!(wait(cache.get(&key(1))).unwrap(), None);
}

/// Lets others poll a few times.
async fn pause() {
    let mut rest = 10;
    poll_fn(move |cx| {
        if rest == 0 {
            return Poll::Ready(());
        }
        rest -= 1;
        cx.waker().wake_by_ref();
        thread::yield_now();
        Poll::Pending
    })
    .await;
}

/// Acceptance X3.
pub fn x3_a_dropped_leader_loses_no_work<C: Subject>(harness: &Harness<C>) {
    let (cache, key) = (harness.fresh(), key(1));
    let (gate, tally) = (Gate::default(), Tally::default());
    let mut leader = computing(&cache, &key, "leader's", &gate, &tally);
    begin(&mut leader);
    let mut follower = computing(&cache, &key, "follower's", &gate, &tally);
    begin(&mut follower);
    drop(leader);
    gate.open();
    assert_eq!(wait(follower), "leader's");
    assert_eq!(tally.begun(), 1);
    assert_eq!(wait(cache.get(&key)).unwrap(), Some(text("leader's")));
}

/// Acceptance X3.
pub fn x3_a_leader_dropped_alone_is_joined_by_the_next<C: Subject>(harness: &Harness<C>) {
    let (cache, key) = (harness.fresh(), key(1));
    let (gate, tally) = (Gate::default(), Tally::default());
    let mut leader = computing(&cache, &key, "leader's", &gate, &tally);
    begin(&mut leader);
    drop(leader);
    gate.open();
    assert_eq!(wait(computing(&cache, &key, "next one's", &gate, &tally)), "leader's");
    assert_eq!(tally.begun(), 1);
}

/// Acceptance X3: as a leader in a `select!`, which is alive but gets no turn.
pub fn x3_a_leader_that_is_not_polled_stops_nobody<C: Subject>(harness: &Harness<C>) {
    let (cache, key) = (harness.fresh(), key(1));
    let (gate, tally) = (Gate::default(), Tally::default());
    let mut leader = computing(&cache, &key, "leader's", &gate, &tally);
    begin(&mut leader);
    gate.open();
    assert_eq!(wait(computing(&cache, &key, "follower's", &gate, &tally)), "leader's");
    assert_eq!(wait(leader), "leader's");
    assert_eq!(tally.begun(), 1);
}

/// Acceptance X4.
pub fn x4_a_panic_is_the_leaders_and_the_next_computes<C: Subject>(harness: &Harness<C>) {
    let (cache, key) = (harness.fresh(), key(1));
    let (gate, tally) = (Gate::default(), Tally::default());
    let begun = gate.clone();
    let mut leader = Box::pin(cache.get_or_compute(&key, move || async move {
        begun.passed().await;
        panic!("the leader's own words")
    }));
    begin(&mut leader);
    let mut follower = computing(&cache, &key, "follower's", &gate, &tally);
    begin(&mut follower);
    gate.open();
    let panic = catch_unwind(AssertUnwindSafe(|| wait(leader))).expect_err("no panic");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the leader's own words"));
    assert_eq!(wait(follower), "follower's");
    assert_eq!(wait(cache.get(&key)).unwrap(), Some(text("follower's")));
}

/// Acceptance X7.
pub fn x7_a_computation_that_asks_for_itself_is_an_error<C: Subject>(harness: &Harness<C>) {
    let (cache, key) = (harness.fresh(), key(1));
    let (inner, same) = (cache.clone(), key.clone());
    let circle = cache.get_or_compute(&key, move || async move {
        inner.get_or_compute(&same, || async { text("inner") }).await
    });
    let panic = catch_unwind(AssertUnwindSafe(|| wait(circle))).expect_err("no panic");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains("waits for itself"), "{message}");
    // The key is free again.
    let value = wait(cache.get_or_compute(&key, || async { text("plain") }));
    assert_eq!(value, "plain");
}

/// Acceptance X8: all who wait share a result that is not stored.
pub fn x8_results_that_are_not_stored_do_not_queue<C: Subject>(harness: &Harness<C>) {
    const CALLERS: usize = 100;
    let (cache, key) = (harness.fresh(), key(1));
    let (gate, tally) = (Gate::default(), Tally::default());
    let call = || {
        let (gate, tally) = (gate.clone(), tally.clone());
        Box::pin(cache.get_or_compute_for(&key, Duration::ZERO, move || async move {
            tally.enter();
            gate.passed().await;
            tally.leave();
            text("once")
        }))
    };
    let mut callers: Vec<_> = (0..CALLERS).map(|_| call()).collect();
    callers.iter_mut().for_each(begin);
    gate.open();
    assert!(callers.into_iter().all(|caller| wait(caller) == "once"));
    assert_eq!(tally.begun(), 1);
    assert_eq!(wait(cache.get(&key)).unwrap(), None);
}
