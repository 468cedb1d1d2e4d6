//! Single flight under torture. Each case runs in a child process with a time limit, so that a hang is a result.

use crate::options::Options;
use crate::report::{Cell, Row};
use crate::script::{self, Again, Answer, Scene};
use crate::systems::{self, Flight};
use std::future::poll_fn;
use std::process::{Child, Command, Stdio};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// The hidden sub-command of the child process.
pub const CHILD: &str = "torture-child";

const KEY: u64 = 7;
const DEPTH: u64 = 50;
/// What a computation takes; the others call while it runs.
const COMPUTATION: Duration = Duration::from_millis(60);
const HEAD_START: Duration = Duration::from_millis(20);

/// A case: which faces of a system it needs, and how it goes.
struct Case {
    name: &'static str,
    faces: Faces,
    scene: Scene,
    run: fn(&Flight) -> String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Faces {
    Thread,
    Task,
    Both,
}

impl Faces {
    fn of(self, flight: &Flight) -> bool {
        let (thread, task) = (flight.thread.is_some(), flight.task.is_some());
        match self {
            Faces::Thread => thread,
            Faces::Task => task,
            Faces::Both => thread && task && flight.shared,
        }
    }
}

const SLOW: Scene = Scene::Slow(COMPUTATION);
const PANICS: Scene = Scene::FirstPanics(COMPUTATION);

const CASES: &[Case] = &[
    Case { name: "10 threads", faces: Faces::Thread, scene: SLOW, run: |f| callers(f, 10, 0) },
    Case { name: "10 tasks", faces: Faces::Task, scene: SLOW, run: |f| callers(f, 0, 10) },
    Case {
        name: "5 threads and 5 tasks",
        faces: Faces::Both,
        scene: SLOW,
        run: |f| callers(f, 5, 5),
    },
    Case {
        name: "leader panics, 9 threads wait",
        faces: Faces::Thread,
        scene: PANICS,
        run: |f| followers(f, true, 9, 0),
    },
    Case {
        name: "leader panics, 9 tasks wait",
        faces: Faces::Task,
        scene: PANICS,
        run: |f| followers(f, false, 0, 9),
    },
    Case {
        name: "leader panics, both wait",
        faces: Faces::Both,
        scene: PANICS,
        run: |f| followers(f, true, 5, 4),
    },
    Case {
        name: "leader is aborted, 9 tasks wait",
        faces: Faces::Task,
        scene: SLOW,
        run: |f| aborted(f, 0, 9),
    },
    Case {
        name: "leader is aborted, both wait",
        faces: Faces::Both,
        scene: SLOW,
        run: |f| aborted(f, 5, 4),
    },
    Case {
        name: "leader alive, never polled again",
        faces: Faces::Task,
        scene: SLOW,
        run: abandoned,
    },
    Case {
        name: "recursion 50 deep, thread",
        faces: Faces::Thread,
        scene: Scene::Deep,
        run: |f| alone(f, true, DEPTH),
    },
    Case {
        name: "recursion 50 deep, task",
        faces: Faces::Task,
        scene: Scene::Deep,
        run: |f| alone(f, false, DEPTH),
    },
    Case {
        name: "recursion on the own key, thread",
        faces: Faces::Thread,
        scene: Scene::OwnKey,
        run: |f| alone(f, true, KEY),
    },
    Case {
        name: "recursion on the own key, task",
        faces: Faces::Task,
        scene: Scene::OwnKey,
        run: |f| alone(f, false, KEY),
    },
];

pub fn run(options: &Options) -> Result<(), String> {
    let limit = Duration::from_millis(if options.quick { 1_500 } else { 5_000 });
    let mut rows = Vec::new();
    for (at, case) in CASES.iter().enumerate() {
        let flights = systems::flights();
        let takes = |flight: &Flight| options.takes(flight.system) && case.faces.of(flight);
        // One case of all systems at once: they mostly wait.
        let children: Vec<(Flight, std::io::Result<Child>)> = flights
            .into_iter()
            .enumerate()
            .filter(|(_, f)| takes(f))
            .map(|(of, f)| (f, start(at, of)))
            .collect();
        for (flight, child) in children {
            let outcome = child
                .and_then(|child| judge(child, limit))
                .map_err(|e| format!("a child process: {e}"))?;
            rows.push(row(case, &flight, outcome));
        }
    }
    let text = |cell: &Cell| {
        if let Cell::Text(text) = cell { text.clone() } else { String::new() }
    };
    let title = "single flight under torture: what callers got, and how many computations ran";
    options.report.matrix(
        title,
        "case",
        &rows,
        |row| text(&row.cells[0].1),
        |row| text(&row.cells[1].1),
    );
    Ok(())
}

fn row(case: &Case, flight: &Flight, outcome: String) -> Row {
    Row {
        bench: "torture",
        system: flight.system,
        variant: flight.variant.to_owned(),
        key: "u64",
        threads: 10,
        cells: vec![("case", Cell::Text(case.name.to_owned())), ("outcome", Cell::Text(outcome))],
    }
}

fn start(case: usize, flight: usize) -> std::io::Result<Child> {
    let arguments = [CHILD.to_owned(), case.to_string(), flight.to_string()];
    Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// Waits for the child, ends it at the limit, and says what came of it.
fn judge(mut child: Child, limit: Duration) -> std::io::Result<String> {
    let since = Instant::now();
    while child.try_wait()?.is_none() {
        if since.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok("**hangs**".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(if output.status.success() && !text.is_empty() { text } else { "**crashes**".to_owned() })
}

/// The child: one case of one system.
pub fn child(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut number =
        || args.next().and_then(|arg| arg.parse::<usize>().ok()).ok_or("two numbers are needed");
    let case = CASES.get(number()?).ok_or("no such case")?;
    let flight = *systems::flights().get(number()?).ok_or("no such system")?;
    std::panic::set_hook(Box::new(|_| {}));
    script::set(case.scene, Again { thread: flight.thread, task: flight.task });
    println!("{}", (case.run)(&flight));
    // Threads and tasks that still wait must not keep the process: the line above is the result.
    std::process::exit(0);
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime starts")
}

fn spawn_threads(flight: &Flight, n: usize) -> Vec<JoinHandle<u64>> {
    let call = flight.thread;
    (0..n).map(|_| std::thread::spawn(move || call.expect("a sync face")(KEY))).collect()
}

fn spawn_tasks(runtime: &Runtime, flight: &Flight, n: usize) -> Vec<tokio::task::JoinHandle<u64>> {
    (0..n).map(|_| runtime.spawn(answer(flight))).collect()
}

fn answer(flight: &Flight) -> Answer {
    flight.task.expect("an async face")(KEY)
}

/// How many of them got the right value.
fn collect(
    runtime: &Runtime,
    threads: Vec<JoinHandle<u64>>,
    tasks: Vec<tokio::task::JoinHandle<u64>>,
) -> usize {
    let from_threads = threads.into_iter().map(|thread| thread.join().ok());
    let from_tasks = tasks.into_iter().map(|task| runtime.block_on(task).ok());
    let right = |result: &Option<u64>| *result == Some(script::value(KEY));
    from_threads.chain(from_tasks).filter(right).count()
}

fn runs() -> String {
    match script::runs() {
        1 => "1 run".to_owned(),
        many => format!("{many} runs"),
    }
}

fn told(answered: usize, of: usize) -> String {
    if answered == of {
        format!("ok, {}", runs())
    } else {
        format!("{answered} of {of} answered, {}", runs())
    }
}

fn callers(flight: &Flight, threads: usize, tasks: usize) -> String {
    let runtime = runtime();
    let waiting = (spawn_threads(flight, threads), spawn_tasks(&runtime, flight, tasks));
    let answered = collect(&runtime, waiting.0, waiting.1);
    told(answered, threads + tasks)
}

/// All callers count, the leader too: one of them gets the panic, the others should get the value.
fn followers(flight: &Flight, thread_leads: bool, threads: usize, tasks: usize) -> String {
    let runtime = runtime();
    let mut from_threads = spawn_threads(flight, thread_leads.into());
    let mut from_tasks = spawn_tasks(&runtime, flight, (!thread_leads).into());
    std::thread::sleep(HEAD_START);
    from_threads.extend(spawn_threads(flight, threads));
    from_tasks.extend(spawn_tasks(&runtime, flight, tasks));
    let answered = collect(&runtime, from_threads, from_tasks);
    format!("{answered} of {} answered, {}", 1 + threads + tasks, runs())
}

fn aborted(flight: &Flight, threads: usize, tasks: usize) -> String {
    let runtime = runtime();
    let leader = runtime.spawn(answer(flight));
    std::thread::sleep(HEAD_START);
    let waiting = (spawn_threads(flight, threads), spawn_tasks(&runtime, flight, tasks));
    std::thread::sleep(HEAD_START / 2);
    leader.abort();
    let answered = collect(&runtime, waiting.0, waiting.1);
    told(answered, threads + tasks)
}

/// The leader is polled once and kept: what a losing branch of a loop around `select!` does to it.
fn abandoned(flight: &Flight) -> String {
    let runtime = runtime();
    let mut leader = answer(flight);
    runtime.block_on(poll_fn(|context| {
        assert!(leader.as_mut().poll(context).is_pending(), "the computation takes a while");
        Poll::Ready(())
    }));
    let waiting = spawn_tasks(&runtime, flight, 1);
    let answered = collect(&runtime, Vec::new(), waiting);
    drop(leader);
    told(answered, 1)
}

/// One caller; the body calls the cached function again.
fn alone(flight: &Flight, in_thread: bool, key: u64) -> String {
    let result = if in_thread {
        let call = flight.thread.expect("a sync face");
        std::thread::spawn(move || call(key)).join().ok()
    } else {
        let runtime = runtime();
        let task = runtime.spawn(flight.task.expect("an async face")(key));
        runtime.block_on(task).ok()
    };
    match result {
        Some(value) if value == script::value(key) => format!("ok, {}", runs()),
        Some(_) => "wrong value".to_owned(),
        None => format!("error at once, {}", runs()),
    }
}
