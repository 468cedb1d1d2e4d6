//! A reader: for each next byte the fetch that has it, or the local chunk, or the remote.

use super::chunk::{self, Lack};
use super::direct::Direct;
use super::served::ServedFrom;
use crate::fetch::{self, Begin, Live, Seat, Version, again, changed, is_changed, lies, own};
use crate::index::Chunks;
use crate::object::Standing;
use crate::runtime;
use crate::store::Inner;
use crate::write::Delivered;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// A chunk that comes and goes so often is read from the remote directly.
const ROUNDS: u32 = 3;

/// Reads a range of one version. Between two calls of `next` it holds no bytes.
#[derive(Debug)]
pub(crate) struct Reader {
    inner: Arc<Inner>,
    version: Arc<Version>,
    rest: Range<u64>,
    /// What lay in local when it was looked last.
    present: Chunks,
    seat: Option<Seat>,
    /// Chunks below this were fetched for this reader already: who finds them neither in flight nor in local goes
    /// to the remote himself. Else a copy that cannot be kept would be fetched again for each of its chunks.
    promised: u32,
    direct: Option<Direct>,
    /// Of what waits for the remote: what that has when it was sent.
    delivered: Option<Arc<Delivered>>,
    /// The first chunk, if it was read already.
    pub(crate) at_hand: Option<Bytes>,
    /// Where the first bytes came from.
    from: Option<ServedFrom>,
    /// A chunk that should be in local was not.
    pub(crate) has_lost: bool,
}

impl Reader {
    pub(crate) fn new(
        inner: &Arc<Inner>,
        version: &Arc<Version>,
        rest: Range<u64>,
        present: Chunks,
    ) -> Self {
        let back = inner.writes.as_ref().filter(|_| version.is_unsent);
        let delivered = back.zip(version.copy).map(|(back, copy)| back.read(copy));
        Reader {
            inner: inner.clone(),
            version: version.clone(),
            delivered,
            rest,
            present,
            seat: None,
            promised: 0,
            direct: None,
            at_hand: None,
            from: None,
            has_lost: false,
        }
    }

    /// Takes part in what is being fetched; `fetched` was, or is, or will be.
    pub(crate) fn at(mut self, live: Arc<Live>, fetched: &Range<u32>) -> Self {
        let first = self.chunks().start;
        let before = if fetched.contains(&first) { fetched.end } else { 0 };
        self.promised = live.promise(first).max(before);
        self.seat = Some(Seat::new(live, self.chunks()));
        self
    }

    /// Whether all of it lies in local.
    pub(crate) fn has_all(&self) -> bool {
        self.chunks().all(|chunk| self.present.contains(chunk))
    }

    pub(crate) fn from(&self) -> ServedFrom {
        self.from.unwrap_or(ServedFrom::Local)
    }

    /// Where all of it comes from, to be asked after the first bytes: what lies in local in part is no copy of the rest.
    pub(crate) fn source(&self) -> ServedFrom {
        // Without an index nobody knows what else there is.
        if self.from() != ServedFrom::Local || self.inner.has_no_index() {
            return self.from();
        }
        let comes = |chunk| self.seat.as_ref().is_some_and(|seat| seat.live.promise(chunk) > chunk);
        match self.missing() {
            None => ServedFrom::Local,
            Some(chunk) if comes(chunk) => ServedFrom::Flight,
            Some(_) => ServedFrom::Remote,
        }
    }

    /// The rest as a stream. `first` was read already.
    pub(crate) fn stream(self, first: Option<Bytes>) -> BoxStream<'static, Result<Bytes>> {
        let rest = stream::unfold(Some(self), |reader| async move {
            let mut reader = reader?;
            match reader.next().await {
                Ok(piece) => piece.map(|piece| (Ok(piece), Some(reader))),
                Err(error) => Some((Err(error), None)),
            }
        });
        // Who asks once more after the end gets the end once more.
        stream::iter(first.map(Ok)).chain(rest).fuse().boxed()
    }

    /// The next bytes. `None`: that was all.
    ///
    /// # Errors
    /// The remote's. A precondition: it has another version now.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (mut piece, from) = match self.piece().await {
            Ok(found) => found,
            Err(error) => {
                self.give_up(&error).await;
                return Err(error);
            }
        };
        let most = self.rest.end - self.rest.start;
        piece.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        self.rest.start += piece.len() as u64;
        self.from.get_or_insert(from);
        if self.rest.is_empty() {
            self.seat = None;
            self.direct = None;
        }
        Ok(Some(piece))
    }

    /// The remote has another version: this copy will never be complete.
    async fn give_up(&mut self, error: &Error) {
        self.rest.start = self.rest.end;
        (self.seat, self.direct) = (None, None);
        if let Some(copy) = self.version.copy.filter(|_| is_changed(error)) {
            let victims = self.inner.index.abandon(copy);
            let inner = self.inner.clone();
            runtime::handle().spawn(async move { inner.remove(victims).await });
        }
    }

    fn chunks(&self) -> Range<u32> {
        self.version.cut().chunks_of(&self.rest)
    }

    async fn piece(&mut self) -> Result<(Bytes, ServedFrom)> {
        let chunk = self.chunks().start;
        for _ in 0..ROUNDS {
            if self.direct.is_some() {
                break;
            }
            if let Some(seat) = &self.seat
                && let Some(piece) = seat.take(self.rest.start).await.map_err(|why| again(&why))?
            {
                return Ok((piece, self.arrived()));
            }
            if let Some(piece) = self.local(chunk).await? {
                return Ok((piece, ServedFrom::Local));
            }
            if self.direct.is_none() {
                self.fetch(chunk);
            }
        }
        self.directly().await.map(|piece| (piece, ServedFrom::Remote))
    }

    /// Where a piece of a flight came from: if all that is wanted had arrived before, the remote is not in it any more.
    fn arrived(&self) -> ServedFrom {
        match self.from.is_none() && self.missing().is_none() {
            true => ServedFrom::Local,
            false => ServedFrom::Flight,
        }
    }

    /// The first chunk of the rest that neither lies in local nor has arrived.
    fn missing(&self) -> Option<u32> {
        if self.rest.is_empty() || self.has_all() {
            return None;
        }
        let mut wanted = self.chunks();
        // In this order: a chunk lies in local before it is let go.
        let held = self.seat.as_ref().map(|seat| seat.live.held_of(&wanted)).unwrap_or_default();
        let present = self.version.copy.and_then(|copy| self.inner.index.chunks(copy));
        let lies = |chunk| present.as_ref().is_some_and(|present| present.contains(chunk));
        wanted.find(|chunk| !held.contains(chunk) && !lies(*chunk))
    }

    /// What local has of the chunk.
    async fn local(&mut self, chunk: u32) -> Result<Option<Bytes>> {
        if self.inner.has_no_index() {
            return self.present(chunk).await;
        }
        if !self.present.contains(chunk) {
            let copy = self.version.copy;
            match copy.and_then(|copy| self.inner.index.chunks(copy)) {
                Some(chunks) => self.present = chunks,
                // The copy has left: there is nobody who would keep a chunk.
                None => return self.nowhere().map(|()| None),
            }
        }
        if !self.present.contains(chunk) {
            // What waits for the remote is nowhere else.
            return if self.version.is_unsent { self.nowhere().map(|()| None) } else { Ok(None) };
        }
        let known = (self.present.is_checked(chunk), self.present.bytes_of(chunk));
        let read = chunk::read(&self.inner, &self.version, self.rest.clone(), known);
        match read.await {
            Ok(piece) => {
                self.inner.stats.bytes_local.add(piece.len() as u64);
                return Ok(Some(piece));
            }
            Err(lack) => {
                self.present = Chunks::none();
                self.has_lost = true;
                if lack == Lack::Trouble || self.version.is_unsent {
                    self.nowhere()?;
                } else {
                    let others = chunk + 1..self.chunks().end;
                    chunk::survey(&self.inner, &self.version, others).await;
                }
            }
        }
        Ok(None)
    }

    /// The same without an index: only local knows.
    async fn present(&mut self, chunk: u32) -> Result<Option<Bytes>> {
        if let Some(first) = self.at_hand.take().filter(|_| chunk == 0) {
            return Ok(Some(first.slice(self.rest.start as usize..)));
        }
        let read = chunk::read(&self.inner, &self.version, self.rest.clone(), (false, None));
        match read.await {
            Ok(piece) => {
                self.inner.stats.bytes_local.add(piece.len() as u64);
                Ok(Some(piece))
            }
            // The copy has left: there is nobody who would keep a chunk.
            Err(_) if lies_nowhere(&self.inner, &self.version) => self.nowhere().map(|()| None),
            Err(_) => Ok(None),
        }
    }

    /// Local is of no use any more.
    fn nowhere(&mut self) -> Result<()> {
        if let Some(object) = self.delivered.as_ref().and_then(|delivered| delivered.get()) {
            let (object, version) = (object.clone(), &*self.version);
            let Version { chunk_size, fetched, .. } = *version;
            let version = Version { object, copy: None, chunk_size, fetched, is_unsent: false };
            (self.version, self.delivered) = (Arc::new(version), None);
        }
        if self.version.is_unsent {
            let path = &self.version.object.path;
            let found = self.inner.index.look(path);
            let waits = found.is_some_and(|found| {
                Some(found.copy) == self.version.copy && found.standing == Standing::Unsent
            });
            if !waits {
                return Err(changed(path));
            }
            return Err(own(format!(
                "{path} waits to be written to the remote, and its local copy cannot be read"
            )));
        }
        self.go_direct();
        Ok(())
    }

    /// Begins to fetch what is missing, or finds that others do.
    fn fetch(&mut self, chunk: u32) {
        let wanted = self.chunks();
        let live = match &self.seat {
            Some(seat) => seat.live.clone(),
            None => self.inner.flights.live_of(&self.version),
        };
        if chunk < self.promised || live.is_broken() {
            return self.go_direct();
        }
        if self.seat.is_none() {
            self.seat = Some(Seat::new(live.clone(), wanted.clone()));
        }
        let copy = self.version.copy;
        let present = |chunk| lies(&self.inner.index, copy, chunk);
        match live.begin(chunk, wanted.end, present) {
            Begin::Run(id, chunks) => {
                self.promised = chunks.end;
                self.from.get_or_insert(ServedFrom::Remote);
                fetch::start(&self.inner, &live, id, chunks);
            }
            Begin::There => self.promised = self.promised.max(live.promise(chunk)),
        }
    }

    fn go_direct(&mut self) {
        self.seat = None;
        self.direct = Some(Direct::new(&self.inner, &self.version, self.rest.clone()));
    }

    async fn directly(&mut self) -> Result<Bytes> {
        if self.direct.is_none() {
            self.go_direct();
        }
        let Some(direct) = &mut self.direct else { return Err(changed(&self.version.object.path)) };
        match direct.next().await {
            Some(piece) => piece,
            None => Err(own("the remote's answer ended before its time")),
        }
    }
}

/// Whether nothing more will come into local of this version.
fn lies_nowhere(inner: &Inner, version: &Version) -> bool {
    version.copy.is_none_or(|copy| inner.index.chunks(copy).is_none())
}
