//! Clients of Python: a process that waits for how many calls to make, and says how long they took.

use super::race::Entrant;
use super::raw;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = r#"
import sys, time
name, host, port, length = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if name == "pylibmc":
    import pylibmc
    client = pylibmc.Client([f"{host}:{port}"], behaviors={"tcp_nodelay": True})
else:
    from pymemcache.client.base import Client
    client = Client((host, port), no_delay=True)
keys = sys.argv[5:]
get = client.get
assert all(len(get(key)) == length for key in keys)
print("ready", flush=True)
for line in sys.stdin:
    calls = int(line)
    start = time.perf_counter_ns()
    for n in range(calls):
        value = get(keys[n % len(keys)])
    print(time.perf_counter_ns() - start, flush=True)
"#;

struct Python {
    child: Child,
    calls: Option<ChildStdin>,
    times: BufReader<ChildStdout>,
}

impl Python {
    /// `None` where there is no Python, or it has no such package.
    fn start(package: &str, address: &str) -> Option<Self> {
        let (host, port) = address.split_once(':')?;
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM, package, host, port, &raw::LENGTH.to_string()])
            .args(raw::keys())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let times = BufReader::new(child.stdout.take()?);
        let calls = child.stdin.take();
        let mut python = Python { child, calls, times };
        (python.line()? == "ready").then_some(python)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.times.read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }

    fn pass(&mut self, calls: usize) -> Duration {
        let stdin = self.calls.as_mut().expect("it has not ended");
        writeln!(stdin, "{calls}").expect("python listens");
        let nanos = self.line().and_then(|line| line.parse().ok());
        Duration::from_nanos(nanos.expect("python says how long it took"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.calls.take());
        let _ = self.child.wait();
    }
}

/// Those that are installed.
pub fn entrants(address: &str) -> Vec<Entrant<'static>> {
    ["pylibmc", "pymemcache"]
        .into_iter()
        .filter_map(|package| {
            let mut python = Python::start(package, address)?;
            Some(Entrant::new(package, "python", move |calls| python.pass(calls)))
        })
        .collect()
}
