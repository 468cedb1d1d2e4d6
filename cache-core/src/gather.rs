//! What a computation has used of other cached values: their tags, and how long they still live.
//! Its own value is to be no better than they are.
//!
//! A thread that computes has an open note, into which every cached value that it gets is entered.
//! An `async` computation opens its note for the time of each poll, so it may change threads.

use crate::clock::Clock;
use crate::table;
use crate::tags::{MAX_TAGS, Tags};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

thread_local! {
    /// Whether there is an open note. Plain hits do not ask: the table keeps them off their fast way
    /// meanwhile.
    static GATHERING: Cell<bool> = const { Cell::new(false) };
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
}

/// What is to be known of a value by whoever computes another one from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    pub(crate) tags: Tags,
    /// When it dies.
    end: Option<End>,
    /// Its tags could not be read, or are too many: nothing made from it may be stored.
    pub(crate) unknown: bool,
}

#[derive(Debug, Clone, Copy)]
struct End {
    nanos: u64,
    /// Whose nanoseconds these are.
    clock: usize,
    /// What was left when it was noted: for those who have another clock.
    left: Duration,
}

impl Note {
    /// Of a value that is there; `Duration::MAX` is no end.
    pub(crate) fn of(tags: Tags, left: Duration, clock: &Clock) -> Self {
        let end = (left != Duration::MAX).then(|| End {
            nanos: clock.nanos().saturating_add(nanos(left)),
            clock: clock.id(),
            left,
        });
        Note { tags, end, unknown: false }
    }

    pub(crate) fn of_tags(tags: Tags) -> Self {
        Note { tags, end: None, unknown: false }
    }

    /// Of a value of which nothing can be said.
    pub(crate) fn unknown() -> Self {
        Note { unknown: true, ..Note::default() }
    }

    /// As unknown as what it was made from.
    pub(crate) fn made_from(mut self, other: &Note) -> Self {
        self.unknown |= other.unknown;
        self
    }

    /// Whether it has nothing to say.
    pub(crate) fn is_blank(&self) -> bool {
        self.tags.is_empty() && self.end.is_none() && !self.unknown
    }

    /// What is left now of the life of what was used.
    pub(crate) fn left(&self, clock: &Clock) -> Option<Duration> {
        self.end.map(|end| end.left(clock))
    }

    pub(crate) fn add(&mut self, other: &Note) {
        self.tags = self.tags.and(&other.tags);
        self.unknown |= other.unknown || self.tags.len() > MAX_TAGS;
        self.end = match (self.end, other.end) {
            (Some(own), Some(other)) if own.clock == other.clock && own.nanos <= other.nanos => {
                Some(own)
            }
            (Some(own), Some(other)) if own.clock != other.clock && own.left <= other.left => {
                Some(own)
            }
            (own, other) => other.or(own),
        };
    }

    pub(crate) fn and(mut self, other: &Note) -> Note {
        self.add(other);
        self
    }
}

impl End {
    fn left(&self, clock: &Clock) -> Duration {
        if self.clock != clock.id() {
            return self.left;
        }
        Duration::from_nanos(self.nanos.saturating_sub(clock.nanos()))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Whether this thread is computing a value that is to know what it was made from.
#[inline(always)]
pub(crate) fn is_gathering() -> bool {
    GATHERING.get()
}

fn set_gathering(gathering: bool) {
    GATHERING.set(gathering);
    table::note_hits(gathering);
}

/// Enters a value that the innermost computation of this thread gets.
#[inline]
pub(crate) fn hand(note: &Note) {
    if is_gathering() {
        hand_in(note);
    }
}

#[cold]
fn hand_in(note: &Note) {
    let _ = NOTES.try_with(|notes| {
        if let Some(open) = notes.borrow_mut().last_mut() {
            open.add(note);
        }
    });
}

/// An open note of this thread, until [`end`](Gather::end) or a panic.
#[derive(Debug)]
#[must_use]
pub(crate) struct Gather {
    depth: usize,
}

impl Gather {
    /// Goes on with what was gathered before.
    pub(crate) fn begin(note: Note) -> Self {
        let depth = NOTES.try_with(|notes| {
            let mut notes = notes.borrow_mut();
            notes.push(note);
            notes.len()
        });
        // A thread that is ending may have no notes any more.
        set_gathering(depth.is_ok());
        Gather { depth: depth.unwrap_or(0) }
    }

    pub(crate) fn end(self) -> Note {
        self.close().unwrap_or_default()
    }

    fn close(&self) -> Option<Note> {
        let closed = NOTES.try_with(|notes| {
            let mut notes = notes.borrow_mut();
            if notes.len() < self.depth {
                return None;
            }
            let mut inner = notes.split_off(self.depth - 1);
            set_gathering(!notes.is_empty());
            inner.drain(..).next()
        });
        closed.ok().flatten()
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        if self.depth > 0 {
            drop(self.close());
        }
    }
}

/// A future whose polls gather.
pub(crate) struct Gathered<F> {
    future: F,
    note: Note,
}

impl<F> Gathered<F> {
    pub(crate) fn new(future: F) -> Self {
        Gathered { future, note: Note::default() }
    }
}

impl<F: Future + Unpin> Future for Gathered<F> {
    type Output = (F::Output, Note);
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let gather = Gather::begin(std::mem::take(&mut self.note));
        let polled = Pin::new(&mut self.future).poll(cx);
        let note = gather.end();
        match polled {
            Poll::Ready(out) => Poll::Ready((out, note)),
            Poll::Pending => {
                self.note = note;
                Poll::Pending
            }
        }
    }
}

/// Calls `f` so that the computation around it takes over neither the tags nor the remaining life of
/// the cached values that `f` gets: it may outlive them, and is not invalidated with them.
///
/// For `async` code there is [`isolate_async`].
///
/// ```
/// assert_eq!(cache_core::isolate(|| 6 * 7), 42);
/// ```
pub fn isolate<R>(f: impl FnOnce() -> R) -> R {
    if !is_gathering() {
        return f();
    }
    let gather = Gather::begin(Note::default());
    let out = f();
    drop(gather.end());
    out
}

/// As [`isolate`], for the calls of a future.
///
/// ```
/// # use cache_core::{isolate_async, wait};
/// assert_eq!(wait(isolate_async(async { 6 * 7 })), 42);
/// ```
pub async fn isolate_async<F: Future>(future: F) -> F::Output {
    Gathered::new(std::pin::pin!(future)).await.0
}
