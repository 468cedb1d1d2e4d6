//! The state of what is being fetched of one copy: bytes in, decisions out, no I/O. It lives under one mutex.
//!
//! *Runs* fetch contiguous chunks, each in one request. *Seats* are readers. A chunk that is complete is *held* until
//! it lies in local; one that local did not take is held as long as anybody sits, and one for which a reader is about
//! to come a little longer, if there is memory to spare. So a reader finds a chunk in the run that fills it, or held,
//! or in the index, in this order: it passes from one to the next without a gap.

use super::pieces::Pieces;
use super::spare::Spare;
use crate::layout::Cut;
use crate::options::Unread;
use bytes::Bytes;
use std::ops::Range;
use std::task::Waker;

/// So many bytes may come before readers are told of them: each time costs them a change of threads.
const UNTOLD: usize = 256 << 10;

/// A reader waits for a run that is at most so many chunks behind; beyond, a run of his own is faster.
const AHEAD: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunId(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeatId(u64);

/// `E` is why a run failed.
#[derive(Debug)]
pub(crate) struct State<E> {
    cut: Cut,
    runs: Vec<Run>,
    seats: Vec<Seat<E>>,
    held: Vec<Held>,
    /// Local did not take a chunk: who comes too late for what is held goes to the remote himself.
    broken: bool,
    next: u64,
}

#[derive(Debug)]
struct Run {
    id: RunId,
    first: u32,
    /// The chunk that is filled.
    at: u32,
    end: u32,
    pieces: Pieces,
    /// Bytes of which nobody who waits was told.
    untold: usize,
}

#[derive(Debug)]
struct Seat<E> {
    id: SeatId,
    /// From the chunk that he reads next to the end of his range.
    wants: Range<u32>,
    waits: Option<Waker>,
    failed: Option<E>,
}

#[derive(Debug)]
struct Held {
    chunk: u32,
    pieces: Pieces,
    /// It lies in local, and is held for those who come soon.
    spare: Option<Spare>,
}

/// What a reader gets.
#[derive(Debug)]
pub(crate) enum Take<E> {
    Piece(Bytes),
    /// He will be woken.
    Wait,
    /// No run has it or comes to it: it is in local, or has to be fetched.
    Elsewhere,
    /// The run that he waited for failed.
    Failed(E),
}

/// Whether a reader begins a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    Run(RunId, Range<u32>),
    /// Somebody else was faster: it is being fetched, or lies in local.
    There,
}

/// What a run does after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    On,
    /// It has ended: all of it is fetched, or nobody wants the rest of it, or others have that.
    Stop,
}

/// A chunk that is complete and is to be put into local; then [`State::written`].
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) chunk: u32,
    pub(crate) pieces: Pieces,
}

/// To be woken when the lock is released.
pub(crate) type Wakers = Vec<Waker>;

/// To be dropped when the lock is released: a waker may own what sits here, too, and memory takes time to go.
#[must_use]
#[derive(Debug, Default)]
#[expect(dead_code, reason = "it is there to be dropped")]
pub(crate) struct Gone {
    waker: Option<Waker>,
    held: Vec<Held>,
}

impl<E: Clone> State<E> {
    pub(crate) fn new(cut: Cut) -> Self {
        State { cut, runs: Vec::new(), seats: Vec::new(), held: Vec::new(), broken: false, next: 0 }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A reader of these chunks.
    pub(crate) fn sit(&mut self, wants: Range<u32>) -> SeatId {
        let id = SeatId(self.number());
        self.seats.push(Seat { id, wants, waits: None, failed: None });
        id
    }

    /// Up to which chunk a run brings, or has brought, what begins here.
    pub(crate) fn promise(&self, chunk: u32) -> u32 {
        let runs = self.runs.iter().filter(|run| run.first <= chunk);
        runs.map(|run| run.end).max().unwrap_or(0)
    }

    pub(crate) fn leave(&mut self, seat: SeatId) -> Gone {
        let Some(at) = self.seats.iter().position(|one| one.id == seat) else {
            return Gone::default();
        };
        let waker = self.seats.swap_remove(at).waits;
        Gone { waker, held: self.let_go() }
    }

    /// The bytes from `at` on, as far as they lie together.
    pub(crate) fn take(&mut self, seat: SeatId, at: u64, waker: &Waker) -> (Take<E>, Gone) {
        let chunk = self.cut.chunk_of(at);
        let offset = (at - self.cut.bytes_of(chunk).start) as usize;
        let taken = self.find(chunk, offset);
        let Some(seat) = self.seats.iter_mut().find(|one| one.id == seat) else {
            return (taken, Gone::default());
        };
        let is_next = std::mem::replace(&mut seat.wants.start, chunk) != chunk;
        let before = seat.waits.take();
        let taken = match (taken, seat.failed.take()) {
            (Take::Elsewhere, Some(failed)) => Take::Failed(failed),
            (Take::Wait, _) => {
                seat.waits = Some(waker.clone());
                Take::Wait
            }
            (taken, _) => taken,
        };
        let held = if is_next { self.let_go() } else { Vec::new() };
        (taken, Gone { waker: before, held })
    }

    fn find(&self, chunk: u32, offset: usize) -> Take<E> {
        if let Some(held) = self.held.iter().find(|held| held.chunk == chunk) {
            return held.pieces.from(offset).map_or(Take::Elsewhere, Take::Piece);
        }
        if let Some(run) = self.runs.iter().find(|run| run.fills(chunk)) {
            return run.pieces.from(offset).map_or(Take::Wait, Take::Piece);
        }
        match self.runs.iter().any(|run| run.comes_soon_to(chunk)) {
            true => Take::Wait,
            false => Take::Elsewhere,
        }
    }

    /// A run for a chunk that is missing, and for those behind it up to `end` that are missing, too.
    /// `present` says what lies in local.
    pub(crate) fn begin(&mut self, chunk: u32, end: u32, present: impl Fn(u32) -> bool) -> Begin {
        let near = self.runs.iter().any(|run| run.comes_soon_to(chunk));
        if near || self.is_held(chunk) || present(chunk) {
            return Begin::There;
        }
        // A run that is behind stops when it comes here.
        let ahead = |n: u32| self.runs.iter().any(|run| run.at > chunk && run.has(n));
        let others = |n: u32| ahead(n) || self.is_held(n) || present(n);
        let end = (chunk + 1..end).find(|n| others(*n)).unwrap_or(end);
        let id = RunId(self.number());
        self.runs.push(Run {
            id,
            first: chunk,
            at: chunk,
            end,
            pieces: Pieces::default(),
            untold: 0,
        });
        Begin::Run(id, chunk..end)
    }

    /// Bytes of a run: as many as its chunk still wants are taken. Who waits for them is told when there are many, or
    /// by [`tell`](State::tell).
    pub(crate) fn push(&mut self, run: RunId, bytes: &mut Bytes) -> (Option<Full>, Wakers) {
        let Some(at) = self.runs.iter().position(|one| one.id == run) else {
            bytes.clear();
            return (None, Vec::new());
        };
        let run = &mut self.runs[at];
        let wanted = self.cut.bytes_of(run.at);
        let wanted = (wanted.end - wanted.start) as usize;
        let piece = bytes.split_to(bytes.len().min(wanted - run.pieces.len()));
        run.untold += piece.len();
        run.pieces.push(piece);
        let (chunk, is_full) = (run.at, run.pieces.len() == wanted);
        let full = is_full.then(|| Full { chunk, pieces: std::mem::take(&mut run.pieces) });
        if let Some(Full { chunk, pieces }) = &full {
            run.at += 1;
            self.held.retain(|held| held.chunk != *chunk);
            self.held.push(Held { chunk: *chunk, pieces: pieces.clone(), spare: None });
        }
        if full.is_none() && run.untold < UNTOLD {
            return (None, Vec::new());
        }
        run.untold = 0;
        (full, self.wake(&(chunk..chunk + 1)))
    }

    /// No more bytes come at once.
    pub(crate) fn tell(&mut self, run: RunId) -> Wakers {
        match self.runs.iter_mut().find(|one| one.id == run) {
            Some(run) if run.untold > 0 => {
                run.untold = 0;
                let chunk = run.at;
                self.wake(&(chunk..chunk + 1))
            }
            _ => Vec::new(),
        }
    }

    /// Local has a full chunk, or has not taken it: then it is held for those who sit here now. `spare` is asked for
    /// memory, if somebody comes soon to what local has.
    pub(crate) fn written(
        &mut self,
        chunk: u32,
        kept: bool,
        spare: impl FnOnce(usize) -> Option<Spare>,
    ) -> Gone {
        if !kept {
            self.broken = true;
            return Gone::default();
        }
        let is_awaited = is_awaited(&self.seats, chunk);
        let Some(at) = self.held.iter().position(|held| held.chunk == chunk) else {
            return Gone::default();
        };
        let held = &mut self.held[at];
        held.spare = is_awaited.then(|| spare(held.pieces.len())).flatten();
        match held.spare {
            Some(_) => Gone::default(),
            None => Gone { waker: None, held: vec![self.held.swap_remove(at)] },
        }
    }

    /// What lies in local and nobody comes to any more.
    fn let_go(&mut self) -> Vec<Held> {
        let seats = &self.seats;
        let is_gone = |held: &mut Held| held.spare.is_some() && !is_awaited(seats, held.chunk);
        self.held.extract_if(.., is_gone).collect()
    }

    /// After a chunk: whether the run goes on. If not, it is gone.
    pub(crate) fn turn(
        &mut self,
        run: RunId,
        unread: Unread,
        present: impl Fn(u32) -> bool,
    ) -> (Turn, Wakers) {
        let Some(at) = self.runs.iter().position(|one| one.id == run) else {
            return (Turn::Stop, Vec::new());
        };
        let Run { at: chunk, end, .. } = self.runs[at];
        let wanted = || match unread {
            Unread::Finish => true,
            Unread::Stop => self.seats.iter().any(|seat| seat.comes_to(chunk)),
        };
        let others = || {
            let runs = self.runs.iter();
            runs.filter(|one| one.id != run).any(|one| one.has(chunk)) || self.is_held(chunk)
        };
        if chunk < end && !self.broken && wanted() && !others() && !present(chunk) {
            return (Turn::On, Vec::new());
        }
        (Turn::Stop, self.end(run, None))
    }

    /// A run ends. If it failed, those who wait for it are told, unless another run has what they wait for.
    pub(crate) fn end(&mut self, run: RunId, failure: Option<&E>) -> Wakers {
        let Some(at) = self.runs.iter().position(|one| one.id == run) else { return Vec::new() };
        let run = self.runs.remove(at);
        if let Some(failure) = failure {
            let runs = &self.runs;
            let others = |chunk| runs.iter().any(|one| one.comes_soon_to(chunk));
            let waiting = self.seats.iter_mut().filter(|seat| seat.waits.is_some());
            let waiting = waiting.filter(|seat| run.has(seat.wants.start));
            for seat in waiting.filter(|seat| !others(seat.wants.start)) {
                seat.failed = Some(failure.clone());
            }
        }
        self.wake(&(run.at..run.end))
    }

    /// Those who wait for one of these chunks.
    fn wake(&mut self, chunks: &Range<u32>) -> Wakers {
        let seats = self.seats.iter_mut().filter(|seat| chunks.contains(&seat.wants.start));
        seats.filter_map(|seat| seat.waits.take()).collect()
    }

    /// Which of these chunks are complete and not in local yet.
    pub(crate) fn held_of(&self, chunks: &Range<u32>) -> Vec<u32> {
        self.held.iter().map(|held| held.chunk).filter(|chunk| chunks.contains(chunk)).collect()
    }

    fn is_held(&self, chunk: u32) -> bool {
        self.held.iter().any(|held| held.chunk == chunk)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.runs.is_empty()
    }
}

impl Run {
    fn has(&self, chunk: u32) -> bool {
        self.at <= chunk && chunk < self.end
    }

    /// Not if that was its last one and is full.
    fn fills(&self, chunk: u32) -> bool {
        self.at == chunk && self.has(chunk)
    }

    fn comes_soon_to(&self, chunk: u32) -> bool {
        self.has(chunk) && chunk - self.at <= AHEAD
    }
}

impl<E> Seat<E> {
    /// Whether he will read a chunk, or is so little behind it that he waits for who fetches it.
    fn comes_to(&self, chunk: u32) -> bool {
        self.wants.start <= chunk.saturating_add(AHEAD) && chunk < self.wants.end
    }

    fn comes_soon_to(&self, chunk: u32) -> bool {
        self.wants.contains(&chunk) && chunk - self.wants.start <= AHEAD
    }
}

/// Whether a reader comes soon to a chunk.
fn is_awaited<E>(seats: &[Seat<E>], chunk: u32) -> bool {
    seats.iter().any(|seat| seat.comes_soon_to(chunk))
}

#[cfg(test)]
mod tests;
