//! The copies of a namespace's generation: which of them counts, and which lag behind.

use super::client::Link;
use super::space::random;
use crate::server::{Claim, Put, Server, When};
use bytes::Bytes;
use cache_core::{Clock, Error, Result};

/// Generations begin with the milliseconds since 1970, and end in so many bits of chance.
const CHANCE: u32 = 22;
/// The last millisecond that is told, 70 years after 1970; beyond it generations only count up.
const LAST: u128 = (1 << 41) - 1;
/// A younger one must always be possible.
const YOUNGEST: u64 = u64::MAX - (1 << 40);

/// A generation that is younger than this one, and that no other process comes to.
pub(super) fn after(generation: u64, clock: &Clock) -> u64 {
    let now = u64::try_from(clock.unix().as_millis().min(LAST)).unwrap_or(0) << CHANCE;
    let chance = random(clock) >> 33;
    now.max(generation).saturating_add(1 + chance)
}

fn read(bytes: &Bytes) -> Option<u64> {
    let digits = std::str::from_utf8(bytes).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(digits, 16).ok().filter(|generation| *generation <= YOUNGEST)
}

/// What the server says of each copy.
#[derive(Debug)]
pub(super) struct Copies(Vec<Copy>);

#[derive(Debug)]
struct Copy {
    name: String,
    held: Result<Held>,
}

/// What lies there: its token, and the generation if it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    token: Option<u64>,
    generation: Option<u64>,
}

impl Copies {
    /// Asks for all of them at once. An error if none was to be had.
    pub(super) async fn read<S: Server>(link: &Link<S>, name: &str) -> Result<Self> {
        let names = link.server.copies(name).await;
        let mut answers = link.server.get_many(&names, Claim::Nothing).await.into_iter();
        let copy = |name| {
            let answer = answers.next().unwrap_or_else(|| Err(link.silent()));
            let held = answer.map(|answer| Held {
                token: answer.stored.as_ref().map(|stored| stored.token),
                generation: answer.stored.and_then(|stored| read(&stored.bytes)),
            });
            Copy { name, held }
        };
        let copies = Copies(names.into_iter().map(copy).collect());
        match copies.0.iter().any(|copy| copy.held.is_ok()) {
            true => Ok(copies),
            false => Err(copies.fault().unwrap_or_else(|| link.silent())),
        }
    }

    /// Why one of them could not be had.
    pub(super) fn fault(&self) -> Option<Error> {
        self.0.iter().find_map(|copy| copy.held.clone().err())
    }

    /// The youngest of those that were to be had.
    pub(super) fn youngest(&self) -> Option<u64> {
        self.0.iter().filter_map(|copy| copy.held.as_ref().ok()?.generation).max()
    }

    /// Writes a generation over every copy that can be reached and has another one; false if somebody
    /// else has changed one since it was read.
    pub(super) async fn repair<S: Server>(&self, link: &Link<S>, generation: u64) -> Result<bool> {
        let lags =
            |copy: &&Copy| copy.held.as_ref().is_ok_and(|held| held.generation != Some(generation));
        let unchanged = |copy| put(copy, generation, unchanged(copy, When::Absent));
        let puts: Vec<Put> = self.0.iter().filter(lags).map(unchanged).collect();
        let reached = self.0.iter().filter(|copy| copy.held.is_ok()).count();
        // One that has it is enough; the others are tried again with the next question.
        let (count, safe) = (puts.len(), reached > puts.len());
        if count == 0 {
            return Ok(true);
        }
        let answers = link.server.put_many(puts).await;
        if answers.len() < count || answers.iter().any(|answer| matches!(answer, Ok(false))) {
            return Ok(false);
        }
        match answers.iter().any(Result::is_ok) || safe {
            true => Ok(true),
            false => {
                Err(answers.into_iter().find_map(Result::err).unwrap_or_else(|| link.silent()))
            }
        }
    }

    /// Writes a generation over all copies that are still what was read, and over those that could not be; false if somebody
    /// else has changed them all. An error if none has answered.
    ///
    /// Those that cannot be reached lag behind, and lose against one that has it.
    pub(super) async fn exchange<S: Server>(
        &self,
        link: &Link<S>,
        generation: u64,
    ) -> Result<bool> {
        let puts = self.0.iter().map(|copy| put(copy, generation, unchanged(copy, When::Always)));
        let answers = link.server.put_many(puts.collect()).await;
        match answers.iter().any(Result::is_ok) {
            true => Ok(answers.iter().any(|answer| matches!(answer, Ok(true)))),
            false => {
                Err(answers.into_iter().find_map(Result::err).unwrap_or_else(|| link.silent()))
            }
        }
    }
}

/// That a copy is as it was read; `unknown` if it was not.
fn unchanged(copy: &Copy, unknown: When) -> When {
    let condition = |held: &Held| held.token.map_or(When::Absent, When::Token);
    copy.held.as_ref().map_or(unknown, condition)
}

fn put(copy: &Copy, generation: u64, when: When) -> Put {
    let bytes = Bytes::from(format!("{generation:016x}"));
    Put { key: copy.name.clone(), bytes, keep: None, when }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_core::ManualClock;
    use std::time::Duration;

    #[test]
    fn each_is_younger_than_the_one_before_whatever_the_clock_says() {
        let time = ManualClock::new();
        let mut last = 0;
        for step in 0..1000 {
            let next = after(last, &time.clock());
            assert!(next > last);
            last = next;
            if step % 2 == 0 {
                time.advance(Duration::from_secs(step));
            }
        }
        // Drawn at random by an earlier version.
        let random = 0xfedc_ba98_7654_3210;
        assert!(after(random, &time.clock()) > random);
        time.advance(Duration::from_secs(1000 * 365 * 86_400));
        assert!(after(last, &time.clock()) > last);
    }

    #[test]
    fn later_ones_of_two_processes_are_younger() {
        let time = ManualClock::new();
        let early = after(0, &time.clock());
        // Chance goes no further than this.
        time.advance(Duration::from_millis(513));
        assert!(after(0, &time.clock()) > early);
    }

    #[test]
    fn what_is_no_generation_or_leaves_none_younger_is_not_read() {
        let read = |text: &str| super::read(&Bytes::copy_from_slice(text.as_bytes()));
        assert_eq!(read("00000000000000ff"), Some(255));
        for wrong in ["", "ff", "00000000000000fg", "00000000000000ff0", "ffffffffffffffff"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
