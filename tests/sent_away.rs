//! Who waits for a computation and gets nothing from it: he is one call and one miss; and who joins one although something has
//! happened since.

mod common;
#[path = "../cache-clients/tests/common/remote.rs"]
mod remote;

use common::{Stage, limited_wide, until};
use larder::{ManualClock, Stats, cached, invalidate_tag_soft, wait};
use remote::Remote;
use std::sync::LazyLock;
use std::thread;

static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
static FAR: LazyLock<Remote> = LazyLock::new(|| Remote::new(&TIME.clock()));

/// A failure that only one caller can have.
struct Odd;

fn first_fails(run: usize) -> Result<usize, Odd> {
    if run == 1 { Err(Odd) } else { Ok(run) }
}

/// Two callers of one computation, which fails; so one of them computes again.
fn one_miss_each(
    stage: &'static Stage,
    ask: impl Fn() -> Result<usize, Odd> + Clone + Send + 'static,
    stats: impl Fn() -> Stats + Send + 'static,
) {
    limited_wide(move || {
        let leader = thread::spawn(ask.clone());
        stage.await_run(1);
        let later = thread::spawn(ask);
        until("the later one waits", || stats().waiters == 1);
        stage.end_run(1);
        stage.end_run(2);
        let results = [leader, later].map(|caller| caller.join().unwrap());
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let stats = stats();
        assert_eq!((stats.misses.total(), stats.waiters, stats.computations), (2, 1, 2));
    });
}

#[test]
fn who_is_sent_away_by_a_blocking_computation_is_one_miss() {
    static STAGE: Stage = Stage::new();
    #[cached(client = FAR, ttl = 60, namespace = "blocking")]
    fn run() -> Result<usize, Odd> {
        first_fails(STAGE.run())
    }
    one_miss_each(&STAGE, run, run::stats);
}

#[test]
fn who_is_sent_away_by_an_async_computation_is_one_miss() {
    static STAGE: Stage = Stage::new();
    #[cached(client = FAR, ttl = 60, namespace = "async")]
    async fn run() -> Result<usize, Odd> {
        first_fails(STAGE.run_async().await)
    }
    one_miss_each(&STAGE, || wait(run()), run::stats);
}

#[test]
fn who_is_sent_away_by_a_computation_that_its_caller_runs_is_one_miss() {
    static STAGE: Stage = Stage::new();
    #[cached(client = FAR, ttl = 60, namespace = "inline", skip(_name))]
    async fn run(_name: &str) -> Result<usize, Odd> {
        first_fails(STAGE.run_async().await)
    }
    one_miss_each(&STAGE, || wait(run("inline")), run::stats);
}

#[test]
fn who_comes_after_a_soft_invalidation_may_join_and_what_he_gets_counts_as_invalidated() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000, tags = ["sent away softly"])]
    fn run() -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        let leader = thread::spawn(run);
        STAGE.await_run(1);
        wait(invalidate_tag_soft("sent away softly")).unwrap();
        let later = thread::spawn(run);
        until("the later one waits", || run::stats().waiters == 1);
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), later.join().unwrap()), (1, 1));
        STAGE.end_run(2);
        assert_eq!(run(), 2, "the next call computes anew");
    });
}

#[test]
fn who_comes_after_an_expiry_does_not_join() {
    static STAGE: Stage = Stage::new();
    #[cached(ttl = 1000)]
    fn run() -> usize {
        STAGE.run()
    }
    limited_wide(|| {
        let leader = thread::spawn(run);
        STAGE.await_run(1);
        assert!(!run::expire());
        let later = thread::spawn(run);
        STAGE.await_run(2);
        STAGE.end_run(2);
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), later.join().unwrap()), (1, 2));
        assert_eq!(run(), 2);
    });
}
