//! A connection: any thread may push, write and read.

use super::Cause;
use super::call::{Baton, Call, Wakes};
use super::port::Port;
use super::queue::{Asker, Bounds, Queue, Turn};
use crate::memcached::wire::{Answer, Reader, Request};
use crate::sync::{AtomicBool, Mutex, Ordering, now};
use bytes::BytesMut;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much is read at once.
pub(super) const PIECE: usize = 64 << 10;
/// After so many pieces others have their turn.
const PIECES: usize = 16;
/// So long a thread that waits anyway reads by itself.
const PATIENCE: Duration = Duration::from_millis(10);
/// So long at once while the I/O thread reads too, which may have taken the answers. Otherwise without
/// such steps: a timer that ends before the system's next tick costs more than all else here.
const GLANCE: Duration = Duration::from_micros(200);

/// Answers that another runtime has not read for so long are read by the I/O thread.
const LENT: Duration = Duration::from_millis(2);

/// Told when a connection ends: why, and how many calls were not answered, with their changes.
pub(crate) type Lost = Box<dyn Fn(&Cause, usize, &[Arc<[String]>]) + Send + Sync>;

/// A connection.
pub(crate) struct Link<P> {
    pub(super) port: P,
    pub(super) bounds: Bounds,
    pub(super) queue: Mutex<Queue>,
    inbox: Mutex<Inbox>,
    closed: AtomicBool,
    /// A task of another runtime reads instead of the I/O thread, which only looks after it.
    pub(super) lent: AtomicBool,
    /// Nobody is to ask here any more.
    pub(super) retired: AtomicBool,
    lost: Lost,
}

struct Inbox {
    reader: Reader,
    piece: Box<[u8]>,
    buffer: BytesMut,
    answers: Vec<Answer>,
    batons: Vec<Arc<Baton>>,
}

/// What a look at the connection found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    Closed,
    Busy,
    Idle,
}

impl<P: Port> Link<P> {
    pub(super) fn new(port: P, bounds: Bounds, lost: Lost) -> Self {
        Link {
            port,
            bounds,
            queue: Mutex::new(Queue::watched()),
            inbox: Mutex::new(Inbox {
                reader: Reader::new(bounds.value),
                piece: vec![0; PIECE].into(),
                buffer: BytesMut::new(),
                answers: Vec::new(),
                batons: Vec::new(),
            }),
            closed: AtomicBool::new(false),
            lent: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            lost,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn push(
        &self,
        request: &Request,
        call: Arc<Call>,
        asker: (Asker, Instant),
    ) -> Result<Turn, Cause> {
        let mut queue = self.queue.lock();
        let turn = queue.push(request, call, asker, &self.bounds)?;
        let asleep = std::mem::take(&mut queue.asleep);
        drop(queue);
        if asleep {
            self.port.call_watch();
        }
        Ok(turn)
    }

    /// Whether a change of this key is not answered yet, which maybe nobody waits for any more.
    #[cfg(not(loom))]
    pub(crate) fn is_changing(&self, key: &str) -> bool {
        self.queue.lock().changes().any(|changed| changed == key)
    }

    /// Whether any is.
    #[cfg(not(loom))]
    pub(crate) fn is_changing_any(&self) -> bool {
        self.queue.lock().changes().next().is_some()
    }

    /// Whether the one who leads is to wait for answers before he writes.
    pub(super) fn hold(&self, call: &Arc<Call>) -> bool {
        self.queue.lock().hold(call)
    }

    /// Lets the I/O thread read.
    pub(super) fn watch(&self) {
        let call = self.queue.lock().duty.let_read();
        if call {
            self.port.call_io();
        }
    }

    /// Somebody who has written will read when he is polled again.
    pub(super) fn promise(&self) {
        self.queue.lock().duty.promise();
    }

    /// He is here, or will not come.
    pub(super) fn keep_promise(&self) {
        self.queue.lock().duty.keep();
    }

    /// Reads in this thread, which waits for nothing else, until the call is over: the answers of a
    /// near server come sooner than another thread could be woken. For a server that is far the I/O
    /// thread is left to wait.
    pub(super) fn read_for(&self, call: &Call) {
        let begun = self.queue.lock().duty.begin();
        if !begun {
            return;
        }
        let start = now();
        while !call.is_over() && now().saturating_duration_since(start) < PATIENCE {
            let left = call.give_up.saturating_duration_since(now()).min(PATIENCE);
            let watched = self.is_watched();
            self.port.await_briefly(if watched { left.min(GLANCE) } else { left });
            self.try_receive();
        }
        let call = self.queue.lock().leave();
        if call {
            self.port.call_io();
        }
    }

    /// Whether the I/O thread is to read.
    pub(super) fn is_watched(&self) -> bool {
        self.queue.lock().duty.is_watched()
    }

    /// Whether the I/O thread need not read any more.
    pub(super) fn unwatch(&self) -> bool {
        self.queue.lock().unwatch()
    }

    /// Whether there is something that did not fit into the socket.
    pub(super) fn is_full(&self) -> bool {
        self.queue.lock().is_full()
    }

    /// Reads what is there, and hands it out; true when nothing more is there. `None` when another
    /// thread is reading.
    pub(super) fn try_receive(&self) -> Option<bool> {
        Some(self.receive_into(&mut *self.inbox.try_lock()?))
    }

    /// The same, after the other thread.
    pub(super) fn receive(&self) -> bool {
        self.receive_into(&mut self.inbox.lock())
    }

    fn receive_into(&self, inbox: &mut Inbox) -> bool {
        for _ in 0..PIECES {
            let read = match self.port.read(&mut inbox.piece) {
                Ok(0) => Err("the server closed the connection".into()),
                Ok(read) => Ok(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => Err(error.to_string().into()),
            };
            let read = match read.and_then(|read| self.take_in(inbox, read).map(|()| read)) {
                Ok(read) => read,
                Err(cause) => {
                    self.close(&cause);
                    return true;
                }
            };
            if read < inbox.piece.len() && self.port.shows_the_end() {
                return true;
            }
        }
        false
    }

    fn take_in(&self, inbox: &mut Inbox, read: usize) -> Result<(), Cause> {
        inbox.buffer.extend_from_slice(&inbox.piece[..read]);
        let mut end = Ok(());
        loop {
            match inbox.reader.next(&mut inbox.buffer) {
                Ok(Some(Answer::Refused(what))) => {
                    // What the server did not understand may have been half of a request: the rest of
                    // the stream belongs to nobody.
                    end = Err(format!("the server refused a request: {what}").into());
                    inbox.answers.push(Answer::Refused(what));
                    break;
                }
                Ok(Some(answer)) => inbox.answers.push(answer),
                Ok(None) => break,
                Err(broken) => {
                    end = Err(broken.to_string().into());
                    break;
                }
            }
        }
        if !inbox.answers.is_empty() {
            let mut wakes = Wakes::default();
            let mut queue = self.queue.lock();
            let handed = queue.hand_out(&mut inbox.answers, &mut wakes);
            let one_thread = queue.is_of_one_thread();
            drop(queue);
            wakes.wake(&mut inbox.batons, one_thread);
            inbox.answers.clear();
            handed?;
        }
        end
    }

    /// Looks after deadlines, and after what those left behind who were to go on.
    pub(super) fn look(&self) -> Look {
        let now = now();
        let (late, oldest, orphaned, idle) = {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() {
                return Look::Closed;
            }
            let orphaned = queue.is_orphaned() | queue.duty.is_missed();
            (queue.too_late(now), queue.oldest(now), orphaned, queue.is_idle())
        };
        if orphaned {
            self.flush();
            self.watch();
        }
        // The other runtime has other things to do.
        if self.is_lent() && oldest.is_some_and(|oldest| oldest > LENT) {
            let _ = self.try_receive();
            self.resume();
        }
        let slow: Vec<_> = self.inbox.lock().batons.extract_if(.., |b| b.is_late()).collect();
        slow.iter().for_each(|baton| baton.pass());
        if oldest.is_some_and(|oldest| oldest > self.bounds.answer) {
            self.close(&format!("no answer within {:?}", self.bounds.answer).into());
            return Look::Closed;
        }
        late.iter().for_each(|call| call.fail(&"no answer before the deadline".into()));
        if idle { Look::Idle } else { Look::Busy }
    }

    /// Lets the watch sleep until there is something; false if there is.
    pub(super) fn sleep(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.asleep = queue.is_idle() && queue.closed.is_none();
        let asleep = queue.asleep;
        // So that the end of the connection is seen.
        let unwatched = asleep && queue.duty.watch_idle();
        drop(queue);
        if unwatched {
            self.port.call_io();
        }
        asleep
    }

    /// Ends it: nobody who waits gets an answer.
    pub(crate) fn close(&self, cause: &Cause) {
        let waiting = {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() {
                return;
            }
            self.closed.store(true, Ordering::Release);
            queue.close(cause)
        };
        self.port.shut();
        let changes = waiting.iter().filter_map(|waiting| waiting.call.changes.clone());
        let changes: Vec<_> = changes.collect();
        // First, so that nobody who hears of the failure can read what was to be changed.
        (self.lost)(cause, waiting.len(), &changes);
        waiting.iter().for_each(|waiting| waiting.call.fail(cause));
        self.port.call_io();
        self.port.call_watch();
    }
}

impl<P: fmt::Debug> fmt::Debug for Link<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("port", &self.port).finish_non_exhaustive()
    }
}
