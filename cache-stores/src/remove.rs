//! What has left the index leaves the local store. What that refuses to delete waits, and is tried again.

use crate::fetch;
#[cfg(feature = "config")]
use crate::index::Limits;
use crate::index::{Chunks, Victim};
use crate::patience::LATE;
use crate::runtime;
use crate::store::Inner;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStore, Result};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// After so many refusals in a row the rest waits, too: a store that is away costs a few attempts, not all of them.
const REFUSALS: usize = 4;

impl Inner {
    /// Deletes what has left the index. Who waits for it waits no longer than local may take for a chunk; it goes on
    /// without him.
    pub(crate) async fn remove(&self, victims: Vec<Victim>) {
        if victims.is_empty() {
            return;
        }
        if self.late_deletes.load(Ordering::Acquire) >= LATE {
            self.index.undeleted(victims);
            self.trouble("delete", &self.layout.root(), &"earlier ones have not ended");
            return;
        }
        let (tell, mut told) = mpsc::unbounded_channel();
        let is_late = Arc::new(AtomicBool::new(false));
        let (own, local) = (self.own.clone(), self.local.clone());
        let removing = Removing { own, local, is_late: is_late.clone(), refusals: 0 };
        runtime::handle().spawn(removing.run(victims, tell));
        loop {
            match self.patience.wait(told.recv()).await {
                Some(Some(())) => {}
                Some(None) => return,
                None => break,
            }
        }
        // Counted, unless it has ended this moment.
        if !is_late.swap(true, Ordering::AcqRel) {
            self.late_deletes.fetch_add(1, Ordering::AcqRel);
        }
        self.trouble("delete", &self.layout.root(), &self.patience.overdue());
    }

    /// Other limits from now on. What they leave no room for is deleted behind the caller's back.
    #[cfg(feature = "config")]
    pub(crate) fn limit(self: Arc<Self>, limits: Limits) {
        // Without an index the local store alone decides.
        if self.has_no_index() {
            return;
        }
        let victims = self.index.limit(limits);
        if !victims.is_empty() {
            runtime::handle().spawn(async move { self.remove(victims).await });
        }
    }

    /// Tries once more to delete what local refused to delete.
    pub(crate) async fn remove_undeleted(&self) {
        self.remove(self.index.all_again()).await;
    }
}

/// Deletes without holding the store: what is not done when that goes is noted in the index.
struct Removing {
    own: Weak<Inner>,
    local: Arc<dyn ObjectStore>,
    is_late: Arc<AtomicBool>,
    /// In a row.
    refusals: usize,
}

impl Removing {
    /// Tells after each chunk.
    async fn run(mut self, victims: Vec<Victim>, tell: mpsc::UnboundedSender<()>) {
        let mut is_well = false;
        for victim in victims {
            is_well |= self.delete_all(victim, Some(&tell)).await;
        }
        if self.is_late.swap(true, Ordering::AcqRel)
            && let Some(own) = self.own.upgrade()
        {
            own.late_deletes.fetch_sub(1, Ordering::AcqRel);
        }
        drop(tell);
        // Nobody waits for the rest: what waits from earlier, as long as local deletes.
        while is_well && let Some(victim) = self.own.upgrade().and_then(|own| own.index.again()) {
            self.refusals = REFUSALS - 1;
            is_well = self.delete_all(victim, None).await;
        }
    }

    /// Whether local deleted anything last.
    async fn delete_all(
        &mut self,
        victim: Victim,
        tell: Option<&mpsc::UnboundedSender<()>>,
    ) -> bool {
        let mut left = Vec::new();
        for chunk in victim.chunks.iter() {
            if !self.delete(&victim, chunk).await {
                left.push(chunk);
            }
            // Nobody may be waiting any more.
            tell.map(|tell| tell.send(()));
        }
        if let Some(own) = self.own.upgrade() {
            let left: Chunks = left.into_iter().collect();
            let gone = victim.chunks.iter().filter(|chunk| !left.contains(*chunk)).collect();
            own.index.removed(&[Victim { copy: victim.copy, chunks: gone }]);
            if !left.is_empty() {
                own.index.undeleted([Victim { copy: victim.copy, chunks: left }]);
            }
        }
        self.refusals == 0
    }

    async fn delete(&mut self, of: &Victim, chunk: u32) -> bool {
        if self.refusals == REFUSALS {
            return false;
        }
        let place = crate::layout::Layout.chunk(of.copy, chunk);
        let deleted = delete(&*self.local, &place).await;
        match deleted {
            Ok(()) => self.refusals = 0,
            Err(ref error) => {
                self.refusals += 1;
                self.own.upgrade().iter().for_each(|own| own.trouble("delete", &place, error));
            }
        }
        deleted.is_ok()
    }
}

/// That it was not there is as good; a panic is a refusal.
pub(crate) async fn delete(local: &dyn ObjectStore, place: &Path) -> Result<()> {
    let one: BoxStream<'static, _> = stream::iter([Ok(place.clone())]).boxed();
    let deleting = async { local.delete_stream(one).next().await };
    match AssertUnwindSafe(deleting).catch_unwind().await {
        Ok(None | Some(Ok(_) | Err(Error::NotFound { .. }))) => Ok(()),
        Ok(Some(Err(error))) => Err(error),
        Err(_) => Err(fetch::own("it panicked")),
    }
}
