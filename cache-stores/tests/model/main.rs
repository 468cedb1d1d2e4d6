//! Random courses against a model: no wrong byte, no mix of versions, no read older than what was acknowledged or
//! than its TTL, exact accounting, no orphans; with a crash at every write, and with a process that is killed.

mod course;
mod crash;
mod kill;
#[path = "../stand/mod.rs"]
mod stand;
mod truth;
mod worker;
mod world;

use cache_core::ManualClock;
use course::{Op, ops};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use world::{Mode, World};

/// A limit, not a wait.
const LIMIT: Duration = Duration::from_secs(30);
/// Who takes longer waits for time to pass: that nothing comes any more that was on its way when the store was opened anew.
const STUCK: Duration = Duration::from_secs(2);

/// So many courses of so many steps: the same in each run, unless `LARDER_TEST_SEED` is a number.
fn courses(mode: Mode, cases: u32, length: usize) {
    let runtime = Runtime::new().unwrap();
    let course = proptest::collection::vec(ops(), 1..length);
    let outcome = runner(cases, 400)
        .run(&course, |course| runtime.block_on(run(mode, &course)).map_err(TestCaseError::fail));
    outcome.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
}

fn runner(cases: u32, shrinks: u32) -> TestRunner {
    let config =
        Config { cases, max_shrink_iters: shrinks, failure_persistence: None, ..Config::default() };
    let mut seed = [7; 32];
    if let Some(given) = std::env::var("LARDER_TEST_SEED").ok().and_then(|seed| seed.parse().ok()) {
        seed[..8].copy_from_slice(&u64::to_le_bytes(given));
    }
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

async fn run(mode: Mode, course: &[Op]) -> Result<(), String> {
    let mut world = World::new(mode);
    for (n, op) in course.iter().enumerate() {
        let time = world.time.clone();
        let step = in_time(time, world.step(op)).await;
        step.map_err(|why| format!("step {n}, {op:?}: {why}"))?;
    }
    in_time(world.time.clone(), world.end()).await.map_err(|why| format!("at the end: {why}"))
}

async fn in_time(
    time: ManualClock,
    what: impl Future<Output = Result<(), String>>,
) -> Result<(), String> {
    let mut what = pin!(what);
    for _ in 0..LIMIT.as_secs() / STUCK.as_secs() {
        if let Ok(done) = tokio::time::timeout(STUCK, what.as_mut()).await {
            return done;
        }
        time.advance(LIMIT);
    }
    Err("it hangs".to_owned())
}

macro_rules! modes {
    ($($name:ident: $mode:expr;)*) => {$(
        #[test]
        fn $name() {
            courses($mode, 40, 30);
        }
    )*};
}

modes! {
    everything_is_kept: Mode::All;
    three_are_kept_for_a_minute: Mode::FifoTtl;
    twelve_kibibytes_are_kept: Mode::Size;
    copies_stand_in_while_the_remote_is_away: Mode::Stale;
    the_index_is_in_memory: Mode::InMemory;
    writes_wait_for_the_remote: Mode::WriteBack;
}
