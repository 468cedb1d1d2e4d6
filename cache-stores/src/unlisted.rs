//! What lies in local and could not be looked at when the index was made anew: nobody accounts for it, so it is deleted
//! as soon as local tells of it.

use crate::patience::is_overdue;
use crate::runtime;
use crate::store::Inner;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, Result};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The pause before the first attempt, and the longest one.
const PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

/// The folders in which it lies.
#[derive(Debug, Default)]
pub(crate) struct Unlisted(Mutex<BTreeSet<Path>>);

impl Unlisted {
    pub(crate) fn add(&self, folder: Path) {
        self.0.lock().insert(folder);
    }

    fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl Inner {
    /// Looks again now and then, until all is known.
    pub(crate) fn look_again(self: &Arc<Self>) {
        if self.unlisted.is_empty() {
            return;
        }
        let (own, clock) = (Arc::downgrade(self), self.clock.clone());
        runtime::handle().spawn(async move {
            let (mut pause, longest) = PAUSE;
            loop {
                clock.sleep(pause).await;
                let Some(inner) = own.upgrade() else { return };
                inner.remove_unlisted().await;
                if inner.unlisted.is_empty() {
                    return;
                }
                pause = (2 * pause).min(longest);
            }
        });
    }

    /// Deletes what local tells of by now.
    pub(crate) async fn remove_unlisted(&self) {
        let mut folders = std::mem::take(&mut *self.unlisted.0.lock());
        while let Some(folder) = folders.pop_first() {
            let Err(error) = self.sweep(&folder).await else { continue };
            self.trouble("list", &folder, &error);
            self.unlisted.add(folder);
            // The others would take as long.
            if is_overdue(&error) {
                break;
            }
        }
        self.unlisted.0.lock().append(&mut folders);
    }

    async fn sweep(&self, folder: &Path) -> Result<()> {
        let mut list = self.patience.stream(self.local.list(Some(folder)));
        let mut victims = Vec::new();
        let listed = loop {
            match list.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(meta)) => {
                    let known = self.layout.parse(&meta.location);
                    victims.extend(known.and_then(|(copy, chunk)| self.index.stray(copy, chunk)));
                }
            }
        };
        drop(list);
        self.remove(victims).await;
        listed
    }
}
