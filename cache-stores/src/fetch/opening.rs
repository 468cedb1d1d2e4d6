//! Asking the remote which version of an object there is, and beginning to fetch it.

use super::failure::{Failure, is_away, own};
use super::live::{Live, Seat, Version};
use super::run::{self, Body};
use super::state::RunId;
use super::{Begin, Fetch, Flights, Join, Leader, heads};
use crate::footer::Footer;
use crate::index::{Admitted, Found};
use crate::layout::Cut;
use crate::object::{Object, Standing};
use crate::runtime;
use crate::store::Inner;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, GetResult, ObjectStore};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is to be asked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: Path,
    /// What the first reader wants of it.
    pub(crate) range: Option<GetRange>,
    /// What is known already: if it has not changed, nothing is transferred.
    pub(crate) known: Option<Found>,
    pub(crate) join: Join,
}

/// What the remote said.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// The copy is what the remote has.
    Renewed(Arc<Found>),
    /// A version that was not known. The seat keeps its first run going until the readers sit.
    Opened(Arc<Live>, Arc<Seat>),
    /// It is larger than can be cut into chunks, or has what cannot be written down.
    Odd,
    Failed(Failure),
}

/// Asks the remote, together with all who ask for the same path now. Whether this was the first.
pub(crate) async fn open(inner: &Arc<Inner>, request: Request) -> (Outcome, bool) {
    let (follow, leader) = Flights::join(inner, &request.path, request.join);
    let leads = leader.is_some();
    match leader {
        // Between the reader's look at the index and now, another opening has come to its end.
        Some(leader) if let Some(found) = news(inner, &request) => {
            inner.stats.joined.add(1);
            leader.done(Outcome::Renewed(Arc::new(found)));
        }
        Some(leader) => drop(runtime::handle().spawn(lead(leader, request))),
        None => inner.stats.joined.add(1),
    }
    let given_up = || Outcome::Failed(Arc::new(own("the fetch ended without an answer")));
    (follow.await.unwrap_or_else(|_| given_up()), leads)
}

fn news(inner: &Inner, request: &Request) -> Option<Found> {
    meanwhile(inner, &request.path, request.known.as_ref(), request.join)
}

/// The copy that is believed now, and was not when the reader looked.
pub(super) fn meanwhile(
    inner: &Inner,
    path: &Path,
    known: Option<&Found>,
    join: Join,
) -> Option<Found> {
    if join == Join::New || inner.has_no_index() {
        return None;
    }
    let found = inner.index.look(path)?;
    let is_news =
        known.is_none_or(|known| (known.copy, known.fetched) != (found.copy, found.fetched));
    (is_news && found.standing == Standing::Fresh).then_some(found)
}

async fn lead(leader: Leader, request: Request) {
    let inner = leader.inner.clone();
    let (outcome, begun) = ask(&inner, &leader, &request).await;
    if let Outcome::Odd = outcome {
        // It is another version than that of the copy, and cannot take its place.
        gone(&inner, &leader).await;
    }
    leader.done(outcome);
    if let Some((live, id, body)) = begun {
        run::drive(inner, live, id, body).await;
    }
}

/// A run whose bytes are coming.
type Begun = Option<(Arc<Live>, RunId, Body)>;

async fn ask(inner: &Arc<Inner>, leader: &Leader, request: &Request) -> (Outcome, Begun) {
    // After the ticket: what is deleted later fences it.
    if let Some(gone) = inner.deleted(&request.path) {
        return (Outcome::Failed(Arc::new(gone)), None);
    }
    let options = options(request, inner.options.chunk);
    let ranged = options.range.is_some();
    let began = Instant::now();
    inner.stats.fetches.add(1);
    let fetch = Fetch::begin(inner);
    let answer = fetch.around(inner.remote.get_opts(&request.path, options)).await;
    inner.stats.fetched(began);
    let error = match answer {
        Ok(result) => return opened(inner, leader, request, (result, fetch)),
        Err(error) => error,
    };
    fetch.fail(&error);
    match error {
        Error::NotModified { .. } if request.known.is_some() => {
            (renewed(inner, leader, request).await, None)
        }
        error if ranged && is_away(&error) => (probe(inner, leader, request, error).await, None),
        error => (failed(inner, leader, error).await, None),
    }
}

/// Whole chunks around what is wanted. What is wanted from the end is not known before the size is.
fn options(request: &Request, chunk: u32) -> GetOptions {
    let tag = request.known.as_ref().and_then(|known| known.object.e_tag.clone());
    let options = GetOptions::new().with_if_none_match(tag);
    let chunk = u64::from(chunk);
    match &request.range {
        None => options,
        Some(GetRange::Suffix(_)) => options.with_head(true),
        Some(GetRange::Offset(start)) => match start - start % chunk {
            0 => options,
            start => options.with_range(Some(GetRange::Offset(start))),
        },
        Some(GetRange::Bounded(range)) => {
            let end = range.end.checked_next_multiple_of(chunk).unwrap_or(u64::MAX);
            options.with_range(Some(range.start - range.start % chunk..end))
        }
    }
}

async fn renewed(inner: &Arc<Inner>, leader: &Leader, request: &Request) -> Outcome {
    let asked = request.known.as_ref();
    let kept = asked.is_some_and(|known| inner.index.renew(&leader.ticket, known.copy));
    if !kept {
        // If it was fenced, a write is under way: this read was before it. Else another copy has come in, by an answer
        // that is older than this one.
        inner.remove(inner.index.gone(&leader.ticket)).await;
    }
    let known = if kept { inner.index.look(&request.path) } else { None };
    match known.or_else(|| request.known.clone()) {
        Some(known) => {
            inner.stats.renewed.add(1);
            Outcome::Renewed(Arc::new(Found { age: Duration::ZERO, ..known }))
        }
        None => Outcome::Failed(Arc::new(own("not modified, but nothing is known of it"))),
    }
}

async fn failed(inner: &Arc<Inner>, leader: &Leader, error: Error) -> Outcome {
    match &error {
        Error::NotFound { .. } => gone(inner, leader).await,
        _ => inner.stats.remote_errors.add(1),
    }
    Outcome::Failed(Arc::new(error))
}

/// What the copy is of, the remote does not have any more.
async fn gone(inner: &Inner, leader: &Leader) {
    let victims = inner.index.gone(&leader.ticket);
    inner.remove(victims).await;
    if inner.index.serves(&leader.ticket) {
        inner.absent(leader.ticket.path()).await;
    }
}

/// A range may be refused since the object is shorter: that is no failure for those who want another one.
async fn probe(inner: &Arc<Inner>, leader: &Leader, request: &Request, error: Error) -> Outcome {
    let head = heads::ask(inner, &request.path).await;
    let fits = |size| request.range.as_ref().is_none_or(|range| range.as_range(size).is_ok());
    match head {
        Ok(result) if !fits(result.meta.size) => {
            let object = Object::new(result.meta, result.attributes);
            begin(inner, leader, object, None).0
        }
        Err(gone @ Error::NotFound { .. }) => failed(inner, leader, gone).await,
        Ok(_) | Err(_) => failed(inner, leader, error).await,
    }
}

fn opened(
    inner: &Arc<Inner>,
    leader: &Leader,
    request: &Request,
    (result, fetch): (GetResult, Fetch),
) -> (Outcome, Begun) {
    let is_head = matches!(request.range, Some(GetRange::Suffix(_)));
    let GetResult { payload, meta, range, attributes, .. } = result;
    let object = Object { path: request.path.clone(), ..Object::new(meta, attributes) };
    let body = if is_head {
        fetch.end("head");
        None
    } else {
        let body = fetch.over(run::body_of(payload, range.clone()), &range);
        Some((range, body))
    };
    begin(inner, leader, object, body)
}

/// The version comes into the index, if it may.
fn begin(
    inner: &Arc<Inner>,
    leader: &Leader,
    object: Object,
    body: Option<(Range<u64>, Body)>,
) -> (Outcome, Begun) {
    let (chunk_size, fetched) = (inner.options.chunk, inner.index.now());
    let cut = Cut::new(object.size, chunk_size);
    let Some(count) = cut.count().filter(|_| Footer::can_hold(&object)) else {
        return (Outcome::Odd, None);
    };
    let copy = match inner.index.admit(&leader.ticket, &object, chunk_size, fetched) {
        Admitted::New { copy, victims } => {
            let inner = inner.clone();
            runtime::handle().spawn(async move { inner.remove(victims).await });
            Some(copy)
        }
        // Nobody knows what lies in local: it is laid anew.
        Admitted::Same { copy } if inner.has_no_index() => Some(copy),
        Admitted::Same { .. } => match inner.index.look(&object.path) {
            Some(found) => {
                inner.stats.renewed.add(1);
                return (Outcome::Renewed(Arc::new(found)), None);
            }
            None => None,
        },
        Admitted::Fenced => None,
    };
    let version = Version { object, copy, chunk_size, fetched, is_unsent: false };
    let live = inner.flights.live_of(&Arc::new(version));
    let chunks = body.as_ref().and_then(|(range, _)| whole(cut, count, range)).unwrap_or(0..0);
    let seat = Arc::new(Seat::new(live.clone(), chunks.clone()));
    let body = body.filter(|_| !chunks.is_empty());
    let begun = body.and_then(|(_, body)| {
        match live.begin(chunks.start, chunks.end, |_| false) {
            Begin::Run(id, _) => Some((live.clone(), id, body)),
            // Of a copy that is new nothing is there.
            Begin::There => None,
        }
    });
    (Outcome::Opened(live, seat), begun)
}

/// The chunks of which all bytes come. `None`: they do not begin with a chunk.
fn whole(cut: Cut, count: u32, bytes: &Range<u64>) -> Option<Range<u32>> {
    let chunk = u64::from(cut.chunk_size);
    let end = if bytes.end == cut.size { count } else { cut.chunk_of(bytes.end) };
    bytes.start.is_multiple_of(chunk).then(|| cut.chunk_of(bytes.start)..end)
}
