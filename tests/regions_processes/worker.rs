//! The second process: obeys the lines of its input, says by lines what happens.

use larder::encoded::{Encoded, EncodedOptions};
use larder::memcached::{Memcached, MemcachedOptions};
use larder::server::AnyServer;
use larder::{
    Files, Invalidation, Redis, RedisOptions, Region, RegionPlan, Replace, configure_plans, wait,
};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// No call takes that long, however busy the machine.
const DEADLINE: Duration = Duration::from_secs(10);
/// Within which time a process hears of another's invalidation.
pub(crate) const LAG: Duration = Duration::from_millis(200);

static SHARED: Region = Region::new("shared by processes");

/// Keys whose gate is open.
static OPEN: (Mutex<Vec<String>>, Condvar) = (Mutex::new(Vec::new()), Condvar::new());

fn server(place: &str) -> AnyServer {
    let (kind, address) = place.split_once(' ').unwrap();
    match kind {
        "memcached" => {
            let options = MemcachedOptions::default()
                .with_connect_timeout(DEADLINE)
                .with_answer_timeout(DEADLINE)
                .with_deadline(DEADLINE);
            AnyServer::new(Memcached::with(address, options).unwrap())
        }
        "redis" => {
            let options = RedisOptions::new(format!("redis://{address}")).with_deadline(DEADLINE);
            AnyServer::new(Redis::new(options.with_response_timeout(DEADLINE)).unwrap())
        }
        "files" => AnyServer::new(Files::open(address).unwrap()),
        _ => panic!("nobody knows the kind of `{place}`"),
    }
}

fn configure() {
    let lease = env::var("LARDER_TEST_LEASE").unwrap().parse().unwrap();
    let options = EncodedOptions::new().with_lease(Duration::from_millis(lease));
    let server = server(&env::var("LARDER_TEST_PLACE").unwrap());
    let plan = RegionPlan::new(SHARED.name())
        .with_memory(100)
        .with_encoded(Encoded::with_options(server, options).unwrap())
        .with_expiration(600)
        .with_tag_lag(LAG);
    configure_plans(vec![plan], Replace::Refuse).unwrap();
}

fn compute(key: &str) -> String {
    let round = write_down(key);
    say(&format!("computing {key}"));
    if key.starts_with("gated") {
        let keys = OPEN.0.lock().unwrap();
        drop(OPEN.1.wait_while(keys, |keys| !keys.iter().any(|open| open == key)).unwrap());
    }
    format!("{round} {key} by {}", process::id())
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
    configure();
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
        ["call", key] => call(key.to_owned()),
        ["open", key] => {
            OPEN.0.lock().unwrap().push(key.to_owned());
            OPEN.1.notify_all();
        }
        ["peek", key] => {
            let found = wait(SHARED.get::<String, String>(&key.to_owned())).unwrap();
            say(&format!("{order} {}", found.unwrap_or_else(|| "None".to_owned())));
        }
        ["put", key] => {
            wait(SHARED.put(&key.to_owned(), format!("put by {}", process::id()))).unwrap();
            say(order);
        }
        ["locked", key] => {
            let locked = wait(SHARED.key_is_locked::<String, String>(&key.to_owned())).unwrap();
            say(&format!("{order} {locked}"));
        }
        ["invalidate", how] => {
            let how = if how == "hard" { Invalidation::Hard } else { Invalidation::Soft };
            wait(SHARED.invalidate(how)).unwrap();
            say(order);
        }
        _ => panic!("nobody knows the order `{order}`"),
    }
}

fn call(key: String) {
    thread::spawn(move || {
        say(&format!("arrived {key}"));
        let own = key.clone();
        let called = wait(SHARED.get_or_compute(&key, move || async move { compute(&own) }));
        say(&format!("called {key} {}", called.unwrap()));
    });
}
