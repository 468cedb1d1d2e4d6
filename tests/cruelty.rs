//! The cruelty suite for decorated functions: what happens to a key while its value is being computed (X1).

mod common;

use common::{Count, Crowd, Gate, limited_wide, on_one_thread, until};
use larder::{Timeout, cached};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Gates for each run of each key, and the number of the runs.
struct Stage {
    runs: [Count; 4],
    gates: [[Gate; 3]; 4],
}

impl Stage {
    const fn new() -> Self {
        Stage {
            runs: [const { Count::new() }; 4],
            gates: [const { [const { Gate::new() }; 3] }; 4],
        }
    }
    /// The body of a function: the number of the run, counted from 1.
    fn run(&self, key: usize) -> usize {
        let run = self.runs[key].next();
        self.gates[key][run - 1].pass();
        run
    }
    async fn run_async(&self, key: usize) -> usize {
        let run = self.runs[key].next();
        self.gates[key][run - 1].pass_async().await;
        run
    }
    fn await_run(&self, key: usize, run: usize) {
        self.gates[key][run - 1].await_arrivals(1);
    }
    fn end_run(&self, key: usize, run: usize) {
        self.gates[key][run - 1].open();
    }
}

/// What removes a value, one for each key.
type Removals = [fn(usize); 3];

#[test]
fn x1_what_is_removed_during_a_load_is_not_stored_and_later_callers_load_anew() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000)]
    fn run(key: usize) -> usize {
        STAGE.run(key)
    }
    const REMOVALS: Removals = [
        |key| {
            run::invalidate(key);
        },
        |key| {
            run::expire(key);
        },
        |_| run::clear(),
    ];
    limited_wide(|| {
        for (key, remove) in REMOVALS.into_iter().enumerate() {
            let waiters = run::stats().waiters;
            let leader = thread::spawn(move || run(key));
            STAGE.await_run(key, 1);
            let follower = thread::spawn(move || run(key));
            until("the follower waits", || run::stats().waiters == waiters + 1);
            remove(key);
            let later = thread::spawn(move || run(key));
            STAGE.await_run(key, 2);
            STAGE.end_run(key, 2);
            assert_eq!((later.join().unwrap(), run::peek(key)), (2, Some(2)));
            STAGE.end_run(key, 1);
            assert_eq!((leader.join().unwrap(), follower.join().unwrap()), (1, 1));
            assert_eq!(
                run(key),
                2,
                "removal {key}: the late result is not stored over the new one"
            );
        }
        assert_eq!(run::stats().fenced, 3);
    });
}

#[test]
fn x1_what_is_removed_during_a_load_leaves_nothing_behind() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000)]
    fn run(key: usize) -> usize {
        STAGE.run(key)
    }
    const REMOVALS: Removals = [
        |key| {
            run::invalidate(key);
        },
        |key| {
            run::expire(key);
        },
        |_| run::clear(),
    ];
    limited_wide(|| {
        for (key, remove) in REMOVALS.into_iter().enumerate() {
            let leader = thread::spawn(move || run(key));
            STAGE.await_run(key, 1);
            remove(key);
            STAGE.end_run(key, 1);
            assert_eq!((leader.join().unwrap(), run::peek(key)), (1, None));
        }
    });
}

#[test]
fn x1_a_put_during_a_load_wins() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000)]
    fn run(key: usize) -> usize {
        STAGE.run(key)
    }
    limited_wide(|| {
        let leader = thread::spawn(|| run(0));
        STAGE.await_run(0, 1);
        run::put(0, 70);
        assert_eq!(run(0), 70);
        STAGE.end_run(0, 1);
        assert_eq!((leader.join().unwrap(), run(0)), (1, 70));
    });
}

#[test]
fn x1_a_refresh_during_a_load_computes_after_it_and_its_value_stays() {
    static STAGE: Stage = Stage::new();
    static CROWD: Crowd = Crowd::new();
    #[cached(ttl = 1000)]
    fn run(key: usize) -> usize {
        let _inside = CROWD.enter();
        STAGE.run(key)
    }
    limited_wide(|| {
        let leader = thread::spawn(|| run(0));
        STAGE.await_run(0, 1);
        let refresh = thread::spawn(|| run::refresh(0));
        let later = run::future_refresh(0);
        until("both refreshes wait", || run::stats().waiters == 2);
        (1..=3).for_each(|run| STAGE.end_run(0, run));
        assert_eq!(leader.join().unwrap(), 1);
        assert!(refresh.join().unwrap() > 1 && later.wait() > 1);
        assert!(run(0) > 1);
        assert_eq!(CROWD.most(), 1);
    });
}

#[test]
fn x1_the_same_for_an_async_fn() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000)]
    async fn run(key: usize) -> usize {
        STAGE.run_async(key).await
    }
    const REMOVALS: Removals = [
        |key| {
            larder::wait(run::invalidate(key));
        },
        |key| {
            larder::wait(run::expire(key));
        },
        |_| run::clear(),
    ];
    limited_wide(|| {
        for (key, remove) in REMOVALS.into_iter().enumerate() {
            let leader = thread::spawn(move || on_one_thread(run(key)));
            STAGE.await_run(key, 1);
            remove(key);
            let later = thread::spawn(move || larder::wait(run(key)));
            STAGE.await_run(key, 2);
            STAGE.end_run(key, 2);
            assert_eq!(later.join().unwrap(), 2);
            STAGE.end_run(key, 1);
            assert_eq!((leader.join().unwrap(), larder::wait(run::peek(key))), (1, Some(2)));
        }
        let leader = thread::spawn(|| on_one_thread(run(3)));
        STAGE.await_run(3, 1);
        larder::wait(run::put(3, 70));
        STAGE.end_run(3, 1);
        assert_eq!((leader.join().unwrap(), larder::wait(run(3))), (1, 70));
    });
}

#[test]
fn x1_what_is_removed_during_a_background_refresh_is_not_brought_back() {
    clocked!(TIME, HERE);
    static STAGE: Stage = Stage::new();
    #[cached(client = HERE, namespace = "background", ttl = 100, async_ttl)]
    fn run(key: usize) -> usize {
        STAGE.run(key)
    }
    const CHANGES: [fn(usize); 4] = [
        |key| {
            run::invalidate(key);
        },
        |key| {
            run::expire(key);
        },
        |_| run::clear(),
        |key| run::put(key, 70),
    ];
    limited_wide(|| {
        let cache = HERE.open::<usize, usize>("background");
        for (key, change) in CHANGES.into_iter().enumerate() {
            STAGE.end_run(key, 1);
            assert_eq!(run(key), 1);
            TIME.advance(60 * SECOND);
            assert_eq!(run(key), 1);
            STAGE.await_run(key, 2);
            change(key);
            let fenced = run::stats().fenced;
            STAGE.end_run(key, 2);
            until("the refresh is over", || run::stats().fenced == fenced + 1);
            assert_eq!(run::peek(key), (key == 3).then_some(70), "change {key}");
            until("nothing runs", || cache.flights().is_empty());
        }
    });
}

#[test]
fn x1_what_is_removed_during_a_load_that_nobody_waits_for_any_more_is_not_stored() {
    clocked!(TIME, HERE);
    static STAGE: Stage = Stage::new();
    #[cached(client = HERE, ttl = 1000)]
    fn run(key: usize) -> usize {
        STAGE.run(key)
    }
    const REMOVALS: Removals = [
        |key| {
            run::invalidate(key);
        },
        |key| {
            run::expire(key);
        },
        |_| run::clear(),
    ];
    limited_wide(|| {
        for (key, remove) in REMOVALS.into_iter().enumerate() {
            let waiting = thread::spawn(move || run::entry(key).get_within(SECOND));
            STAGE.await_run(key, 1);
            until("the second is over", || {
                TIME.advance(SECOND);
                waiting.is_finished()
            });
            assert_eq!(waiting.join().unwrap(), Err(Timeout));
            remove(key);
            STAGE.end_run(key, 1);
            until("the result was turned away", || run::stats().fenced as usize == key + 1);
            assert_eq!(run::peek(key), None, "removal {key}");
        }
    });
}

#[test]
fn x1_a_load_that_nobody_waits_for_any_more_is_stored_if_nothing_happened() {
    clocked!(TIME, HERE);
    static GATE: Gate = Gate::new();
    #[cached(client = HERE, ttl = 1000)]
    fn run(x: u8) -> u8 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        assert_eq!(run::entry(1).get_within(Duration::ZERO), Err(Timeout));
        GATE.open();
        until("it is stored", || run::peek(1) == Some(1));
        assert_eq!(GATE.arrivals(), 1);
    });
}
