//! A memcached of its own for a test.

use crate::process::{Place, Process, Program, folder};
use crate::signals;
use std::path::Path;

/// A memcached on 127.0.0.1 with one thread and 64 MB, killed on drop.
///
/// # Panics
/// Starting panics if memcached is not installed or does not answer within a minute.
///
/// ```
/// let memcached = larder_test_servers::Memcached::start();
/// assert!(memcached.address().starts_with("127.0.0.1:"));
/// ```
#[derive(Debug)]
pub struct Memcached {
    process: Process,
}

impl Memcached {
    /// On a free port.
    #[must_use]
    pub fn start() -> Self {
        Memcached::start_with(&[])
    }

    /// On a free port, with more options of memcached; `-m` and `-t` may be given again.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        Memcached {
            process: Process::on_free_port(|port| {
                let mut arguments = common();
                arguments.extend(["-l", "127.0.0.1", "-p"].map(String::from));
                arguments.push(port.to_string());
                arguments.extend(options.iter().map(|option| (*option).to_owned()));
                program(arguments, Place::Port(port))
            }),
        }
    }

    /// On a Unix socket at [`path`](Self::path), without a port.
    #[must_use]
    pub fn start_unix() -> Self {
        let folder = folder();
        let path = folder.path().join("memcached.sock");
        let mut arguments = common();
        arguments.extend(["-s".to_owned(), path.display().to_string()]);
        let process = Process::new(program(arguments, Place::Path(path)), folder);
        process.start();
        Memcached { process }
    }

    /// `127.0.0.1:PORT`, or the path of the socket.
    #[must_use]
    pub fn address(&self) -> String {
        match self.process.place() {
            Place::Port(port) => format!("127.0.0.1:{port}"),
            Place::Path(path) => path.display().to_string(),
        }
    }

    /// The port.
    ///
    /// # Panics
    /// If it has a Unix socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self.process.place() {
            Place::Port(port) => *port,
            Place::Path(path) => panic!("this memcached has no port but {}", path.display()),
        }
    }

    /// The Unix socket.
    ///
    /// # Panics
    /// If it has a port.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self.process.place() {
            Place::Port(port) => panic!("this memcached has no path but the port {port}"),
            Place::Path(path) => path,
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

fn common() -> Vec<String> {
    let mut arguments: Vec<_> = ["-U", "0", "-t", "1", "-m", "64"].map(String::from).into();
    if signals::root() {
        // It refuses to be root without being told; another user would not die with the parent.
        arguments.extend(["-u", "root"].map(String::from));
    }
    arguments
}

fn program(arguments: Vec<String>, place: Place) -> Program {
    Program {
        name: "memcached",
        file: "memcached".into(),
        install: "apt-get install memcached",
        arguments,
        place,
        question: b"version\r\n",
    }
}
