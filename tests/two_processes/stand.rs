//! What a test holds: the server, the two processes over it, and the file of their computations.

use larder_test_servers::{Memcached, Proxy, Redis};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A limit, not a wait.
const LIMIT: Duration = Duration::from_secs(20);

enum Server {
    Memcached(Memcached),
    Redis(Redis),
    Files,
}

/// A server, and a folder for what the test itself needs.
pub(crate) struct Stand {
    server: Server,
    folder: TempDir,
}

impl Stand {
    pub(crate) fn memcached() -> Self {
        Stand { server: Server::Memcached(Memcached::start()), folder: folder() }
    }

    pub(crate) fn redis() -> Self {
        Stand { server: Server::Redis(Redis::start()), folder: folder() }
    }

    pub(crate) fn files() -> Self {
        Stand { server: Server::Files, folder: folder() }
    }

    /// How a process gets there: what to open, and the proxy on the way, which shows that it asked.
    fn way(&self) -> (String, Option<Proxy>) {
        let (kind, address) = match &self.server {
            Server::Memcached(server) => ("memcached", server.address()),
            Server::Redis(server) => ("redis", server.address()),
            Server::Files => {
                return (format!("files {}", self.folder.path().join("files").display()), None);
            }
        };
        let proxy = Proxy::before(&address);
        (format!("{kind} {}", proxy.address()), Some(proxy))
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("larder-").tempdir().unwrap()
}

/// Two processes over one server.
pub(crate) struct Pair {
    pub(crate) a: Worker,
    pub(crate) b: Worker,
    log: PathBuf,
    _stand: Stand,
}

impl Pair {
    pub(crate) fn over(stand: Stand, lease: Duration) -> Self {
        let log = stand.folder.path().join("computations");
        let start = || Worker::start(stand.way(), lease, &log);
        let (a, b) = (start(), start());
        for worker in [&a, &b] {
            worker.hear("ready");
            // Greetings on a new connection are no sign that it asked for a key.
            assert_eq!(worker.ask("peek warm-up"), "None");
            worker.asked.set(worker.proxy.as_ref().map_or(0, Proxy::asked));
        }
        Pair { a, b, log, _stand: stand }
    }

    pub(crate) fn both(&self, act: impl Fn(&Worker)) {
        act(&self.a);
        act(&self.b);
    }

    /// How often this key was computed, by whomever.
    pub(crate) fn computations(&self, key: &str) -> usize {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| *line == key).count()
    }
}

/// A process of this test, told by lines what to do.
pub(crate) struct Worker {
    child: Child,
    orders: RefCell<ChildStdin>,
    lines: Receiver<String>,
    /// Heard, but not asked for yet.
    early: RefCell<VecDeque<String>>,
    proxy: Option<Proxy>,
    /// What had gone to the server when the test began.
    asked: Cell<usize>,
}

impl Worker {
    fn start((place, proxy): (String, Option<Proxy>), lease: Duration, log: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker::second_process", "--nocapture"])
            .env("LARDER_TEST_PLACE", place)
            .env("LARDER_TEST_LEASE", lease.as_millis().to_string())
            .env("LARDER_TEST_LOG", log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            let said = output.lines().map_while(Result::ok);
            said.filter_map(|line| line.strip_prefix("@ ").map(str::to_owned))
                .try_for_each(|line| sender.send(line))
        });
        let orders = RefCell::new(child.stdin.take().unwrap());
        Worker { child, orders, lines, early: RefCell::default(), proxy, asked: Cell::new(0) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&self, order: &str) {
        writeln!(self.orders.borrow_mut(), "{order}").expect("the process lives");
    }

    /// The rest of the next line that begins so; others are kept.
    pub(crate) fn hear(&self, start: &str) -> String {
        let rest = |line: &str| Some(line.strip_prefix(start)?.trim_start().to_owned());
        let mut early = self.early.borrow_mut();
        if let Some(at) = early.iter().position(|line| rest(line).is_some()) {
            return early.remove(at).and_then(|line| rest(&line)).unwrap();
        }
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| {
                panic!("process {} did not say `{start}`, only {early:?}: {error}", self.id())
            });
            match rest(&line) {
                Some(rest) => return rest,
                None => early.push_back(line),
            }
        }
    }

    /// Tells, and waits for the answer, which begins with the order.
    pub(crate) fn ask(&self, order: &str) -> String {
        self.tell(order);
        self.hear(order)
    }

    /// Waits until it has asked its server since the test began; files have no wire to watch.
    pub(crate) fn await_traffic(&self) {
        let Some(proxy) = &self.proxy else { return };
        let began = Instant::now();
        while proxy.asked() == self.asked.get() {
            assert!(began.elapsed() < LIMIT, "process {} never asked its server", self.id());
            thread::yield_now();
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
