//! One value as bytes: sealed on its way to the server, opened on its way back.

use super::Room;
use super::tags::Checked;
use crate::encoded::compress;
use crate::encoded::digest::Digest;
use crate::encoded::envelope::{self, AROUND, ENDED, HEADER, Header, Kind, NEVER, Opened};
use crate::encoded::page::{self, Cut, Manifest};
use crate::encoded::sign::SIGNATURE;
use crate::encoded::space::random;
use crate::encoded::tagged;
use crate::server::{Answer, Claim, Server, Stored};
use bytes::Bytes;
use cache_core::{Entry, Error, Reason, Result, Tags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// No more than this is taken for a value before it is known how long it is.
const LONGEST_GUESS: usize = 64 << 10;

/// A value on its way to the server.
pub(super) struct Parcel {
    /// The value, or its manifest.
    pub(super) bytes: Bytes,
    /// To be written before it.
    pub(super) pages: Option<Cut>,
    pub(super) keep: Option<Duration>,
}

/// What lies under a key.
pub(super) enum Seen<V> {
    Live { value: V, left: Duration, refresh: Refresh, tags: Tags, cost: u64 },
    Expired { value: V, since: Duration, by_call: bool, tags: Tags },
    Nothing(Reason),
}

/// When a value is to be refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    /// Not before it expires.
    Never,
    In(Duration),
    Due,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER)
}

fn age(from: u64, to: u64) -> Duration {
    Duration::from_millis(to.saturating_sub(from))
}

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned> Room<S, K, V> {
    /// The value with everything around it. `Ok(None)`: it lives for less than a millisecond.
    pub(super) fn seal(
        &self,
        digest: &Digest,
        entry: &Entry<V>,
        cost: u64,
    ) -> Result<Option<Parcel>> {
        let created = self.link.now();
        let life = entry.ttl.map_or(NEVER, millis);
        if life == 0 {
            return Ok(None);
        }
        let tags = self.section(&entry.tags)?;
        let hard = created.saturating_add(life);
        let soft = entry.refresh_after.map_or(NEVER, |age| created.saturating_add(millis(age)));
        let signature = self.link.options.key().map_or(0, |_| SIGNATURE);
        let guess = self.length.load(Ordering::Relaxed).clamp(256, LONGEST_GUESS);
        let mut buffer = envelope::begin(guess + signature);
        let codec = self.format.encode(&entry.value, &mut buffer).map_err(|cause| {
            Error::invalid(format!("a value of `{}` cannot be encoded: {cause}", self.name))
        })?;
        // The next one is mostly as long: it need not grow step by step.
        self.length.store(buffer.len() - HEADER, Ordering::Relaxed);
        let plain = (buffer.len() - HEADER) as u64;
        let (buffer, compression) = self.link.options.compression.pack(buffer);
        let header = Header {
            kind: Kind::Value,
            codec,
            compression,
            created,
            soft: if soft < hard { soft } else { NEVER },
            hard,
            cost,
            digest: *digest,
            print: self.format.print(),
            plain,
        };
        let keep = (hard != NEVER).then(|| self.keep(hard - created));
        self.cut(buffer, &header, &tags, keep).map(Some)
    }

    fn section(&self, tags: &Tags) -> Result<Vec<u8>> {
        tagged::section(tags.stored()).ok_or_else(|| {
            Error::invalid(format!(
                "a value of `{}` cannot be stored with its {} tags: at most {}, with names of 1 to {} bytes",
                self.name,
                tags.len(),
                tagged::MOST,
                tagged::LONGEST
            ))
        })
    }

    /// For how long the server keeps what lives for so many milliseconds.
    pub(super) fn keep(&self, life: u64) -> Duration {
        Duration::from_millis(life).saturating_add(self.link.options.grace)
    }

    /// In one piece, or in pages.
    fn cut(
        &self,
        buffer: Vec<u8>,
        header: &Header,
        tags: &[u8],
        keep: Option<Duration>,
    ) -> Result<Parcel> {
        let (key, most) = (self.link.options.key(), self.link.server.limits().max_value);
        let payload = &buffer[HEADER..];
        let around = AROUND + tags.len() + key.map_or(0, |_| SIGNATURE);
        if payload.len() + around <= most {
            let bytes = envelope::seal_tagged(buffer, header, tags, key).into();
            return Ok(Parcel { bytes, pages: None, keep });
        }
        if Manifest::LENGTH + around > most {
            return Err(Error::invalid(format!(
                "the tags of a value of `{}` alone are longer than {} takes: {} bytes",
                self.name,
                self.link.server.name(),
                tags.len()
            )));
        }
        let pages =
            page::cut(payload, header, most, random(self.link.clock()), key).ok_or_else(|| {
                let length = payload.len();
                Error::invalid(format!(
                    "a value of `{}` is too long for any number of pages: {length} bytes",
                    self.name
                ))
            })?;
        let mut front = envelope::begin(Manifest::LENGTH + tags.len());
        pages.manifest.write(&mut front);
        let header = Header { kind: Kind::Manifest, ..*header };
        self.space.paged.store(true, Ordering::Relaxed);
        let bytes = envelope::seal_tagged(front, &header, tags, key).into();
        Ok(Parcel { bytes, pages: Some(pages), keep })
    }

    /// What is in the envelope under a key, if it belongs there.
    pub(super) fn open<'a>(&self, digest: &Digest, bytes: &'a [u8]) -> Result<Opened<'a>, Reason> {
        let opened = envelope::open(bytes, self.link.options.key())?;
        let header = &opened.header;
        if header.digest != *digest || header.kind == Kind::Page {
            return Err(Reason::Damaged);
        }
        if header.print != self.format.print() {
            return Err(Reason::Schema);
        }
        if header.kind == Kind::Manifest {
            self.space.paged.store(true, Ordering::Relaxed);
        }
        Ok(opened)
    }

    /// The manifest under a key, if there is one.
    pub(super) fn manifest(&self, digest: &Digest, stored: &Stored) -> Option<Manifest> {
        match self.open(digest, &stored.bytes) {
            Ok(Opened { header: Header { kind: Kind::Manifest, .. }, payload, .. }) => {
                Manifest::read(payload).ok()
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// What a server's bytes come to. `known` says what the versions of the value's tags say, where
    /// somebody has asked already.
    pub(super) async fn unpack(
        &self,
        name: &str,
        digest: &Digest,
        stored: Option<&Stored>,
        known: Option<Checked>,
    ) -> Seen<V> {
        let Some(stored) = stored else { return Seen::Nothing(Reason::Never) };
        let seen = match self.open(digest, &stored.bytes) {
            // Most values are in one piece and have no tags: there is nobody to ask.
            Ok(opened) if opened.header.kind == Kind::Value && opened.tags.is_empty() => {
                self.read(&opened, stored.stale, opened.payload, (Tags::none(), false))
            }
            Ok(opened) => self.see(name, digest, &opened, stored.stale, known).await,
            Err(reason) => Err(reason),
        };
        seen.unwrap_or_else(Seen::Nothing)
    }

    /// Where pages are gone, somebody may just have put a newer value in their place.
    pub(super) async fn unpack_twice(
        &self,
        name: &str,
        digest: &Digest,
        answer: &Answer,
        known: Option<Checked>,
    ) -> Seen<V> {
        let seen = self.unpack(name, digest, answer.stored.as_ref(), known).await;
        let (Seen::Nothing(Reason::Evicted), Some(first)) = (&seen, &answer.stored) else {
            return seen;
        };
        match self.link.get_one(name, Claim::Nothing).await {
            Ok(Answer { stored: Some(second), .. }) if second.token != first.token => {
                self.unpack(name, digest, Some(&second), None).await
            }
            Ok(_) | Err(_) => seen,
        }
    }

    /// What is in an envelope that says of itself where the rest is.
    async fn see(
        &self,
        name: &str,
        digest: &Digest,
        opened: &Opened<'_>,
        stale: bool,
        known: Option<Checked>,
    ) -> Result<Seen<V>, Reason> {
        // Nobody is asked for what is over.
        self.dead_since(&opened.header, self.link.now(), stale)?;
        let checked = match known {
            Some(known) => known?,
            None => self.checked(opened).await?,
        };
        if opened.header.kind != Kind::Manifest {
            return self.read(opened, stale, opened.payload, checked);
        }
        let manifest = Manifest::read(opened.payload)?;
        let whole = page::gather(&self.link, name, digest, &manifest).await?;
        self.read(opened, stale, &whole, checked)
    }

    /// What a payload comes to, now.
    fn read(
        &self,
        opened: &Opened<'_>,
        stale: bool,
        payload: &[u8],
        (tags, softly): (Tags, bool),
    ) -> Result<Seen<V>, Reason> {
        let header = &opened.header;
        let now = self.link.now();
        let dead_since = self.dead_since(header, now, stale)?;
        let plain = compress::unpack(header.compression, payload, header.plain)?;
        let value = self.format.decode(header.codec, &plain)?;
        if let Some(since) = dead_since {
            let by_call = stale || header.soft == ENDED;
            return Ok(Seen::Expired { value, since, by_call, tags });
        }
        // The writer's clock may be ahead: what it gave is the most that can be left.
        let left = match header.hard {
            NEVER => Duration::MAX,
            hard => age(now, hard).min(age(header.created, hard)),
        };
        let refresh = match header.soft {
            _ if softly => Refresh::Due,
            NEVER => Refresh::Never,
            soft if soft > now => Refresh::In(age(now, soft)),
            _ => Refresh::Due,
        };
        Ok(Seen::Live { value, left, refresh, tags, cost: header.cost })
    }

    /// For how long it has been past its TTL; an error if it has been for too long.
    fn dead_since(
        &self,
        header: &Header,
        now: u64,
        stale: bool,
    ) -> Result<Option<Duration>, Reason> {
        let since = match (header.hard, stale) {
            (hard, _) if hard <= now && hard != NEVER => age(hard, now),
            // The server does not say since when, and takes it away in time.
            (_, true) => Duration::ZERO,
            _ => return Ok(None),
        };
        let purged = header.hard <= self.space.floor.load(Ordering::Acquire);
        if purged || since >= self.link.options.grace {
            Err(Reason::Expired)
        } else {
            Ok(Some(since))
        }
    }

    /// The same payload and tags with another end of their life.
    pub(super) fn reseal(&self, opened: &Opened<'_>, hard: u64) -> Bytes {
        self.reseal_as(opened, &Header { hard, ..opened.header })
    }

    /// The same, ended by now, and by a call.
    pub(super) fn reseal_ended(&self, opened: &Opened<'_>) -> Bytes {
        let hard = opened.header.hard.min(self.link.now());
        self.reseal_as(opened, &Header { hard, soft: ENDED, ..opened.header })
    }

    fn reseal_as(&self, opened: &Opened<'_>, header: &Header) -> Bytes {
        let mut buffer = envelope::begin(opened.payload.len() + opened.tags.len());
        buffer.extend_from_slice(opened.payload);
        envelope::seal_tagged(buffer, header, opened.tags, self.link.options.key()).into()
    }
}
