//! Which version of an object a read is about, and who says so.

use super::reader::Reader;
use super::served::{Refresh, Served, ServedFrom};
use crate::fetch::{Failure, Join, Live, Outcome, Request, Seat, Version, again, is_away, open};
use crate::index::{Chunks, Found};
use crate::layout::Cut;
use crate::object::Standing;
use crate::presence;
use crate::store::Inner;
use bytes::Bytes;
use cache_core::Reason;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, Result};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A version, and where its bytes are.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) version: Arc<Version>,
    present: Chunks,
    live: Option<(Arc<Live>, Arc<Seat>)>,
    /// Where it came from, if not from the first chunk that is read.
    from: ServedFrom,
    age: Option<Duration>,
    /// Why the remote had to be asked, if it was.
    pub(crate) asked: Option<Reason>,
    /// The first chunk, if it was read already.
    at_hand: Option<Bytes>,
}

/// What is known of a path before the remote is asked.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) found: Option<Found>,
    /// Its first chunk, where that had to be read to know.
    at_hand: Option<Bytes>,
}

impl Known {
    /// Counts as a use. Without an index local is asked.
    pub(crate) async fn of(inner: &Arc<Inner>, path: &Path, options: &GetOptions) -> Self {
        if !inner.has_no_index() {
            return Known { found: inner.index.find(path), at_hand: None };
        }
        let begins = match &options.range {
            Some(GetRange::Bounded(range)) => range.start < u64::from(inner.options.chunk),
            Some(GetRange::Offset(start)) => *start < u64::from(inner.options.chunk),
            Some(GetRange::Suffix(_)) => false,
            None => true,
        };
        match presence::find(inner, path, begins && !options.head).await {
            Some((found, at_hand)) => Known { found: Some(found), at_hand },
            None => Known::default(),
        }
    }
}

/// How a read goes on.
#[derive(Debug)]
pub(crate) enum Resolve {
    Found(Resolved),
    /// The remote alone can answer.
    Pass,
}

impl Resolved {
    /// A copy.
    fn copy(found: Found, from: ServedFrom, asked: Option<Reason>) -> Self {
        let Found { object, copy, chunk_size, fetched, age, standing, present } = found;
        let is_unsent = standing == Standing::Unsent;
        let age = (!is_unsent).then_some(age);
        let version = Version { object, copy: Some(copy), chunk_size, fetched, is_unsent };
        let version = Arc::new(version);
        Resolved { version, present, live: None, from, age, asked, at_hand: None }
    }

    /// A version that is being fetched.
    fn opened(live: Arc<Live>, seat: Arc<Seat>, from: ServedFrom, asked: Option<Reason>) -> Self {
        Resolved {
            version: live.version.clone(),
            present: Chunks::none(),
            live: Some((live, seat)),
            from,
            age: Some(Duration::ZERO),
            asked,
            at_hand: None,
        }
    }

    pub(crate) fn reader(&self, inner: &Arc<Inner>, bytes: Range<u64>) -> Reader {
        let mut reader = Reader::new(inner, &self.version, bytes, self.present.clone());
        reader.at_hand = self.at_hand.clone();
        match (&self.live, self.version.copy) {
            (Some((live, seat)), _) => reader.at(live.clone(), &seat.wanted),
            // What others fetch of it goes on for this reader, too.
            (None, Some(copy)) if self.at_hand.is_none() && !reader.has_all() => {
                match inner.flights.live(copy) {
                    Some(live) => reader.at(live, &(0..0)),
                    None => reader,
                }
            }
            (None, _) => reader,
        }
    }

    /// Whether its bytes are to be looked for in local.
    pub(crate) fn is_copy(&self) -> bool {
        self.live.is_none()
    }

    /// `first` is where the first bytes came from, if they were read already.
    pub(crate) fn served(&self, first: Option<ServedFrom>) -> Served {
        let from = match (self.from, first) {
            (ServedFrom::Local, Some(first)) => first,
            (from, _) => from,
        };
        Served::new(from, self.age)
    }
}

/// The version that a read is about. Preconditions are the caller's, but if the copy fails them, it is not believed.
pub(crate) async fn resolve(
    inner: &Arc<Inner>,
    path: &Path,
    options: &GetOptions,
    known: Known,
) -> Result<Resolve> {
    let Known { found, at_hand } = known;
    let refresh = options.extensions.get::<Refresh>().is_some();
    let reason = match &found {
        None => Reason::Never,
        Some(found) => match (found.standing, check(found, options)) {
            (Standing::Unsent, _) => return copy(found.clone(), None),
            (Standing::Fresh, false) if !refresh => {
                if let Some(resolved) = opening(inner, found).await {
                    return Ok(Resolve::Found(resolved));
                }
                let mut copy = Resolved::copy(found.clone(), ServedFrom::Local, None);
                copy.at_hand = at_hand;
                return Ok(Resolve::Found(copy));
            }
            (Standing::Fresh | Standing::Due, _) => Reason::Expired,
            (Standing::Doubtful, _) => Reason::Invalidated,
        },
    };
    // Who knows of another version than a fresh copy is wants to hear the remote.
    let doubts = found.as_ref().is_some_and(|found| found.standing == Standing::Fresh);
    let join = if refresh || doubts { Join::New } else { Join::Any };
    ask(inner, path, options.range.clone(), found, join, reason).await
}

/// A copy that has come into the index a moment ago, and whose first run has not begun yet: a run of our own would be
/// a second request.
async fn opening(inner: &Inner, found: &Found) -> Option<Resolved> {
    let count = Cut::new(found.object.size, found.chunk_size).count();
    if count.is_some_and(|count| found.present.len() == u64::from(count)) {
        return None;
    }
    match inner.flights.follow(&inner.index, &found.object.path)?.await {
        Ok(Outcome::Opened(live, seat)) => {
            inner.stats.joined.add(1);
            Some(Resolved::opened(live, seat, ServedFrom::Flight, None))
        }
        Ok(Outcome::Renewed(_) | Outcome::Odd | Outcome::Failed(_)) | Err(_) => None,
    }
}

fn copy(found: Found, asked: Option<Reason>) -> Result<Resolve> {
    Ok(Resolve::Found(Resolved::copy(found, ServedFrom::Local, asked)))
}

/// Whether the reader knows of another version than the copy is.
fn check(found: &Found, options: &GetOptions) -> bool {
    let checked = options.check_preconditions(&found.object.meta());
    matches!(checked, Err(Error::Precondition { .. }))
}

async fn ask(
    inner: &Arc<Inner>,
    path: &Path,
    range: Option<GetRange>,
    found: Option<Found>,
    join: Join,
    reason: Reason,
) -> Result<Resolve> {
    // Without a tag nobody can say whether it has changed.
    let known = found.clone().filter(|found| found.object.e_tag.is_some());
    let request = Request { path: path.clone(), range, known, join };
    let (outcome, leads) = open(inner, request).await;
    match outcome {
        Outcome::Renewed(found) => copy(Found::clone(&found), Some(reason)),
        Outcome::Opened(live, seat) => {
            inner.stats.miss(reason);
            let from = if leads { ServedFrom::Remote } else { ServedFrom::Flight };
            Ok(Resolve::Found(Resolved::opened(live, seat, from, Some(reason))))
        }
        Outcome::Odd => Ok(Resolve::Pass),
        Outcome::Failed(failure) => stale(inner, found, &failure),
    }
}

/// The copy past its TTL, if the remote is away and that is allowed; else the failure.
fn stale(inner: &Inner, found: Option<Found>, failure: &Failure) -> Result<Resolve> {
    match found.filter(|found| is_away(failure) && may_stand_in(inner, found)) {
        Some(found) => {
            inner.told_stale(&found.object.path, failure);
            let reason = Some(Reason::Unreachable);
            Ok(Resolve::Found(Resolved::copy(found, ServedFrom::Stale, reason)))
        }
        None => Err(again(failure)),
    }
}

/// Whether `stale_if_error` allows a copy of this age.
pub(super) fn may_stand_in(inner: &Inner, found: &Found) -> bool {
    let limits = inner.index.limits();
    limits
        .grace
        .is_some_and(|past| limits.ttl.is_none_or(|ttl| found.age < ttl.saturating_add(past)))
}
