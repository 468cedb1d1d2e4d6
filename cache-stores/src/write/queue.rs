//! What is sent next: in order for each path, the last write of a path only, later after a failure. No I/O.

mod late;

pub(super) use late::{LATE, Late};

use super::record::Op;
use object_store::Error;
use object_store::path::Path;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// So many objects are sent at once while the remote answers.
const AT_ONCE: usize = 4;
/// The pause after the first failure, and the longest one.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// The rest of a write that the remote has refused.
const REST: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));

/// Why a write was not sent.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The remote does not answer, or not as it should: everything waits.
    Away(Arc<Error>),
    /// The remote does not want this one, or it cannot be read here: the others go on.
    Refused(Arc<Error>),
    /// The remote has not answered for too long. The others go on; it may still do what it was asked for.
    Late(Arc<Error>),
}

impl Failure {
    pub(crate) fn error(&self) -> &Arc<Error> {
        let (Failure::Away(error) | Failure::Refused(error) | Failure::Late(error)) = self;
        error
    }
}

/// The writes that wait for the remote. Times are nanoseconds of one clock.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    slots: HashMap<Path, Slot>,
    /// Can be sent: what failed least often first, so that one that always fails keeps none of the others; then by the
    /// number at which the path began to wait, so that one that is written again and again keeps its place.
    ready: BTreeMap<(u32, u64), Path>,
    /// Cannot be sent before.
    resting: BTreeMap<(u64, u64), Path>,
    sending: usize,
    successes: u64,
    pause: Option<Pause>,
    /// Counts how often someone has urged: what was begun before is no answer for him.
    round: u64,
    /// Failures for want of the remote, of attempts of the round in which they were begun.
    away: u64,
    last_away: Option<Arc<Error>>,
    bytes: u64,
    pub(super) late: Late,
}

#[derive(Debug)]
struct Slot {
    seq: u64,
    op: Arc<Op>,
    since: u64,
    place: u64,
    state: State,
    /// How often the remote was away for it, and how many others it had taken when it was last.
    aways: (u32, u64),
    /// The last number that the remote has.
    sent: Option<u64>,
    refusals: u32,
    refused: Option<Arc<Error>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Resting(u64),
    /// Since this round of urging.
    Sending(u64),
    /// The same; the remote has it, and it waits whether an earlier one comes behind it.
    Looking(u64),
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: u64,
    tries: u32,
}

/// What the sender does now.
#[derive(Debug)]
pub(crate) enum Next {
    Send(Attempt),
    /// Nothing before this time.
    Wait(u64),
    /// Nothing before something changes.
    Idle,
}

/// A write that is to be sent now.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) path: Path,
    pub(crate) seq: u64,
    pub(crate) op: Arc<Op>,
    /// An earlier write of the path may come to the remote behind this one.
    pub(crate) after_late: bool,
}

/// How far a write has come.
#[derive(Debug, Clone)]
pub(crate) enum Progress {
    Sent,
    /// The remote has it, and it still waits.
    Arrived,
    Waits,
    Refused(Arc<Error>),
}

/// A write that waits, to be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) path: Path,
    pub(crate) seq: u64,
    pub(crate) op: Arc<Op>,
    pub(crate) since: u64,
    pub(crate) refused: Option<Arc<Error>>,
}

impl Queue {
    /// A write was taken. What is given back is the one that it replaces, which is not sent any more.
    pub(crate) fn push(
        &mut self,
        path: &Path,
        seq: u64,
        op: Op,
        now: u64,
    ) -> Option<(u64, Arc<Op>)> {
        self.bytes += bytes(&op);
        let op = Arc::new(op);
        let Some(slot) = self.slots.get_mut(path) else {
            let slot = Slot {
                seq,
                op,
                since: now,
                place: seq,
                state: State::Ready,
                aways: (0, 0),
                sent: None,
                refusals: 0,
                refused: None,
            };
            self.ready.insert(slot.key(), path.clone());
            self.slots.insert(path.clone(), slot);
            return None;
        };
        let replaced = (std::mem::replace(&mut slot.seq, seq), std::mem::replace(&mut slot.op, op));
        self.bytes -= bytes(&replaced.1);
        let was = slot.key();
        (slot.refusals, slot.refused, slot.aways) = (0, None, (0, 0));
        match slot.state {
            State::Sending(_) | State::Looking(_) => return Some(replaced),
            State::Ready => self.ready.remove(&was),
            State::Resting(until) => self.resting.remove(&(until, slot.place)),
        };
        slot.state = State::Ready;
        self.ready.insert(slot.key(), path.clone());
        Some(replaced)
    }

    /// What to send now: it is being sent until `sent` or `failed` says otherwise.
    pub(crate) fn next(&mut self, now: u64) -> Next {
        while let Some(entry) = self.resting.first_entry()
            && entry.key().0 <= now
        {
            let (_, path) = entry.remove_entry();
            if let Some(slot) = self.slots.get_mut(&path) {
                slot.state = State::Ready;
                self.ready.insert(slot.key(), path);
            }
        }
        let at_once = match self.pause {
            Some(pause) if pause.until > now && !self.ready.is_empty() => {
                return Next::Wait(pause.until);
            }
            // One is sent to see whether the remote is back.
            Some(_) => 1,
            None => AT_ONCE,
        };
        if self.sending >= at_once {
            return Next::Idle;
        }
        let Some((_, path)) = self.ready.pop_first() else {
            return self.resting.first_key_value().map_or(Next::Idle, |(key, _)| Next::Wait(key.0));
        };
        let Some(slot) = self.slots.get_mut(&path) else { return Next::Idle };
        slot.state = State::Sending(self.round);
        self.sending += 1;
        let (seq, op) = (slot.seq, slot.op.clone());
        let after_late = self.late.is_before(&path, seq);
        Next::Send(Attempt { path, seq, op, after_late })
    }

    /// The remote has the write of this number, and it is not done with: others are sent meanwhile.
    pub(crate) fn arrived(&mut self, path: &Path, seq: u64) {
        self.succeeded();
        let Some(slot) = self.slots.get_mut(path) else { return };
        slot.sent = Some(seq);
        if let State::Sending(round) = slot.state {
            slot.state = State::Looking(round);
            self.sending -= 1;
        }
    }

    /// The remote has the write of this number.
    pub(crate) fn sent(&mut self, path: &Path, seq: u64) {
        self.succeeded();
        let Some(slot) = self.slots.get_mut(path) else { return };
        self.sending -= usize::from(matches!(slot.state, State::Sending(_)));
        if slot.seq == seq {
            self.bytes -= bytes(&slot.op);
            self.slots.remove(path);
            self.late.looked(path, seq);
        } else {
            slot.sent = Some(seq);
            slot.state = State::Ready;
            self.ready.insert(slot.key(), path.clone());
        }
    }

    fn succeeded(&mut self) {
        self.successes += 1;
        self.pause = None;
    }

    /// The write of this number was not sent.
    pub(crate) fn failed(&mut self, path: &Path, seq: u64, failure: Failure, now: u64) {
        let Some(slot) = self.slots.get_mut(path) else { return };
        self.sending -= usize::from(matches!(slot.state, State::Sending(_)));
        let urged = ![State::Sending(self.round), State::Looking(self.round)].contains(&slot.state);
        let (aways, seen) = slot.aways;
        slot.state = State::Ready;
        // Whoever gave it up, we or the client of the remote: a request that is not answered may still be done.
        if let Failure::Away(_) | Failure::Late(_) = failure {
            self.late.add(path, seq, now);
        }
        match failure {
            // The others are sent: it is not the remote that is away.
            Failure::Away(error) if aways > 0 && self.successes > seen && !urged => {
                self.pause = None;
                slot.rest(error, now);
            }
            Failure::Away(error) => {
                let tries = self.pause.map_or(0, |pause| pause.tries) + 1;
                slot.aways = (aways + 1, self.successes);
                self.pause = Some(match urged {
                    true => Pause { until: now, tries: 1 },
                    false => Pause { until: later(now, PAUSE, tries), tries },
                });
                self.away += u64::from(!urged);
                self.last_away = Some(error);
            }
            // A newer one may be wanted.
            Failure::Refused(_) | Failure::Late(_) if slot.seq != seq || urged => self.pause = None,
            Failure::Refused(error) | Failure::Late(error) => {
                self.pause = None;
                slot.rest(error, now);
            }
        }
        match slot.state {
            State::Resting(until) => _ = self.resting.insert((until, slot.place), path.clone()),
            State::Ready | State::Sending(_) | State::Looking(_) => {
                _ = self.ready.insert(slot.key(), path.clone());
            }
        }
    }

    /// Someone waits for these, or for all: they are tried without a pause.
    pub(crate) fn urge(&mut self, path: Option<&Path>) {
        // Who waits hears of failures from now on.
        self.round += 1;
        match path {
            None => self.slots.values_mut().for_each(|slot| slot.refused = None),
            Some(path) => self.slots.get_mut(path).into_iter().for_each(|slot| slot.refused = None),
        }
        self.pause = self.pause.map(|pause| Pause { until: 0, ..pause });
        let urged = self.resting.iter().filter(|(_, p)| path.is_none_or(|path| path == *p));
        let urged = Vec::from_iter(urged.map(|(key, path)| (*key, path.clone())));
        for (key, path) in urged {
            self.resting.remove(&key);
            if let Some(slot) = self.slots.get_mut(&path) {
                slot.state = State::Ready;
                self.ready.insert(slot.key(), path);
            }
        }
    }

    /// How far the write of this number has come: one that was replaced is sent when its successor is.
    pub(crate) fn progress(&self, path: &Path, seq: u64) -> Progress {
        match self.slots.get(path) {
            None => Progress::Sent,
            Some(slot) if slot.seq < seq => Progress::Sent,
            Some(slot) if slot.sent.is_some_and(|sent| sent >= seq) => match slot.seq == seq {
                true => Progress::Arrived,
                false => Progress::Sent,
            },
            Some(Slot { refused: Some(error), .. }) => Progress::Refused(error.clone()),
            Some(_) => Progress::Waits,
        }
    }

    /// How often the remote was away, and what it said last.
    pub(crate) fn away(&self) -> (u64, Option<&Arc<Error>>) {
        (self.away, self.last_away.as_ref())
    }

    /// Why nothing is sent at the moment.
    pub(crate) fn trouble(&self) -> Option<&Arc<Error>> {
        self.pause.and(self.last_away.as_ref())
    }

    pub(crate) fn get(&self, path: &Path) -> Option<Waiting> {
        self.slots.get(path).map(|slot| waiting(path, slot))
    }

    pub(crate) fn is_deleted(&self, path: &Path) -> bool {
        self.slots.get(path).is_some_and(|slot| *slot.op == Op::Delete)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of the objects that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Waiting> {
        self.slots.iter().map(|(path, slot)| waiting(path, slot))
    }
}

impl Slot {
    fn key(&self) -> (u32, u64) {
        (self.aways.0, self.place)
    }

    /// It alone is not sent for a while.
    fn rest(&mut self, error: Arc<Error>, now: u64) {
        self.refusals += 1;
        self.refused = Some(error);
        self.state = State::Resting(later(now, REST, self.refusals));
    }
}

fn waiting(path: &Path, slot: &Slot) -> Waiting {
    Waiting {
        path: path.clone(),
        seq: slot.seq,
        op: slot.op.clone(),
        since: slot.since,
        refused: slot.refused.clone(),
    }
}

fn bytes(op: &Op) -> u64 {
    match op {
        Op::Put(unsent) => unsent.object.size,
        Op::Delete => 0,
    }
}

/// Twice as long each time.
fn later(now: u64, (first, longest): (Duration, Duration), tries: u32) -> u64 {
    let times = 1_u32 << tries.saturating_sub(1).min(20);
    let pause = first.saturating_mul(times).min(longest);
    now.saturating_add(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
