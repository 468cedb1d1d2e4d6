//! What is to be written, and who waits for answers, in one order.

use super::Cause;
use super::call::{Call, Wakes};
use super::duty::Duty;
use crate::memcached::wire::{Answer, Request};
use crate::sync::now;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Somebody else who asks so soon is one of many.
const SOON: Duration = Duration::from_micros(50);

/// Answers that take no longer are waited for before the next requests are sent. Where they take
/// longer, each such wait would be felt.
const NEAR: Duration = Duration::from_micros(200);

/// After so many requests of one thread in a row, there is only this one.
const MIXED: u32 = if cfg!(loom) { 1 } else { 256 };

/// So many requests keep a server busy while others ask.
const PART: usize = if cfg!(loom) { 2 } else { 16 };

/// Tells tasks apart: the thread, and the waker's data.
pub(super) type Asker = (usize, usize);

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

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Who reads the answers.
    pub(super) duty: Duty,
    /// To be written next.
    pub(super) out: BytesMut,
    /// The allocation of what was written last, empty.
    pub(super) spare: BytesMut,
    /// Being written; after a socket was full, from `sent` on.
    pub(super) writing: Option<BytesMut>,
    pub(super) sent: usize,
    waiting: VecDeque<Waiting>,
    /// Answers that are due.
    due: usize,
    /// How many requests the last write had.
    batch: usize,
    /// How many ask, as far as is known: the most who waited at the same time lately.
    crowd: usize,
    /// How many requests `out` has.
    asked: usize,
    /// Somebody has promised to write what is in `out`; how often he was missed.
    leader: Option<u8>,
    /// He waits until what is in flight is answered.
    held: Option<Arc<Call>>,
    /// How many calls each write had that is not answered yet, and when it began.
    flights: VecDeque<(usize, Instant)>,
    /// How long the last flight took.
    flight: Option<Duration>,
    /// Who asked last, and when.
    last: Option<(Asker, Instant)>,
    /// So many requests ago more than one thread asked.
    mixed: u32,
    /// The watch sleeps.
    pub(super) asleep: bool,
    pub(super) closed: Option<Cause>,
}

/// A call whose answers are due.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) call: Arc<Call>,
    left: usize,
    since: Instant,
}

/// What a caller has to do after his request is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Write at once: there is nobody else.
    Alone,
    /// Let others ask, then write for all.
    Lead,
    /// Write at once, for all: half of those who ask have asked.
    Enough,
    /// Wait.
    Follow,
}

impl Queue {
    /// Empty; the I/O thread reads.
    pub(super) fn watched() -> Self {
        Queue { duty: Duty::watched(), ..Queue::default() }
    }

    pub(super) fn push(
        &mut self,
        request: &Request,
        call: Arc<Call>,
        (asker, now): (Asker, Instant),
        bounds: &Bounds,
    ) -> Result<Turn, Cause> {
        if let Some(cause) = &self.closed {
            return Err(cause.clone());
        }
        let unsent = self.out.len() + self.writing.as_ref().map_or(0, BytesMut::len);
        let full = self.due + request.answers() > bounds.requests.max(request.answers())
            || unsent + request.bytes().len() > bounds.bytes.max(request.bytes().len());
        if full {
            return Err("queue is full".into());
        }
        let many = |(last, at): (Asker, Instant)| {
            last != asker && now.saturating_duration_since(at) < SOON
        };
        let alone = self.waiting.is_empty() && self.batch <= 1 && !self.last.is_some_and(many);
        self.mixed = match self.last {
            Some(((thread, _), _)) if thread == asker.0 => self.mixed.saturating_sub(1),
            _ => MIXED,
        };
        self.last = Some((asker, now));
        self.out.extend_from_slice(request.bytes());
        self.asked += 1;
        self.due += request.answers();
        self.waiting.push_back(Waiting { call, left: request.answers(), since: now });
        if alone {
            return Ok(Turn::Alone);
        }
        self.crowd = self.crowd.max(self.waiting.len());
        // The server is at work for one half while the other half asks: neither waits for the other.
        if self.asked >= PART && self.asked * 2 >= self.crowd && self.is_of_one_thread() {
            return Ok(Turn::Enough);
        }
        if self.leader.is_some() {
            return Ok(Turn::Follow);
        }
        self.leader = Some(0);
        Ok(Turn::Lead)
    }

    /// Takes what is to be written, unless somebody is writing.
    pub(super) fn take(&mut self) -> Option<BytesMut> {
        self.leader = None;
        self.held = None;
        if self.writing.is_some() || self.out.is_empty() {
            return None;
        }
        self.batch = std::mem::take(&mut self.asked);
        self.crowd = self.waiting.len().max(self.crowd - self.crowd.div_ceil(8));
        self.flights.push_back((self.batch, now()));
        Some(std::mem::replace(&mut self.out, std::mem::take(&mut self.spare)))
    }

    /// Takes what has come while the last was written, unless somebody has promised to write it.
    pub(super) fn take_rest(&mut self) -> Option<BytesMut> {
        if self.leader.is_some() { None } else { self.take() }
    }

    /// Lets the one who promised to write wait for the answers that are on their way, if they will be
    /// there soon, until half as many have asked as did before: those who get them mostly ask again,
    /// and then more goes in one write. Half: so the server has the others while he waits for these.
    /// He is woken after them.
    pub(super) fn hold(&mut self, call: &Arc<Call>) -> bool {
        let Some((_, since)) = self.flights.front() else { return false };
        let soon = self.flight.is_some_and(|flight| flight < NEAR) && passed(*since) < NEAR;
        let hold = soon && self.is_of_one_thread() && self.asked * 2 < self.batch;
        if hold {
            self.held = Some(call.clone());
        }
        hold
    }

    /// Whether those who ask are tasks of one thread, of which the first to be woken, or to be polled,
    /// can act for all without being in their way.
    pub(super) fn is_of_one_thread(&self) -> bool {
        self.mixed == 0
    }

    /// So many calls have been answered.
    fn land(&mut self, mut calls: usize) {
        while let Some((flying, since)) = self.flights.front_mut() {
            if *flying > calls {
                *flying -= calls;
                return;
            }
            calls -= *flying;
            self.flight = Some(passed(*since));
            self.flights.pop_front();
        }
    }

    /// Hands answers to those who wait for them.
    pub(super) fn hand_out(
        &mut self,
        answers: &mut Vec<Answer>,
        wakes: &mut Wakes,
    ) -> Result<(), Cause> {
        let mut answers = answers.drain(..);
        let before = self.waiting.len();
        while !answers.as_slice().is_empty() {
            let Some(first) = self.waiting.front_mut() else {
                return Err("an answer that nobody asked for".into());
            };
            let due = first.left;
            if let Some((thread, waker)) = first.call.answer(&mut answers, &mut first.left) {
                wakes.add(thread, waker, &first.call);
            }
            self.due -= due - first.left;
            if first.left == 0 {
                self.waiting.pop_front();
            }
        }
        self.land(before - self.waiting.len());
        if self.flights.is_empty()
            && let Some(leader) = self.held.take()
            && let Some((thread, waker)) = leader.waker()
        {
            wakes.add(thread, waker, &leader);
        }
        Ok(())
    }

    /// Calls whose callers want no answer any more.
    pub(super) fn too_late(&self, now: Instant) -> Vec<Arc<Call>> {
        let late = self.waiting.iter().filter(|waiting| now >= waiting.call.give_up);
        late.filter(|waiting| !waiting.call.is_over()).map(|late| late.call.clone()).collect()
    }

    /// The keys of changes that are not answered yet.
    #[cfg(not(loom))]
    pub(super) fn changes(&self) -> impl Iterator<Item = &String> {
        self.waiting.iter().filter_map(|waiting| waiting.call.changes.as_deref()).flatten()
    }

    /// How long the oldest request has been waiting.
    pub(super) fn oldest(&self, now: Instant) -> Option<Duration> {
        self.waiting.front().map(|first| now.saturating_duration_since(first.since))
    }

    /// Whether the one who promised to write has been missed twice.
    pub(super) fn is_orphaned(&mut self) -> bool {
        match &mut self.leader {
            Some(missed) => {
                *missed = missed.saturating_add(1);
                *missed > 2
            }
            None => false,
        }
    }

    /// Something did not fit into the socket.
    pub(super) fn is_full(&self) -> bool {
        self.writing.as_ref().is_some_and(|rest| !rest.is_empty())
    }

    /// The caller who has read leaves; true if the I/O thread must be called.
    #[must_use]
    pub(super) fn leave(&mut self) -> bool {
        self.duty.leave(!self.waiting.is_empty())
    }

    /// Whether the I/O thread need not read any more.
    pub(super) fn unwatch(&mut self) -> bool {
        let (waiting, busy) = (!self.waiting.is_empty(), self.is_full());
        self.duty.sleep(waiting, busy)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Nothing will be answered any more.
    pub(super) fn close(&mut self, cause: &Cause) -> Vec<Waiting> {
        self.closed = Some(cause.clone());
        self.out = BytesMut::new();
        self.writing = None;
        self.held = None;
        self.flights.clear();
        self.due = 0;
        std::mem::take(&mut self.waiting).into()
    }
}

fn passed(since: Instant) -> Duration {
    now().saturating_duration_since(since)
}
