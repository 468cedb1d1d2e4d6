//! Write-back: a write is done when it lies in the local store and in the journal.

use super::journal::Journal;
use super::keep::time;
use super::overlay::Overlay;
use super::queue::{Progress, Queue, Waiting};
use super::readers::{Delivered, Readers};
use super::record::{Op, Unsent};
use crate::fetch::again;
use crate::local::{CopyOf, Laid};
use crate::object::{CopyId, Object};
use crate::store::Inner;
use cache_core::Clock;
use object_store::path::Path;
use object_store::{PutOptions, PutPayload, PutResult, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex as Queued, Notify, OwnedMutexGuard, watch};

/// The writes of a store that wait for its remote.
#[derive(Debug)]
pub(crate) struct WriteBack {
    pub(super) journal: Journal,
    pub(super) queue: Mutex<Queue>,
    pub(super) clock: Clock,
    /// For the sender: there may be something to do.
    pub(super) wake: Notify,
    /// For those who wait: something was sent, or was not.
    pub(super) changed: watch::Sender<()>,
    pub(super) closed: AtomicBool,
    turns: Mutex<HashMap<Path, Arc<Queued<()>>>>,
    pub(super) readers: Readers,
    /// The store's, and the last to go here: who closes the store also waits for what is being sent.
    _ended: watch::Sender<()>,
}

impl WriteBack {
    pub(super) fn new(journal: Journal, clock: Clock, ended: watch::Sender<()>) -> Self {
        WriteBack {
            journal,
            queue: Mutex::default(),
            clock,
            wake: Notify::new(),
            changed: watch::Sender::new(()),
            closed: AtomicBool::new(false),
            turns: Mutex::default(),
            readers: Readers::default(),
            _ended: ended,
        }
    }

    /// Takes a put. `None`: it does not fit, or the local side has trouble; then it goes through to the remote.
    pub(super) async fn put(
        self: &Arc<Self>,
        inner: &Inner,
        path: &Path,
        payload: &PutPayload,
        options: &PutOptions,
    ) -> Option<PutResult> {
        let size = payload.content_length() as u64;
        if !self.fits(inner, size) {
            return None;
        }
        let now = inner.now();
        let object = Object {
            path: path.clone(),
            size,
            e_tag: None,
            version: None,
            modified: time(now),
            attributes: options.attributes.clone(),
        };
        let chunk_size = inner.options.chunk;
        let copy = inner.index.stage(path, chunk_size);
        let of = CopyOf { copy, object: &object, chunk_size, fetched: now };
        // Without the caller's `LocalTtl`: what waits must not end before it is sent.
        if inner.lay_all(of, payload.clone(), PutOptions::default()).await != Laid::Kept {
            let victims = inner.index.abandon(copy);
            inner.remove(victims).await;
            return None;
        }
        let unsent = Unsent { object, copy, chunk_size, tags: options.tags.clone() };
        let taken = self.take_put(inner, unsent).await;
        if taken.is_none() {
            let victims = inner.index.abandon(copy);
            inner.remove(victims).await;
        }
        taken
    }

    /// Takes a copy whose chunks lie in the local store. `None`: the journal does not; the copy is still the caller's.
    pub(super) async fn take_put(
        self: &Arc<Self>,
        inner: &Inner,
        unsent: Unsent,
    ) -> Option<PutResult> {
        let (path, copy) = (unsent.object.path.clone(), unsent.copy);
        let turn = self.turn(&path).await;
        let op = Op::Put(Box::new(unsent.clone()));
        let taken = self.append(&path, &op).await;
        let victims = match &taken {
            Ok(_) => inner.index.unsent(copy, &unsent.object),
            Err(error) => {
                inner.trouble("journal", &path, error);
                None
            }
        };
        match (taken, victims) {
            (Ok(seq), Some(victims)) => {
                self.enqueue(&path, seq, op);
                inner.count_unsent();
                drop(turn);
                inner.remove(victims).await;
                Some(PutResult { e_tag: None, version: None, extensions: Default::default() })
            }
            (taken, _) => {
                if let Ok(seq) = taken {
                    // Its trouble was told.
                    let _ = self.done(inner, &path, seq).await;
                }
                None
            }
        }
    }

    /// Takes a deletion. False: the journal does not.
    pub(super) async fn delete(self: &Arc<Self>, inner: &Inner, path: &Path) -> bool {
        let turn = self.turn(path).await;
        match self.append(path, &Op::Delete).await {
            Ok(seq) => {
                // In this order: who asks the index for a ticket after it has forgotten sees the deletion.
                self.enqueue(path, seq, Op::Delete);
                inner.count_unsent();
                let victims = inner.index.forget(path);
                drop(turn);
                inner.remove(victims).await;
                true
            }
            Err(error) => {
                inner.trouble("journal", path, &error);
                false
            }
        }
    }

    async fn append(self: &Arc<Self>, path: &Path, op: &Op) -> io::Result<u64> {
        let (back, path, op) = (self.clone(), path.clone(), op.clone());
        let append = tokio::task::spawn_blocking(move || back.journal.append(&path, &op));
        append.await.map_err(io::Error::other)?
    }

    /// The remote has it, or nobody wants it.
    pub(super) async fn done(
        self: &Arc<Self>,
        inner: &Inner,
        path: &Path,
        seq: u64,
    ) -> io::Result<()> {
        let done = self.mark(seq).await;
        if let Err(error) = &done {
            inner.trouble("journal", path, error);
        }
        done
    }

    pub(super) async fn mark(self: &Arc<Self>, seq: u64) -> io::Result<()> {
        let back = self.clone();
        let done = tokio::task::spawn_blocking(move || back.journal.done(seq));
        done.await.map_err(io::Error::other).flatten()
    }

    /// The process that was sending it may have ended before it was answered.
    pub(super) fn restored(&self, path: &Path, seq: u64) {
        let (late, now) = (&mut self.queue.lock().late, self.clock.nanos());
        if let Some(first) = self.journal.replaced.get(&seq) {
            late.add(path, *first, now);
        }
        late.add(path, seq, now);
    }

    pub(super) fn enqueue(&self, path: &Path, seq: u64, op: Op) {
        let replaced = self.queue.lock().push(path, seq, op, self.clock.nanos());
        if let Some((seq, _)) = replaced {
            self.journal.replaced(seq);
        }
        self.wake.notify_one();
        // Who looks after the former one need not any more.
        self.changed.send_replace(());
    }

    /// Whether the limits of the policy leave room for what cannot be evicted.
    pub(super) fn fits(&self, inner: &Inner, size: u64) -> bool {
        let limits = inner.index.limits();
        let queue = self.queue.lock();
        limits.bytes.is_none_or(|most| queue.bytes().saturating_add(size) <= most)
            && limits.objects.is_none_or(|most| queue.len() < most)
    }

    pub(super) fn overlay(&self) -> Overlay {
        Overlay::new(self.queue.lock().iter())
    }

    /// Whether a deletion of the path waits: whatever the remote has, it is not there any more.
    pub(crate) fn is_deleted(&self, path: &Path) -> bool {
        self.queue.lock().is_deleted(path)
    }

    /// For a reader of a copy that waits: the object that the remote has when it was sent.
    pub(crate) fn read(&self, copy: CopyId) -> Arc<Delivered> {
        self.readers.of(copy)
    }

    /// What waits of a path.
    pub(crate) fn waiting(&self, path: &Path) -> Option<Waiting> {
        self.queue.lock().get(path)
    }

    /// Sends what waits, of a path or all: each is tried, whatever pause there is. The first failure ends it; what
    /// was not sent waits on. The remote has the rest then, be it that it is looked after for a while.
    pub(super) async fn flush(&self, path: Option<&Path>) -> Result<()> {
        let mut changed = self.changed.subscribe();
        let (mut targets, before) = {
            let mut queue = self.queue.lock();
            let waiting =
                queue.iter().filter(|waiting| path.is_none_or(|path| waiting.path == *path));
            let targets: Vec<_> = waiting.map(|waiting| (waiting.path, waiting.seq)).collect();
            queue.urge(path);
            (targets, queue.away().0)
        };
        self.wake.notify_one();
        loop {
            changed.mark_unchanged();
            {
                let queue = self.queue.lock();
                while let Some((path, seq)) = targets.last() {
                    match queue.progress(path, *seq) {
                        Progress::Sent | Progress::Arrived => _ = targets.pop(),
                        Progress::Refused(error) => return Err(again(&error)),
                        Progress::Waits => break,
                    }
                }
                match queue.away() {
                    _ if targets.is_empty() => return Ok(()),
                    (times, Some(error)) if times > before => return Err(again(error)),
                    _ => {}
                }
            }
            // An error cannot be: the sender of this channel is `self`.
            let _ = changed.changed().await;
        }
    }

    /// A write of a path is ordered against the others of it while it has its turn.
    pub(super) async fn turn(self: &Arc<Self>, path: &Path) -> Turn {
        let queued = self.turns.lock().entry(path.clone()).or_default().clone();
        let guard = queued.lock_owned().await;
        Turn { back: self.clone(), path: path.clone(), guard: Some(guard) }
    }

    /// The turns of these paths, when nothing of them waits and nothing of them is on its way: for what goes past the
    /// journal.
    pub(super) async fn clear(self: &Arc<Self>, paths: &[&Path]) -> Result<Vec<Turn>> {
        let mut paths = paths.to_vec();
        // One order for all: nobody waits for another who waits for him.
        paths.sort();
        paths.dedup();
        loop {
            for path in &paths {
                self.flush(Some(path)).await?;
                self.rest(path).await;
            }
            let mut turns = Vec::new();
            for path in &paths {
                turns.push(self.turn(path).await);
            }
            let is_clear = |path| self.waiting(path).is_none() && self.expects(path).is_none();
            if paths.iter().all(|path| is_clear(path)) {
                return Ok(turns);
            }
        }
    }

    /// Waits until the path is looked after, and nothing more that was given up is to be expected.
    async fn rest(&self, path: &Path) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let arrived = |waiting: Waiting| {
                let progress = self.queue.lock().progress(path, waiting.seq);
                matches!(progress, Progress::Arrived)
            };
            if !self.waiting(path).is_some_and(arrived) {
                break;
            }
            // An error cannot be: the sender of this channel is `self`.
            let _ = changed.changed().await;
        }
        if let Some(pause) = self.expects(path) {
            self.clock.sleep(pause).await;
        }
    }

    /// How long something that was given up may still come to the path.
    fn expects(&self, path: &Path) -> Option<Duration> {
        let (until, now) = (self.queue.lock().late.until(path)?, self.clock.nanos());
        (until > now).then(|| Duration::from_nanos(until - now))
    }
}

/// The store's hold on its write-back. With it the sending ends: nothing more is begun, and when what is under way has
/// ended the journal is given back. What waits is sent when it is opened again.
#[derive(Debug)]
pub(crate) struct Writes(pub(super) Arc<WriteBack>);

impl std::ops::Deref for Writes {
    type Target = Arc<WriteBack>;

    fn deref(&self) -> &Arc<WriteBack> {
        &self.0
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.wake.notify_one();
        self.0.changed.send_replace(());
    }
}

/// Releases its path when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    back: Arc<WriteBack>,
    path: Path,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.back.turns.lock();
        self.guard = None;
        // Only the map has it: nobody waits for it, and nobody can begin to while the map is locked.
        if turns.get(&self.path).is_some_and(|queued| Arc::strong_count(queued) == 1) {
            turns.remove(&self.path);
        }
    }
}
