//! What a connection needs of the system: a socket, and two bells.

#[cfg(not(loom))]
use super::socket::Socket;
use std::io;
use std::time::Duration;
#[cfg(not(loom))]
use tokio::sync::{Mutex, Notify};

/// A socket that any thread may use, which never blocks, and the bells of the two tasks on the I/O
/// thread: each call is heard, also by one who listens later.
pub(crate) trait Port {
    /// Reads what is there; 0 at the end.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes what fits.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Writes what was taken and has not gone yet.
    fn drain(&self) -> io::Result<()>;
    /// Waits in this thread until there is something to read, or the time is over.
    fn await_briefly(&self, time: Duration);
    /// Whether a read that did not fill its buffer has taken all that was there.
    fn shows_the_end(&self) -> bool;
    /// Ends both directions: whoever waits for readiness sees it.
    fn shut(&self);
    /// The task that reads and writes is to look.
    fn call_io(&self);
    /// The task that looks after deadlines is to look.
    fn call_watch(&self);
}

/// A real one.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) socket: Socket,
    pub(super) wanted: Notify,
    pub(super) awake: Notify,
    /// Has who reads and writes on the I/O thread: a socket is registered there once.
    pub(super) serving: Mutex<()>,
}

#[cfg(not(loom))]
impl Line {
    pub(super) fn new(socket: Socket) -> Self {
        Line { socket, wanted: Notify::new(), awake: Notify::new(), serving: Mutex::new(()) }
    }
}

#[cfg(not(loom))]
impl Port for Line {
    #[inline]
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
    #[inline]
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }
    #[inline]
    fn drain(&self) -> io::Result<()> {
        self.socket.drain()
    }
    fn await_briefly(&self, time: Duration) {
        self.socket.await_briefly(time);
    }
    fn shows_the_end(&self) -> bool {
        self.socket.shows_the_end()
    }
    fn shut(&self) {
        self.socket.shut();
    }
    fn call_io(&self) {
        self.wanted.notify_one();
    }
    fn call_watch(&self) {
        self.awake.notify_one();
    }
}
