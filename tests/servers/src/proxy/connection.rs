//! One connection through the proxy: two threads, one for each direction.

use super::Fault;
use super::switch::Switch;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread;
use std::time::Instant;

/// Both sockets of a connection, to close them from outside.
#[derive(Debug)]
pub(super) struct Ends {
    client: TcpStream,
    server: OnceLock<TcpStream>,
    shut: AtomicBool,
}

impl Ends {
    pub(super) fn shut(&self) {
        self.shut.store(true, SeqCst);
        let _ = self.client.shutdown(Shutdown::Both);
        if let Some(server) = self.server.get() {
            let _ = server.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn are_shut(&self) -> bool {
        self.shut.load(SeqCst)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Connection {
    ends: Arc<Ends>,
    switch: Arc<Switch>,
}

impl Connection {
    /// Serves a client in threads of its own.
    pub(super) fn serve(client: TcpStream, server: String, switch: &Arc<Switch>) {
        let _ = client.set_nodelay(true);
        let ends = Ends { client, server: OnceLock::new(), shut: AtomicBool::new(false) };
        let connection = Connection { ends: Arc::new(ends), switch: Arc::clone(switch) };
        switch.counts.connections.fetch_add(1, Relaxed);
        let number = switch.enter(&connection.ends);
        let run = move || {
            connection.run(&server);
            connection.ends.shut();
            connection.switch.leave(number);
        };
        thread::Builder::new().name("proxied".into()).spawn(run).expect("a thread");
    }

    fn run(&self, server: &str) {
        if !self.switch.pass(&self.ends) {
            return;
        }
        let Ok(server) = TcpStream::connect(server) else { return };
        let _ = server.set_nodelay(true);
        let server = self.ends.server.get_or_init(|| server);
        // Whoever shut the ends before the line above did not see this one.
        if self.ends.are_shut() {
            return;
        }
        thread::scope(|scope| {
            scope.spawn(|| self.ask(server));
            self.answer(server);
            self.ends.shut();
        });
    }

    fn ask(&self, mut server: &TcpStream) {
        let mut chunk = [0; 16 * 1024];
        while let Ok(length) = (&self.ends.client).read(&mut chunk) {
            if length == 0 || !self.switch.pass(&self.ends) {
                break;
            }
            // Counted first: whoever has the answer finds the question counted.
            self.switch.counts.asked.fetch_add(length, Relaxed);
            if server.write_all(&chunk[..length]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
    }

    fn answer(&self, mut server: &TcpStream) {
        let mut chunk = [0; 16 * 1024];
        let mut course = Course::default();
        while let Ok(length) = server.read(&mut chunk) {
            if length == 0 || !self.switch.pass(&self.ends) {
                break;
            }
            let arrived = Instant::now();
            let (fault, round) = self.switch.fault();
            if let Fault::Delay(delay) = fault {
                self.switch.delay(arrived + delay, round, &self.ends);
            }
            let (passed, goes_on) = course.take(fault, round, &mut chunk[..length]);
            self.switch.counts.answered.fetch_add(passed, Relaxed);
            if (&self.ends.client).write_all(&chunk[..passed]).is_err() || !goes_on {
                break;
            }
        }
    }
}

/// How far the answers of a connection have come since the fault was set.
#[derive(Debug, Default)]
struct Course {
    round: u64,
    seen: usize,
}

impl Course {
    /// How many bytes of a chunk are forwarded, and whether the connection goes on.
    fn take(&mut self, fault: Fault, round: u64, chunk: &mut [u8]) -> (usize, bool) {
        if self.round != round {
            *self = Course { round, seen: 0 };
        }
        let before = self.seen;
        self.seen += chunk.len();
        match fault {
            Fault::CloseAfter(limit) => {
                (chunk.len().min(limit - before.min(limit)), self.seen < limit)
            }
            Fault::Truncate(limit) => (chunk.len().min(limit - before.min(limit)), true),
            Fault::Corrupt { every } => {
                let wrong = (before..).zip(chunk.iter_mut());
                for (_, byte) in wrong.filter(|(at, _)| (at + 1) % every.max(1) == 0) {
                    *byte ^= 0x55;
                }
                (chunk.len(), true)
            }
            Fault::None | Fault::Refuse | Fault::Hang | Fault::Delay(_) => (chunk.len(), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_counts_the_bytes_from_the_moment_in_which_it_was_set() {
        let mut course = Course::default();
        assert_eq!(course.take(Fault::None, 0, &mut [0; 5]), (5, true));
        assert_eq!(course.take(Fault::CloseAfter(4), 1, &mut [0; 3]), (3, true));
        assert_eq!(course.take(Fault::CloseAfter(4), 1, &mut [0; 3]), (1, false));
        assert_eq!(course.take(Fault::Truncate(4), 2, &mut [0; 6]), (4, true));
        assert_eq!(course.take(Fault::Truncate(4), 2, &mut [0; 6]), (0, true));
    }

    #[test]
    fn corruption_goes_on_over_the_border_of_chunks() {
        let mut course = Course::default();
        let (mut first, mut second) = ([0; 4], [0; 4]);
        course.take(Fault::Corrupt { every: 3 }, 1, &mut first);
        course.take(Fault::Corrupt { every: 3 }, 1, &mut second);
        assert_eq!([first, second].concat(), [0, 0, 0x55, 0, 0, 0x55, 0, 0]);
    }
}
