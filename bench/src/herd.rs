//! The herd: 100 callers ask for one cold key at the same moment. How many computations, and who waits how long?

use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use crate::script::{self, Again, Answer, Scene};
use crate::systems::{self, Callers, Herd};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const CALLERS: usize = 100;
const COMPUTATION: Duration = Duration::from_millis(20);

/// One stampede.
struct Outcome {
    computations: usize,
    /// From the first caller with an answer to the last one.
    spread: Duration,
}

pub fn run(options: &Options) -> Result<(), String> {
    script::set(Scene::Slow(COMPUTATION), Again { thread: None, task: None });
    let rounds = options.rounds(31, 9);
    let herds = systems::herd().into_iter().filter(|herd| options.takes(herd.system));
    let rows: Vec<Row> = herds.map(|herd| measure(&herd, rounds)).collect::<Result<_, _>>()?;
    options.report.table("herd: 100 callers on one cold key, a computation of 20 ms", &rows);
    options
        .report
        .note("Goal for larder: 1 computation, and the last answer within 1 ms of the first.");
    Ok(())
}

fn measure(herd: &Herd, rounds: usize) -> Result<Row, String> {
    // Two faces may reach one cache: their keys differ.
    let outcomes: Vec<Outcome> = match herd.call {
        Callers::Threads(call) => (0..rounds as u64).map(|key| threads(call, key)).collect(),
        Callers::Tasks(call) => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder
                .worker_threads(2)
                .enable_time()
                .build()
                .map_err(|e| format!("a runtime: {e}"))?;
            (0..rounds as u64).map(|key| runtime.block_on(tasks(call, key | 1 << 32))).collect()
        }
    };
    let spreads: Vec<f64> = outcomes.iter().map(|o| o.spread.as_secs_f64() * 1e3).collect();
    let callers = if matches!(herd.call, Callers::Threads(_)) { "threads" } else { "tasks" };
    Ok(Row {
        bench: "herd",
        system: herd.system,
        variant: herd.variant.to_owned(),
        key: "u64",
        threads: CALLERS,
        cells: vec![
            ("callers", Cell::Text(callers.to_owned())),
            (
                "computations",
                Cell::Count(outcomes.iter().map(|o| o.computations).max().unwrap_or(0) as u64),
            ),
            ("spread_ms", Cell::Number(quantile(&spreads, 0.5), 3)),
            ("worst_spread_ms", Cell::Number(quantile(&spreads, 1.0), 3)),
        ],
    })
}

fn outcome(before: usize, answers: &[Instant]) -> Outcome {
    let first = answers.iter().min().expect("there are callers");
    let last = answers.iter().max().expect("there are callers");
    Outcome { computations: script::runs() - before, spread: *last - *first }
}

fn threads(call: fn(u64) -> u64, key: u64) -> Outcome {
    let before = script::runs();
    let (start, end) = (Barrier::new(CALLERS), Barrier::new(CALLERS));
    let ask = || {
        start.wait();
        let value = call(key);
        let answered = Instant::now();
        assert_eq!(value, script::value(key));
        // A thread that ends takes its CPU from those that still wait.
        end.wait();
        answered
    };
    let answers: Vec<Instant> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(ask)).collect();
        callers.into_iter().map(|caller| caller.join().expect("a caller gets an answer")).collect()
    });
    outcome(before, &answers)
}

async fn tasks(call: fn(u64) -> Answer, key: u64) -> Outcome {
    let before = script::runs();
    let barrier = Arc::new(tokio::sync::Barrier::new(CALLERS));
    let ask = |barrier: Arc<tokio::sync::Barrier>| async move {
        barrier.wait().await;
        assert_eq!(call(key).await, script::value(key));
        Instant::now()
    };
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(ask(Arc::clone(&barrier)))).collect();
    let mut answers = Vec::with_capacity(CALLERS);
    for caller in callers {
        answers.push(caller.await.expect("a caller gets an answer"));
    }
    outcome(before, &answers)
}
