//! Writes and removals: pages first, then the head, then the pages of what was there before.

use super::get::Found;
use super::head::Head;
use super::page::{self, BATCH, Place};
use super::store::{NAME, Shared, failed};
use bytes::{Bytes, BytesMut};
use cache_clients::server::{Put, Server, When};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error, Extensions, GetOptions, GetResultPayload, PutMode, PutPayload, PutResult, Result,
    UpdateVersion,
};
use std::sync::Arc;
use std::time::Duration;

/// Objects up to this length are in their heads.
const INLINE: usize = 64 << 10;
/// So often may others be quicker while an object is replaced or removed.
const ATTEMPTS: usize = 16;
/// Keys that are removed at a time.
const REMOVALS: usize = 256;

impl Shared {
    pub(super) async fn put(
        &self,
        location: &Path,
        mut head: Head,
        payload: PutPayload,
        mode: &PutMode,
        keep: Option<Duration>,
    ) -> Result<PutResult> {
        let length = payload.content_length();
        // Half of what the server takes leaves room for the description.
        if length <= INLINE.min(self.server.limits().max_value / 2) {
            head.inline = payload.into();
        } else {
            head.parts.push(length as u64);
            if let Err(error) = self.put_part(&head, 0, &payload, keep).await {
                self.free(&head).await;
                return Err(error);
            }
        }
        self.publish(location, head, mode, keep).await
    }

    /// Puts the pages of a part.
    pub(super) async fn put_part(
        &self,
        head: &Head,
        part: u32,
        payload: &PutPayload,
        keep: Option<Duration>,
    ) -> Result<()> {
        let pages = page::cut(payload, head.page);
        let pages: Vec<_> = (0..).map(|number| Place { part, number }).zip(pages).collect();
        for batch in pages.chunks(BATCH) {
            let put = |(place, bytes): &(Place, Bytes)| Put {
                key: self.page_key(head.writing, *place),
                bytes: page::seal(head.writing, *place, bytes),
                keep,
                when: When::Always,
            };
            for answer in self.server.put_many(batch.iter().map(put).collect()).await {
                if !answer.map_err(failed)? {
                    let source = format!("{} did not take a page", self.server.name()).into();
                    return Err(Error::Generic { store: NAME, source });
                }
            }
        }
        Ok(())
    }

    /// Puts the head in its place: from here on the object is seen. Otherwise its pages are removed.
    pub(super) async fn publish(
        &self,
        location: &Path,
        head: Head,
        mode: &PutMode,
        keep: Option<Duration>,
    ) -> Result<PutResult> {
        match self.replace(location, &head, mode, keep).await {
            Ok(former) => {
                if let Some(former) = former {
                    self.free(&former).await;
                }
                let (e_tag, extensions) = (Some(head.e_tag()), Extensions::new());
                Ok(PutResult { e_tag, version: None, extensions })
            }
            Err(error) => {
                // Where the answer was lost, the head may be there all the same.
                if !matches!(error, Error::Generic { .. }) {
                    self.free(&head).await;
                }
                Err(error)
            }
        }
    }

    /// Gives what was there before.
    async fn replace(
        &self,
        location: &Path,
        head: &Head,
        mode: &PutMode,
        keep: Option<Duration>,
    ) -> Result<Option<Head>> {
        let (key, bytes) = (self.key(location), head.write()?);
        let mut former = None;
        // Most objects are new.
        let mut when = When::Absent;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 || matches!(mode, PutMode::Update(_)) {
                let found = self.find(location).await?;
                let token = found.as_ref().map_or(When::Absent, |found| When::Token(found.token));
                former = found.and_then(|Found { head, .. }| head);
                allowed(location, mode, former.as_ref())?;
                when = token;
            }
            let put = Put { key: key.clone(), bytes: bytes.clone(), keep, when };
            if self.server.put_many(vec![put]).await.pop().unwrap_or(Ok(false)).map_err(failed)? {
                return Ok(former);
            }
        }
        let source = format!("others have changed `{location}` {ATTEMPTS} times meanwhile").into();
        Err(Error::Precondition { path: location.to_string(), source })
    }

    /// Removes an object; it is no error if there is none.
    pub(super) async fn delete(&self, location: &Path) -> Result<()> {
        let key = self.key(location);
        for _ in 0..ATTEMPTS {
            let Some(found) = self.find(location).await? else { return Ok(()) };
            if self.server.discard(&key, found.token).await.map_err(failed)? {
                if let Some(head) = &found.head {
                    self.free(head).await;
                }
                return Ok(());
            }
        }
        let removed = self.server.delete_many(&[key]).await.pop().transpose();
        removed.map(drop).map_err(failed)
    }

    /// Removes pages that no head names. What cannot be removed ends with its TTL.
    pub(super) async fn free(&self, head: &Head) {
        let places = page::places(head).map(|(place, _)| self.page_key(head.writing, place));
        let keys: Vec<String> = places.collect();
        for batch in keys.chunks(REMOVALS) {
            drop(self.server.delete_many(batch).await);
        }
    }

    /// In pieces of some MiB, whatever the length.
    pub(super) async fn copy(
        self: Arc<Self>,
        from: &Path,
        to: &Path,
        mode: &PutMode,
        keep: Option<Duration>,
    ) -> Result<()> {
        let got = self.clone().get(from, GetOptions::default()).await?;
        // To itself it replaces what was read, and nothing that others have put there meanwhile.
        let same = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: None };
        let mode = match (mode, from == to) {
            (PutMode::Overwrite, true) => &PutMode::Update(same),
            (mode, _) => mode,
        };
        let mut head = self.begin(to, got.attributes);
        let GetResultPayload::Stream(mut pieces) = got.payload else {
            return super::store::unsupported("gives streams only");
        };
        if got.meta.size <= INLINE as u64 {
            let mut whole = BytesMut::new();
            while let Some(piece) = pieces.try_next().await? {
                whole.extend_from_slice(&piece);
            }
            return self.put(to, head, whole.freeze().into(), mode, keep).await.map(drop);
        }
        let copied = async {
            while let Some(piece) = pieces.try_next().await? {
                let part = head.parts.len() as u32;
                head.parts.push(piece.len() as u64);
                self.put_part(&head, part, &piece.into(), keep).await?;
            }
            Ok(())
        };
        if let Err(error) = copied.await {
            self.free(&head).await;
            return Err(error);
        }
        self.publish(to, head, mode, keep).await.map(drop)
    }
}

/// Whether the condition of a put holds over what is there.
fn allowed(location: &Path, mode: &PutMode, former: Option<&Head>) -> Result<()> {
    let path = || location.to_string();
    match (mode, former) {
        (PutMode::Overwrite, _) | (PutMode::Create, None) => Ok(()),
        (PutMode::Create, Some(_)) => {
            let source = "the server has such an object".into();
            Err(Error::AlreadyExists { path: path(), source })
        }
        (PutMode::Update(UpdateVersion { e_tag: Some(tag), .. }), Some(head))
            if *tag == head.e_tag() =>
        {
            Ok(())
        }
        (PutMode::Update(UpdateVersion { e_tag: None, .. }), _) => Err(Error::Generic {
            store: NAME,
            source: format!("an update of `{location}` needs the e_tag of what it replaces").into(),
        }),
        (PutMode::Update(UpdateVersion { e_tag: Some(tag), .. }), former) => {
            let now = former.map_or_else(|| "nothing".to_owned(), Head::e_tag);
            let source = format!("{tag} was to be replaced, and {now} is there").into();
            Err(Error::Precondition { path: path(), source })
        }
    }
}
