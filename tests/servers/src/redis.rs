//! A redis of its own for a test.

use crate::process::{Place, Process, Program};

/// A redis on 127.0.0.1 that writes nothing to disk, killed on drop.
///
/// # Panics
/// Starting panics if redis-server is not installed or does not answer within a minute.
///
/// ```
/// let redis = larder_test_servers::Redis::start_with(&["--maxmemory", "8mb"]);
/// assert_eq!(redis.url(), format!("redis://{}/", redis.address()));
/// ```
#[derive(Debug)]
pub struct Redis {
    process: Process,
}

impl Redis {
    /// On a free port.
    #[must_use]
    pub fn start() -> Self {
        Redis::start_with(&[])
    }

    /// On a free port, with more options of redis-server. `{port}` in an option becomes the port:
    /// `["--port", "0", "--tls-port", "{port}"]`.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        Redis {
            process: Process::on_free_port(|port| {
                let fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
                let mut arguments: Vec<_> = fixed.map(String::from).into();
                arguments.extend(["--port".to_owned(), port.to_string()]);
                let port_text = port.to_string();
                arguments.extend(options.iter().map(|option| option.replace("{port}", &port_text)));
                Program {
                    name: "redis-server",
                    file: "redis-server".into(),
                    install: "apt-get install redis-server",
                    arguments,
                    place: Place::Port(port),
                    question: b"PING\r\n",
                }
            }),
        }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// `redis://127.0.0.1:PORT/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self.process.place() {
            Place::Port(port) => *port,
            Place::Path(path) => unreachable!("redis is never started on {}", path.display()),
        }
    }

    /// Kills it; whoever connects is refused. Nothing if it is stopped already.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Starts it, empty, where it was before it was stopped.
    ///
    /// # Panics
    /// If it runs.
    pub fn start_again(&self) {
        self.process.start();
    }

    /// Lets it accept connections and say nothing, until [`thaw`](Self::thaw).
    ///
    /// # Panics
    /// If it is stopped.
    pub fn freeze(&self) {
        self.process.freeze(true);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// If it is stopped.
    pub fn thaw(&self) {
        self.process.freeze(false);
    }

    /// The number of its process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.process.id()
    }
}
