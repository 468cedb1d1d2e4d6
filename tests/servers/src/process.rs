//! A server's process: started, waited for, frozen, killed.

use crate::signals;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Within which a server must answer; a machine that runs several test suites is slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a real process, which starts, stops and freezes in its own time.
const PAUSE: Duration = Duration::from_millis(2);

/// Where a server listens.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Port(u16),
    Path(PathBuf),
}

/// What is started, and how one sees that it works.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// What is executed: a name to be found on the `PATH`, or a path.
    pub(crate) file: PathBuf,
    /// What to do where it is missing.
    pub(crate) install: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) place: Place,
    /// A question to which every such server answers, if only by closing the connection.
    pub(crate) question: &'static [u8],
}

#[derive(Debug)]
pub(crate) struct Process {
    program: Program,
    /// The log, and the socket if it is one of a path.
    folder: TempDir,
    child: Mutex<Option<Child>>,
}

/// Why a server did not come up.
enum Failure {
    AddressInUse,
    Other(String),
}

impl Process {
    /// Starts what `program` says for a port, and for another if somebody was faster.
    pub(crate) fn on_free_port(program: impl Fn(u16) -> Program) -> Self {
        for _ in 0..20 {
            let process = Process::new(program(crate::port::free()), folder());
            match process.try_start() {
                Ok(()) => return process,
                Err(Failure::AddressInUse) => {}
                Err(Failure::Other(why)) => panic!("{why}"),
            }
        }
        panic!("20 ports that were free were taken before the server could bind them");
    }

    pub(crate) fn new(program: Program, folder: TempDir) -> Self {
        Process { program, folder, child: Mutex::new(None) }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.program.place
    }

    /// Starts it where it was before.
    pub(crate) fn start(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_start() {
                Ok(()) => return,
                // The old process may still be on its way out.
                Err(Failure::AddressInUse) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(Failure::AddressInUse) => {
                    panic!("{} cannot start again: {:?} is in use", self.program.name, self.place())
                }
                Err(Failure::Other(why)) => panic!("{why}"),
            }
        }
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn stop(&self) {
        if let Some(mut child) = self.child().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal to the running process and waits until it shows in its state.
    pub(crate) fn freeze(&self, frozen: bool) {
        let child = self.child();
        let child = child.as_ref().expect("the server runs");
        signals::send(child.id(), if frozen { libc::SIGSTOP } else { libc::SIGCONT });
        let deadline = Instant::now() + PATIENCE;
        while state(child.id()).is_some_and(|state| (state == 'T') != frozen) {
            assert!(Instant::now() < deadline, "the signal did not reach {}", self.program.name);
            // Nobody is told when a signal takes effect: the state of the process is all there is to look at.
            thread::sleep(PAUSE);
        }
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child().as_ref().map(Child::id)
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn try_start(&self) -> Result<(), Failure> {
        let mut running = self.child();
        assert!(running.is_none(), "{} runs already", self.program.name);
        let log = fs::File::create(self.log()).expect("a log in the temporary folder");
        let mut command = Command::new(&self.program.file);
        command.args(&self.program.arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("a second handle")).stdout(log);
        signals::die_with_parent(&mut command);
        let mut child = spawn(command).unwrap_or_else(|error| self.cannot_spawn(&error));
        let answered = self.wait_for_answer(&mut child);
        if answered.is_ok() {
            *running = Some(child);
        } else {
            let _ = child.kill();
            let _ = child.wait();
        }
        answered
    }

    fn cannot_spawn(&self, error: &io::Error) -> ! {
        let Program { name, file, install, .. } = &self.program;
        if error.kind() == io::ErrorKind::NotFound {
            panic!("{} is not installed: {install}", file.display());
        }
        panic!("{name} cannot be started: {error}");
    }

    fn wait_for_answer(&self, child: &mut Child) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(self.why_it_ended(&status.to_string()));
            }
            if answers(&self.program, child.id()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::Other(format!(
                    "{} did not answer on {:?} within {PATIENCE:?}: {}",
                    self.program.name,
                    self.place(),
                    fs::read_to_string(self.log()).unwrap_or_default()
                )));
            }
            // A foreign program says nowhere that it listens: it is asked until it answers.
            thread::sleep(PAUSE);
        }
    }

    fn why_it_ended(&self, status: &str) -> Failure {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        if log.to_lowercase().contains("address already in use") {
            return Failure::AddressInUse;
        }
        Failure::Other(format!("{} ended with {status}: {log}", self.program.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("larder-").tempdir().expect("a temporary folder")
}

/// Starts a process from a thread that lives as long as the program: a child that dies with its
/// parent dies with the thread that started it, and a test's thread ends with the test.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        let serve = move || {
            for (mut command, done) in orders {
                let _ = done.send(command.spawn());
            }
        };
        thread::Builder::new().name("test-servers".into()).spawn(serve).expect("a thread");
        sender
    });
    let (sender, done) = mpsc::channel();
    spawner.send((command, sender)).expect("the spawner lives");
    done.recv().expect("the spawner answers")
}

fn answers(program: &Program, pid: u32) -> bool {
    if let Place::Port(port) = program.place
        && !listens(pid, port).unwrap_or(true)
    {
        return false;
    }
    match ask(program) {
        Reply::Words => true,
        // One behind TLS hangs up whenever it is asked; one that ends does it once.
        Reply::HungUp => ask(program) != Reply::None,
        Reply::None => false,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Reply {
    Words,
    HungUp,
    None,
}

fn ask(program: &Program) -> Reply {
    let wait = Some(Duration::from_secs(1));
    match &program.place {
        Place::Port(port) => match TcpStream::connect((Ipv4Addr::LOCALHOST, *port)) {
            Ok(stream) if stream.set_read_timeout(wait).is_ok() => reply(stream, program.question),
            _ => Reply::None,
        },
        Place::Path(path) => match UnixStream::connect(path) {
            Ok(stream) if stream.set_read_timeout(wait).is_ok() => reply(stream, program.question),
            _ => Reply::None,
        },
    }
}

fn reply(mut stream: impl Read + Write, question: &[u8]) -> Reply {
    if stream.write_all(question).is_err() {
        return Reply::None;
    }
    match stream.read(&mut [0; 64]) {
        Ok(0) => Reply::HungUp,
        Ok(_) => Reply::Words,
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Reply::HungUp,
        Err(_) => Reply::None,
    }
}

/// Whether this process listens on this port, and not another test's that was faster. `None` where
/// the system does not tell.
fn listens(pid: u32, port: u16) -> Option<bool> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let local = format!("0100007F:{port:04X}");
    let inode = table.lines().find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        // State 0A is LISTEN.
        (columns.get(1) == Some(&local.as_str()) && columns.get(3) == Some(&"0A"))
            .then(|| columns.get(9).copied())?
    });
    let Some(inode) = inode else { return Some(false) };
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    let open = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")).ok()?;
    Some(open.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == socket)))
}

/// The letter of the process's state, `T` where it is stopped.
fn state(pid: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit(')').next()?.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of which only the place matters: this process plays it.
    fn program(port: u16) -> Program {
        Program {
            name: "played",
            file: PathBuf::new(),
            install: "",
            arguments: Vec::new(),
            place: Place::Port(port),
            question: b"PING\r\n",
        }
    }

    #[test]
    fn a_server_that_ends_while_it_is_asked_has_not_answered() {
        let listener = crate::port::bind();
        let program = program(listener.local_addr().unwrap().port());
        let ending = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            drop(listener);
            drop(stream);
        });
        assert!(!answers(&program, std::process::id()));
        ending.join().unwrap();
    }

    #[test]
    fn a_server_that_hangs_up_whenever_it_is_asked_is_there() {
        let listener = crate::port::bind();
        let program = program(listener.local_addr().unwrap().port());
        let hanging_up = thread::spawn(move || {
            for _ in 0..2 {
                drop(listener.accept().unwrap());
            }
        });
        assert!(answers(&program, std::process::id()));
        hanging_up.join().unwrap();
    }
}
