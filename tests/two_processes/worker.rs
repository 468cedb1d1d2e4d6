//! The second process: obeys the lines of its input, says by lines what happens.

use crate::far::{Opened, open};
use larder::encoded::EncodedOptions;
use larder::{TagSource, cached, invalidate_tag, invalidate_tag_soft, wait};
use std::collections::HashSet;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process;
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

/// No call takes that long, however busy the machine.
const DEADLINE: Duration = Duration::from_secs(10);
/// Within which time a process hears of another's `clear`.
pub(crate) const CLEAR_LAG: Duration = Duration::from_millis(100);
/// Within which time it hears of an invalidated tag.
pub(crate) const TAG_LAG: Duration = Duration::from_millis(100);

static SERVER: LazyLock<Opened> = LazyLock::new(|| {
    let lease = env::var("LARDER_TEST_LEASE").unwrap().parse().unwrap();
    let options = EncodedOptions::new().with_lease(Duration::from_millis(lease));
    let options = options.with_clear_lag(CLEAR_LAG);
    open(&env::var("LARDER_TEST_PLACE").unwrap(), DEADLINE, options)
});

/// Keys by what was told of them: whose gate is open, whose computation fails.
static OPEN: (Mutex<Vec<String>>, Condvar) = (Mutex::new(Vec::new()), Condvar::new());
static FAILING: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Kept, since whoever asks for it later gets it with its lag.
static TAGS: LazyLock<TagSource> = LazyLock::new(|| {
    let source = TagSource::of(&*SERVER);
    source.set_lag(TAG_LAG);
    source
});

#[cached(client = SERVER, ttl = "10m", namespace = "two-processes")]
fn compute(key: &str) -> Result<String, String> {
    work(key)
}

#[cached(client = SERVER, ttl = "10m", namespace = "two-processes-tagged", tags = ["of:{key}"])]
fn compute_tagged(key: &str) -> Result<String, String> {
    work(key)
}

fn is_tagged(key: &str) -> bool {
    key.contains("tagged")
}

fn work(key: &str) -> Result<String, String> {
    let round = write_down(key);
    say(&format!("computing {key}"));
    if key.starts_with("gated") {
        let keys = OPEN.0.lock().unwrap();
        drop(OPEN.1.wait_while(keys, |keys| !keys.iter().any(|open| open == key)).unwrap());
    }
    if FAILING.lock().unwrap().iter().any(|failing| failing == key) {
        return Err("an error".to_owned());
    }
    Ok(format!("{round} {key} by {}", process::id()))
}

/// Adds a line to the file of computations; the how-manyth it is of this key.
fn write_down(key: &str) -> usize {
    let path = env::var_os("LARDER_TEST_LOG").unwrap();
    let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
    file.write_all(format!("{key}\n").as_bytes()).unwrap();
    fs::read_to_string(path).unwrap().lines().filter(|line| *line == key).count()
}

fn say(line: &str) {
    // The test harness may have begun a line of its own.
    let text = format!("\n@ {line}\n");
    std::io::stdout().lock().write_all(text.as_bytes()).unwrap();
}

#[test]
fn second_process() {
    if env::var_os("LARDER_TEST_PLACE").is_none() {
        return;
    }
    LazyLock::force(&TAGS);
    say("ready");
    for order in std::io::stdin().lines().map_while(Result::ok) {
        obey(&order);
    }
    // Whoever started this process is gone; computations may still stand at their gates.
    process::exit(0);
}

fn obey(order: &str) {
    let words: Vec<_> = order.split(' ').collect();
    match words[..] {
        ["call", threads, key] => call(threads.parse().unwrap(), key),
        ["open", key] => {
            OPEN.0.lock().unwrap().push(key.to_owned());
            OPEN.1.notify_all();
        }
        // So many callers of this process wait by now, or have waited.
        ["joined", callers] => {
            let callers: u64 = callers.parse().unwrap();
            while compute::stats().waiters + compute_tagged::stats().waiters < callers {
                thread::yield_now();
            }
            say(order);
        }
        ["fail", key] => FAILING.lock().unwrap().push(key.to_owned()),
        ["peek", key] => {
            let known = if is_tagged(key) { compute_tagged::peek(key) } else { compute::peek(key) };
            say(&format!("{order} {}", known.unwrap_or_else(|| "None".to_owned())));
        }
        ["put", key] => {
            compute::put(key, format!("put by {}", process::id()));
            say(order);
        }
        ["invalidate", key] => {
            compute::invalidate(key);
            say(order);
        }
        ["expire", key] => {
            compute::expire(key);
            say(order);
        }
        ["forget", key] => {
            wait(invalidate_tag(format!("of:{key}"))).unwrap();
            say(order);
        }
        ["soften", key] => {
            wait(invalidate_tag_soft(format!("of:{key}"))).unwrap();
            say(order);
        }
        ["clear", _] => {
            compute::clear();
            say(order);
        }
        _ => panic!("nobody knows the order `{order}`"),
    }
}

/// Calls from so many threads at once, and says what came of it when all are back.
fn call(threads: usize, key: &str) {
    let (key, barrier) = (key.to_owned(), Arc::new(Barrier::new(threads)));
    let one = {
        let key = key.clone();
        move || {
            if barrier.wait().is_leader() {
                say(&format!("arrived {key}"));
            }
            let called = if is_tagged(&key) { compute_tagged(&key) } else { compute(&key) };
            called.unwrap_or_else(|error| error)
        }
    };
    let callers: Vec<_> = (0..threads).map(|_| thread::spawn(one.clone())).collect();
    thread::spawn(move || {
        let values: HashSet<_> = callers
            .into_iter()
            .map(|caller| caller.join().unwrap_or_else(|_| "a panic".to_owned()))
            .collect();
        let values: Vec<_> = values.into_iter().collect();
        say(&format!("called {key} {}", values.join(", ")));
    });
}
