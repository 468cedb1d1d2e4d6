//! Writing: by whoever asks, as far as it fits, and the rest by the I/O thread.

use super::link::{Link, PIECE};
use super::port::Port;
use bytes::BytesMut;
use std::io;

impl<P: Port> Link<P> {
    /// Writes what is in the queue. Whoever writes goes on until there is nothing more, so that it is
    /// enough to try.
    pub(super) fn flush(&self) {
        let Some(mut out) = self.begin() else { return };
        loop {
            match self.write(&out, 0) {
                Ok(sent) if sent == out.len() => {}
                Ok(sent) => return self.leave(out, sent),
                Err(error) => return self.close(&error.to_string().into()),
            }
            let mut queue = self.queue.lock();
            queue.writing = None;
            // The allocation is kept for the next.
            if out.capacity() <= PIECE {
                out.clear();
                queue.spare = out;
            }
            match queue.take_rest() {
                Some(next) => {
                    queue.writing = Some(BytesMut::new());
                    out = next;
                }
                None => return,
            }
        }
    }

    fn begin(&self) -> Option<BytesMut> {
        let mut queue = self.queue.lock();
        let out = queue.take()?;
        queue.writing = Some(BytesMut::new());
        Some(out)
    }

    /// Writes as much as fits; all but what fits is sent and drained.
    fn write(&self, bytes: &[u8], mut sent: usize) -> io::Result<usize> {
        let fits = loop {
            if sent == bytes.len() {
                break self.port.drain();
            }
            match self.port.write(&bytes[sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(wrote) => sent += wrote,
                Err(error) => break Err(error),
            }
        };
        match fits {
            Ok(()) => Ok(sent),
            // The last byte counts as unsent until all is drained.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(sent.min(bytes.len() - 1))
            }
            Err(error) => Err(error),
        }
    }

    /// Leaves the rest to the I/O thread.
    fn leave(&self, out: BytesMut, sent: usize) {
        let mut queue = self.queue.lock();
        if queue.closed.is_none() {
            queue.writing = Some(out);
            queue.sent = sent;
            let _ = queue.duty.watch();
            drop(queue);
            self.port.call_io();
        }
    }

    /// Goes on with what was left, as far as it fits; true when nothing is left.
    pub(super) fn resume(&self) -> bool {
        let (out, sent) = {
            let mut queue = self.queue.lock();
            match &mut queue.writing {
                Some(out) if !out.is_empty() => {
                    let out = std::mem::take(out);
                    (out, queue.sent)
                }
                _ => return true,
            }
        };
        match self.write(&out, sent) {
            Ok(sent) if sent == out.len() => {
                self.queue.lock().writing = None;
                self.flush();
                true
            }
            Ok(sent) => {
                let mut queue = self.queue.lock();
                if queue.closed.is_none() {
                    queue.writing = Some(out);
                    queue.sent = sent;
                }
                false
            }
            Err(error) => {
                self.close(&error.to_string().into());
                true
            }
        }
    }
}
