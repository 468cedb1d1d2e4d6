//! What the tests share: limits instead of hangs, gates instead of sleeps, clocks that stand still.

use larder::{PoolOptions, configure_pool};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex, Once};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// A limit, not a wait: whatever takes that long would take for ever.
const LIMIT: Duration = Duration::from_secs(20);

/// A manual clock and an in-process client that runs on it, as statics.
#[macro_export]
macro_rules! clocked {
    ($time:ident, $client:ident) => {
        static $time: std::sync::LazyLock<larder::ManualClock> =
            std::sync::LazyLock::new(larder::ManualClock::new);
        static $client: std::sync::LazyLock<larder::Inproc> =
            std::sync::LazyLock::new(|| larder::Inproc::new(1000).with_clock($time.clock()));
    };
}

/// A stage for the runs of a whole, and a cached part with a tag that it is made from.
#[macro_export]
macro_rules! scene {
    ($stage:ident, $part:ident, $tag:literal) => {
        static $stage: $crate::common::Stage = $crate::common::Stage::new();
        #[larder::cached(ttl = 1000, tags = [$tag])]
        fn $part() -> usize {
            static RUNS: $crate::common::Count = $crate::common::Count::new();
            RUNS.next()
        }
    };
}

/// Runs a test's body; panics if it does not end.
pub(crate) fn limited<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = channel();
    let runner = thread::spawn(move || {
        let result = body();
        let _ = done.send(());
        result
    });
    if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
        panic!("the test hangs");
    }
    runner.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// The same with a pool so wide that no test waits for the gate of another.
pub(crate) fn limited_wide<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    static WIDE: Once = Once::new();
    WIDE.call_once(|| configure_pool(PoolOptions::new().with_threads(32)).unwrap());
    limited(body)
}

/// Waits for what cannot be waited for in another way.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "it never came about that {what}");
        thread::yield_now();
    }
}

/// The message of a panic.
pub(crate) fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => panic!("no panic"),
        Err(panic) => message(&*panic),
    }
}

/// The text that a panic carries.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// Runs a future on a tokio runtime of one thread.
pub(crate) fn on_one_thread<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// How often something happened.
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) const fn new() -> Self {
        Count(AtomicUsize::new(0))
    }
    /// Counts once more, and tells the number of this time, beginning with 1.
    pub(crate) fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
    /// Counts once more.
    pub(crate) fn add(&self) {
        self.next();
    }
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// How many are inside at a time.
pub(crate) struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One that is inside, until dropped.
pub(crate) struct Visitor<'a>(&'a Crowd);

impl Crowd {
    pub(crate) const fn new() -> Self {
        Crowd { now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }
    pub(crate) fn enter(&self) -> Visitor<'_> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Visitor(self)
    }
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Holds computations until the test lets them go on.
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    arrived: usize,
    passes: usize,
    wakers: Vec<Waker>,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        let state = State { arrived: 0, passes: 0, wakers: Vec::new() };
        Gate { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// In a computation: says that it is there, and waits to be let through.
    pub(crate) fn pass(&self) {
        let place = self.arrive();
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.passes < place).unwrap());
    }

    /// The same in an `async` body.
    pub(crate) async fn pass_async(&self) {
        let place = self.arrive();
        poll_fn(|cx| {
            let mut state = self.state.lock().unwrap();
            if state.passes >= place {
                return Poll::Ready(());
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn arrive(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        self.changed.notify_all();
        state.arrived
    }

    /// Waits until so many computations, from the first on, have come to the gate.
    pub(crate) fn await_arrivals(&self, count: usize) {
        let state = self.state.lock().unwrap();
        let (state, timeout) =
            self.changed.wait_timeout_while(state, LIMIT, |state| state.arrived < count).unwrap();
        assert!(!timeout.timed_out(), "only {} of {count} computations began", state.arrived);
    }

    pub(crate) fn arrivals(&self) -> usize {
        self.state.lock().unwrap().arrived
    }

    /// Lets the next `count` computations through, in the order in which they arrive.
    pub(crate) fn admit(&self, count: usize) {
        let wakers = {
            let mut state = self.state.lock().unwrap();
            state.passes = state.passes.saturating_add(count);
            std::mem::take(&mut state.wakers)
        };
        self.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Lets everybody through from now on.
    pub(crate) fn open(&self) {
        self.admit(usize::MAX);
    }
}

/// A gate for each run of a body, and their number.
pub(crate) struct Stage {
    runs: Count,
    gates: [Gate; 4],
}

impl Stage {
    pub(crate) const fn new() -> Self {
        Stage { runs: Count::new(), gates: [const { Gate::new() }; 4] }
    }
    pub(crate) fn run(&self) -> usize {
        let run = self.runs.next();
        self.gates[run - 1].pass();
        run
    }
    pub(crate) async fn run_async(&self) -> usize {
        let run = self.runs.next();
        self.gates[run - 1].pass_async().await;
        run
    }
    pub(crate) fn await_run(&self, run: usize) {
        self.gates[run - 1].await_arrivals(1);
    }
    pub(crate) fn end_run(&self, run: usize) {
        self.gates[run - 1].open();
    }
}

/// Also keeps those helpers in use that one or the other test file does without.
mod tests {
    use super::*;

    clocked!(TIME, HERE);

    #[test]
    fn a_gate_lets_through_in_order_of_arrival() {
        static GATE: Gate = Gate::new();
        limited(|| {
            let held = thread::spawn(|| GATE.pass());
            GATE.await_arrivals(1);
            assert_eq!(GATE.arrivals(), 1);
            GATE.admit(1);
            held.join().unwrap();
            GATE.open();
            on_one_thread(GATE.pass_async());
        });
    }

    /// The pool's own tests give it another size.
    #[test]
    fn a_wide_pool_is_optional() {
        let wide: fn(fn()) = limited_wide;
        assert_ne!(wide as usize, 0);
    }

    #[test]
    fn a_stage_counts_its_runs() {
        scene!(STAGE, part, "own tests");
        limited(|| {
            assert_eq!((part(), part()), (1, 1));
            let held = thread::spawn(|| STAGE.run());
            STAGE.await_run(1);
            STAGE.end_run(1);
            STAGE.end_run(2);
            assert_eq!((held.join().unwrap(), on_one_thread(STAGE.run_async())), (1, 2));
        });
    }

    #[test]
    fn counts_and_crowds_count() {
        let (count, crowd) = (Count::new(), Crowd::new());
        count.add();
        assert_eq!((count.next(), count.get()), (2, 2));
        drop((crowd.enter(), crowd.enter()));
        drop(crowd.enter());
        assert_eq!(crowd.most(), 2);
        until("a count is one", || Count::new().next() == 1);
    }

    #[test]
    fn panics_are_told() {
        assert_eq!(panic_of(|| panic!("{} things", 2)), "2 things");
        assert_eq!(message(&"words"), "words");
    }

    #[test]
    fn a_manual_clock_ends_a_life() {
        let cache = HERE.open::<u8, u8>("lives");
        cache.put_for(1, 2, 10);
        TIME.advance(Duration::from_secs(10));
        assert_eq!(cache.get(&1), None);
    }
}
