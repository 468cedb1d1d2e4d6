//! A socket that any thread may read and write without blocking; I/O thread waits for readiness.

use crate::memcached::discover::Address;
#[cfg(feature = "tls")]
use crate::memcached::tls::Tls;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;
#[cfg(feature = "tls")]
use tokio::io::unix::AsyncFd;

#[derive(Debug)]
pub(super) enum Raw {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl AsRawFd for Raw {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Raw::Tcp(stream) => stream.as_raw_fd(),
            Raw::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Raw::Tcp(stream) => stream.as_fd(),
            Raw::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for &Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Raw::Tcp(stream) => (&mut &*stream).read(buffer),
            Raw::Unix(stream) => (&mut &*stream).read(buffer),
        }
    }
}

impl Write for &Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Raw::Tcp(stream) => (&mut &*stream).write(bytes),
            Raw::Unix(stream) => (&mut &*stream).write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connected socket. Neither reading nor writing blocks.
#[derive(Debug)]
pub(super) struct Socket {
    raw: Raw,
    #[cfg(feature = "tls")]
    session: Option<parking_lot::Mutex<rustls::ClientConnection>>,
}

impl Socket {
    /// Connects; on the I/O thread.
    pub(super) async fn connect(address: &Address) -> io::Result<Self> {
        let raw = match address {
            Address::Tcp { host, port } => {
                let stream = tokio::net::TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Raw::Tcp(stream.into_std()?)
            }
            Address::Unix(path) => {
                Raw::Unix(tokio::net::UnixStream::connect(path).await?.into_std()?)
            }
        };
        Ok(Socket {
            raw,
            #[cfg(feature = "tls")]
            session: None,
        })
    }

    /// One that nobody answers, and its other end.
    #[cfg(test)]
    pub(super) fn to_nobody() -> io::Result<(Self, std::os::unix::net::UnixStream)> {
        let (raw, other) = std::os::unix::net::UnixStream::pair()?;
        raw.set_nonblocking(true)?;
        let socket = Socket {
            raw: Raw::Unix(raw),
            #[cfg(feature = "tls")]
            session: None,
        };
        Ok((socket, other))
    }

    /// Speaks TLS from here on.
    #[cfg(feature = "tls")]
    pub(super) async fn secure(self, tls: &Tls, address: &Address) -> io::Result<Self> {
        let mut session = tls.session(address)?;
        #[expect(deprecated, reason = "what it does not check holds: a stream's descriptor stays")]
        let fd = AsyncFd::new(self.raw)?;
        while session.is_handshaking() {
            if session.wants_write() {
                let mut guard = fd.writable().await?;
                match session.write_tls(&mut fd.get_ref()) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    Err(error) => return Err(error),
                }
                continue;
            }
            let mut guard = fd.readable().await?;
            match session.read_tls(&mut fd.get_ref()) {
                Ok(0) => return Err(io::Error::other("the server ended the TLS handshake")),
                Ok(_) => {
                    session.process_new_packets().map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) => return Err(error),
            }
        }
        Ok(Socket { raw: fd.into_inner(), session: Some(parking_lot::Mutex::new(session)) })
    }

    /// Reads what is there; 0 at the end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.session {
            return self.read_secure(&mut session.lock(), buffer);
        }
        again(|| (&self.raw).read(buffer))
    }

    /// Writes what fits.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.session {
            let mut session = session.lock();
            self.drain_secure(&mut session)?;
            return session.writer().write(bytes);
        }
        again(|| (&self.raw).write(bytes))
    }

    /// Sends what a write has taken but not sent.
    pub(super) fn drain(&self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.session {
            return self.drain_secure(&mut session.lock());
        }
        Ok(())
    }

    /// Waits in this thread until there is something to read, or the time is over.
    pub(super) fn await_briefly(&self, time: Duration) {
        let mut wanted = [PollFd::new(&self.raw, PollFlags::IN)];
        // Seconds would do harm, but fit; whatever else goes wrong, the next read shows.
        if let Ok(time) = Timespec::try_from(time) {
            let _ = rustix::event::poll(&mut wanted, Some(&time));
        }
    }

    /// Whether a read that did not fill its buffer has taken all that was there.
    pub(super) fn shows_the_end(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.session.is_none();
        #[cfg(not(feature = "tls"))]
        true
    }

    /// Ends both directions: whoever waits for readiness sees it.
    pub(super) fn shut(&self) {
        // It may be closed already.
        let _ = match &self.raw {
            Raw::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Raw::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    #[cfg(feature = "tls")]
    fn read_secure(
        &self,
        session: &mut rustls::ClientConnection,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if again(|| session.read_tls(&mut &self.raw))? == 0 {
                return Ok(0);
            }
            session.process_new_packets().map_err(io::Error::other)?;
            // Answers to key updates; if they do not fit now they go with the next write.
            match self.drain_secure(session) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    }

    #[cfg(feature = "tls")]
    fn drain_secure(&self, session: &mut rustls::ClientConnection) -> io::Result<()> {
        while session.wants_write() {
            again(|| session.write_tls(&mut &self.raw))?;
        }
        Ok(())
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.raw.as_raw_fd()
    }
}

/// Repeats what a signal interrupted.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
