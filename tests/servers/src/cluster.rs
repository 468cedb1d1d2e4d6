//! A redis cluster of its own for a test, and a sentinel.

use crate::Redis;
use crate::process::{Place, Process, Program};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const SLOTS: usize = 16384;

/// Masters that share the slots evenly, in order; the first may have a replica.
///
/// # Panics
/// If redis-server is not installed, or the cluster is not formed within 30 seconds.
///
/// ```
/// let cluster = larder_test_servers::RedisCluster::start();
/// assert_eq!(cluster.masters().len(), 3);
/// ```
#[derive(Debug)]
pub struct RedisCluster {
    masters: Vec<Redis>,
    replicas: Vec<Redis>,
}

impl RedisCluster {
    /// Three masters.
    #[must_use]
    pub fn start() -> Self {
        RedisCluster::form(0)
    }

    /// Three masters, the first with a replica that takes over half a second after it dies.
    #[must_use]
    pub fn start_with_replica() -> Self {
        RedisCluster::form(1)
    }

    /// The masters, as it was formed.
    #[must_use]
    pub fn masters(&self) -> &[Redis] {
        &self.masters
    }

    /// The replicas of the first master, as it was formed.
    #[must_use]
    pub fn replicas(&self) -> &[Redis] {
        &self.replicas
    }

    /// `redis+cluster://` with all masters.
    #[must_use]
    pub fn url(&self) -> String {
        let places: Vec<_> = self.masters.iter().map(Redis::address).collect();
        format!("redis+cluster://{}", places.join(","))
    }

    fn form(replicas: usize) -> Self {
        let start =
            || Redis::start_with(&["--cluster-enabled", "yes", "--cluster-node-timeout", "500"]);
        let masters: Vec<_> = (0..3).map(|_| start()).collect();
        let replicas: Vec<_> = (0..replicas).map(|_| start()).collect();
        let all: Vec<_> = masters.iter().chain(&replicas).collect();
        for (n, master) in masters.iter().enumerate() {
            let (first, last) = (n * SLOTS / 3, (n + 1) * SLOTS / 3 - 1);
            say(master, &format!("CLUSTER SET-CONFIG-EPOCH {}", n + 1));
            say(master, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
        }
        for other in &all[1..] {
            say(all[0], &format!("CLUSTER MEET 127.0.0.1 {}", other.port()));
        }
        let known = format!("cluster_known_nodes:{}", all.len());
        for node in &all {
            until("the nodes know each other", || say(node, "CLUSTER INFO").contains(&known));
        }
        let first = say(&masters[0], "CLUSTER MYID");
        for replica in &replicas {
            // Refused until the replica has heard that the first is a master.
            let follow = format!("CLUSTER REPLICATE {first}");
            until("the replica follows", || say(replica, &follow) == "OK");
            until("the replica is in step", || {
                say(replica, "INFO replication").contains("master_link_status:up")
            });
        }
        for node in &all {
            until("the cluster works", || say(node, "CLUSTER INFO").contains("cluster_state:ok"));
        }
        RedisCluster { masters, replicas }
    }
}

/// A sentinel that watches one master under the name `main`, and lets a replica take over when the
/// master has been silent for half a second.
///
/// ```
/// use larder_test_servers::{Redis, Sentinel};
///
/// let redis = Redis::start();
/// let sentinel = Sentinel::watch(&redis);
/// assert!(sentinel.url().ends_with("?master=main"));
/// ```
#[derive(Debug)]
pub struct Sentinel {
    process: Process,
    _folder: TempDir,
}

impl Sentinel {
    /// On a free port.
    ///
    /// # Panics
    /// If redis-server is not installed.
    #[must_use]
    pub fn watch(master: &Redis) -> Self {
        Sentinel::watch_with(master, "")
    }

    /// The same with more lines of configuration.
    #[must_use]
    pub fn watch_with(master: &Redis, lines: &str) -> Self {
        let folder = crate::process::folder();
        let process = Process::on_free_port(|port| {
            // It writes what it learns into its configuration: no sharing, no arguments.
            let path = folder.path().join(format!("{port}.conf"));
            let watched = master.port();
            let text = format!(
                "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {watched} 1\n\
                 sentinel down-after-milliseconds main 500\n\
                 sentinel failover-timeout main 2000\n{lines}\n"
            );
            fs::write(&path, text).expect("a file in the temporary folder");
            Program {
                name: crate::redis::program(),
                file: crate::redis::program().into(),
                install: "apt-get install redis-server",
                arguments: vec![path.display().to_string(), "--sentinel".into()],
                place: Place::Port(port),
                question: b"PING\r\n",
            }
        });
        Sentinel { process, _folder: folder }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        match self.process.place() {
            Place::Port(port) => format!("127.0.0.1:{port}"),
            Place::Path(path) => unreachable!("a sentinel is never started on {}", path.display()),
        }
    }

    /// `redis+sentinel://127.0.0.1:PORT?master=main`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://{}?master=main", self.address())
    }
}

/// Sends one command to a redis and gives its answer as text, errors too. One that changes its role lets go of all its
/// connections: then it is asked again.
///
/// # Panics
/// If there is no answer.
///
/// ```
/// let redis = larder_test_servers::Redis::start();
/// assert_eq!(larder_test_servers::say(&redis, "ECHO hello"), "hello");
/// ```
pub fn say(redis: &Redis, command: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match answer(&redis.address(), command) {
            Ok(answer) => return answer,
            Err(why) if is_cut(&why) && Instant::now() < deadline => {}
            Err(why) => panic!("{command}: {why}"),
        }
    }
}

fn is_cut(why: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(why.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

fn answer(address: &str, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    if let Some(length) = line.strip_prefix('$').and_then(|length| length.parse().ok()) {
        let mut text = vec![0; length];
        stream.read_exact(&mut text)?;
        return Ok(String::from_utf8_lossy(&text).into_owned());
    }
    Ok(line.trim_start_matches(['+', ':']).to_owned())
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        // The servers agree among themselves by their own timers.
        thread::sleep(Duration::from_millis(10));
    }
}
