//! A connection: any thread may push, write and read.

use super::Cause;
use super::call::{Baton, Call, Wakes};
use super::queue::{Asker, Queue, Turn};
use super::socket::Socket;
use crate::memcached::wire::{Answer, Reader, Request};
use bytes::BytesMut;
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How much is read at once.
pub(super) const PIECE: usize = 64 << 10;
/// After so many pieces others have their turn.
const PIECES: usize = 16;
/// So long a thread that waits anyway reads by itself.
const PATIENCE: Duration = Duration::from_millis(10);
/// So long at once while the I/O thread reads too, which may have taken the answers. Otherwise without
/// such steps: a timer that ends before the system's next tick costs more than all else here.
const GLANCE: Duration = Duration::from_micros(200);

/// Bounds of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How long an answer may take.
    pub(crate) answer: Duration,
    /// How many requests may be unanswered.
    pub(crate) requests: usize,
    /// How many bytes may be unsent.
    pub(crate) bytes: usize,
    /// The longest value.
    pub(crate) value: usize,
}

/// Told when a connection ends: why, and how many calls were not answered, with their changes.
pub(crate) type Lost = Box<dyn Fn(&Cause, usize, &[Arc<[String]>]) + Send + Sync>;

/// A connection.
pub(crate) struct Link {
    pub(super) socket: Socket,
    pub(super) bounds: Bounds,
    pub(super) queue: Mutex<Queue>,
    inbox: Mutex<Inbox>,
    /// The I/O thread is to look at the socket.
    pub(super) wanted: Notify,
    /// The watch is to look.
    pub(super) awake: Notify,
    closed: AtomicBool,
    /// A caller reads.
    reading: AtomicBool,
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

impl Link {
    pub(super) fn new(socket: Socket, bounds: Bounds, lost: Lost) -> Self {
        Link {
            socket,
            bounds,
            queue: Mutex::new(Queue::watched()),
            inbox: Mutex::new(Inbox {
                reader: Reader::new(bounds.value),
                piece: vec![0; PIECE].into(),
                buffer: BytesMut::new(),
                answers: Vec::new(),
                batons: Vec::new(),
            }),
            wanted: Notify::new(),
            awake: Notify::new(),
            closed: AtomicBool::new(false),
            reading: AtomicBool::new(false),
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
            self.awake.notify_one();
        }
        Ok(turn)
    }

    /// Whether the one who leads is to wait for answers before he writes.
    pub(super) fn hold(&self, call: &Arc<Call>) -> bool {
        self.queue.lock().hold(call)
    }

    /// Lets the I/O thread read.
    pub(super) fn watch(&self) {
        let mut queue = self.queue.lock();
        // A caller who reads does this when he stops.
        let unwatched = !self.reading.load(Ordering::Acquire) && queue.watch_from_now();
        drop(queue);
        if unwatched {
            self.wanted.notify_one();
        }
    }

    /// Reads in this thread, which waits for nothing else, until the call is over: the answers of a
    /// near server come sooner than another thread could be woken. For a server that is far the I/O
    /// thread is left to wait.
    pub(super) fn read_for(&self, call: &Call) {
        if self.reading.swap(true, Ordering::Acquire) {
            return self.watch();
        }
        let start = Instant::now();
        while !call.is_over() && start.elapsed() < PATIENCE {
            let left = call.give_up.saturating_duration_since(Instant::now()).min(PATIENCE);
            let watched = self.is_watched();
            self.socket.await_briefly(if watched { left.min(GLANCE) } else { left });
            self.try_receive();
        }
        let mut queue = self.queue.lock();
        // Under the lock: whoever counted on this one has said so before it is asked below.
        self.reading.store(false, Ordering::Release);
        let told = queue.stop_reading();
        drop(queue);
        if told {
            self.wanted.notify_one();
        }
    }

    /// Whether the I/O thread is to read.
    pub(super) fn is_watched(&self) -> bool {
        self.queue.lock().is_watched()
    }

    /// Whether the I/O thread need not read any more.
    pub(super) fn unwatch(&self) -> bool {
        let mut queue = self.queue.lock();
        let read = self.reading.load(Ordering::Acquire);
        queue.unwatch(read)
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
            let read = match self.socket.read(&mut inbox.piece) {
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
            if read < inbox.piece.len() && self.socket.shows_the_end() {
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
        let now = Instant::now();
        let (late, oldest, orphaned, idle) = {
            let mut queue = self.queue.lock();
            if queue.closed.is_some() {
                return Look::Closed;
            }
            (queue.too_late(now), queue.oldest(now), queue.is_orphaned(), queue.is_idle())
        };
        if orphaned {
            self.flush();
            self.watch();
        }
        let batons = std::mem::take(&mut self.inbox.lock().batons);
        batons.iter().for_each(|baton| baton.pass());
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
        let unwatched = asleep && queue.watch_idle();
        drop(queue);
        if unwatched {
            self.wanted.notify_one();
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
        self.socket.shut();
        let changes = waiting.iter().filter_map(|waiting| waiting.call.changes.clone());
        let changes: Vec<_> = changes.collect();
        // First, so that nobody who hears of the failure can read what was to be changed.
        (self.lost)(cause, waiting.len(), &changes);
        waiting.iter().for_each(|waiting| waiting.call.fail(cause));
        self.wanted.notify_one();
        self.awake.notify_one();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("socket", &self.socket).finish_non_exhaustive()
    }
}
