//! Values that are longer than the server takes: cut into pages, found through a manifest.
//!
//! All pages of one writing have a random generation in their names and in themselves, so that pages
//! of two writings never mix. The manifest is written last.

use super::client::Link;
use super::digest::{self, Digest};
use super::envelope::{self, AROUND, Header, Kind, Opened};
use super::sign::{SIGNATURE, SigningKey};
use crate::server::{Claim, Put, Server, When};
use bytes::Bytes;
use cache_core::{Reason, Result};
use std::time::Duration;

/// The generation and the index of a page, in front of its bytes.
const FRONT: usize = 12;

/// The least that a server must take in one value.
pub(super) const LEAST: usize = AROUND + FRONT + SIGNATURE + 64;

/// What the manifest says: 20 bytes, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) generation: u64,
    pub(super) pages: u32,
    /// Of all pages together.
    length: u64,
}

impl Manifest {
    /// Of a manifest, in bytes.
    pub(super) const LENGTH: usize = 20;

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.pages.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let (generation, rest) = payload.split_first_chunk().ok_or(Reason::Damaged)?;
        let (pages, length) = rest.split_first_chunk().ok_or(Reason::Damaged)?;
        let length = <[u8; 8]>::try_from(length).map_err(|_| Reason::Damaged)?;
        Ok(Manifest {
            generation: u64::from_le_bytes(*generation),
            pages: u32::from_le_bytes(*pages),
            length: u64::from_le_bytes(length),
        })
    }

    /// The names of the pages of the value under `name`.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        (0..self.pages).map(|index| digest::page(name, self.generation, index)).collect()
    }
}

/// What a value is cut into.
pub(super) struct Cut {
    pub(super) manifest: Manifest,
    /// With their envelopes.
    pub(super) pages: Vec<Bytes>,
}

/// Cuts a payload; `header` is that of the value, `most` what the server takes.
pub(super) fn cut(
    payload: &[u8],
    header: &Header,
    most: usize,
    generation: u64,
    key: Option<&SigningKey>,
) -> Option<Cut> {
    let room = most.checked_sub(AROUND + FRONT + SIGNATURE)?.max(1);
    let pages = u32::try_from(payload.len().div_ceil(room)).ok()?;
    let manifest = Manifest { generation, pages, length: payload.len() as u64 };
    let seal = |(index, chunk): (usize, &[u8])| {
        let mut buffer = envelope::begin(FRONT + chunk.len() + SIGNATURE);
        buffer.extend_from_slice(&generation.to_le_bytes());
        buffer.extend_from_slice(&(index as u32).to_le_bytes());
        buffer.extend_from_slice(chunk);
        let header = Header { kind: Kind::Page, plain: chunk.len() as u64, ..*header };
        Bytes::from(envelope::seal(buffer, &header, key))
    };
    Some(Cut { manifest, pages: payload.chunks(room).enumerate().map(seal).collect() })
}

/// The bytes of one page, if it is the one that was asked for.
fn open<'a>(
    bytes: &'a [u8],
    manifest: &Manifest,
    index: u32,
    digest: &Digest,
    key: Option<&SigningKey>,
) -> Result<&'a [u8], Reason> {
    let Opened { header, payload, .. } = envelope::open(bytes, key)?;
    let is_this = header.kind == Kind::Page
        && header.digest == *digest
        && payload.get(..8) == Some(&manifest.generation.to_le_bytes())
        && payload.get(8..FRONT) == Some(&index.to_le_bytes());
    if is_this { Ok(&payload[FRONT..]) } else { Err(Reason::Damaged) }
}

/// Puts the pages of one writing back together.
pub(super) async fn gather<S: Server>(
    link: &Link<S>,
    name: &str,
    digest: &Digest,
    manifest: &Manifest,
) -> Result<Vec<u8>, Reason> {
    // A manifest may lie only where nothing is signed; but it cannot make this allocate.
    let answers = link.server.get_many(&manifest.names(name), Claim::Nothing).await;
    let mut whole = Vec::new();
    for (index, answer) in (0..).zip(answers) {
        let stored = answer.map_err(|_| Reason::Unreachable)?.stored.ok_or(Reason::Evicted)?;
        whole.extend_from_slice(open(&stored.bytes, manifest, index, digest, link.options.key())?);
    }
    if whole.len() as u64 == manifest.length { Ok(whole) } else { Err(Reason::Damaged) }
}

/// Writes pages; false if not all of them could be.
pub(super) async fn write<S: Server>(
    link: &Link<S>,
    name: &str,
    cut: Cut,
    keep: Option<Duration>,
) -> Result<bool> {
    let (names, generation) = (cut.manifest.names(name), cut.manifest.generation);
    let pages = names.into_iter().zip(cut.pages);
    let puts = pages.map(|(key, bytes)| Put { key, bytes, keep, when: When::Always }).collect();
    let answers = link.server.put_many(puts).await;
    let written = answers.into_iter().try_fold(true, |all, one| Ok(all && one?));
    if !matches!(written, Ok(true)) {
        let lost = Manifest { generation, ..cut.manifest };
        free(link, name, &lost).await;
    }
    written
}

/// Removes pages that no manifest names any more. What cannot be removed ends with its TTL.
pub(super) async fn free<S: Server>(link: &Link<S>, name: &str, manifest: &Manifest) {
    drop(link.server.delete_many(&manifest.names(name)).await);
}

/// Lengthens the life of all pages; false if one is gone.
pub(super) async fn renew<S: Server>(
    link: &Link<S>,
    name: &str,
    manifest: &Manifest,
    keep: Option<Duration>,
) -> Result<bool> {
    let names = manifest.names(name);
    let mut puts = Vec::with_capacity(names.len());
    for (key, answer) in names.iter().zip(link.server.get_many(&names, Claim::Nothing).await) {
        let Some(stored) = answer?.stored else { return Ok(false) };
        puts.push(Put {
            key: key.clone(),
            bytes: stored.bytes,
            keep,
            when: When::Token(stored.token),
        });
    }
    link.server.put_many(puts).await.into_iter().try_fold(true, |all, one| Ok(all && one?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            kind: Kind::Value,
            codec: 1,
            compression: 0,
            created: 1,
            soft: 2,
            hard: 3,
            cost: 4,
            digest: [5; 16],
            print: 6,
            plain: 7,
        }
    }

    fn sizes(length: usize, most: usize) -> Vec<usize> {
        let cut = cut(&vec![1; length], &header(), most, 9, None).unwrap();
        assert_eq!(cut.manifest.pages as usize, cut.pages.len());
        cut.pages.iter().map(Bytes::len).collect()
    }

    #[test]
    fn c73_pages_are_as_long_as_the_server_takes() {
        let room = 1000 - AROUND - FRONT - SIGNATURE;
        // Room for a signature is left in any case.
        let full = 1000 - SIGNATURE;
        assert_eq!(sizes(room, 1000), [full]);
        assert_eq!(sizes(room + 1, 1000), [full, AROUND + FRONT + 1]);
        assert_eq!(sizes(2 * room, 1000), [full, full]);
        assert_eq!(sizes(3 * room, 1000), [full, full, full]);
    }

    #[test]
    fn pages_are_known_by_key_writing_and_place() {
        let key = SigningKey::new([1; 32]);
        let cut = cut(&[1; 2000], &header(), 1000, 9, Some(&key)).unwrap();
        let page = &cut.pages[1];
        let open = |manifest, index, digest| super::open(page, manifest, index, digest, Some(&key));
        assert!(open(&cut.manifest, 1, &[5; 16]).is_ok());
        assert_eq!(open(&cut.manifest, 0, &[5; 16]), Err(Reason::Damaged));
        assert_eq!(open(&cut.manifest, 1, &[6; 16]), Err(Reason::Damaged));
        let newer = Manifest { generation: 10, ..cut.manifest };
        assert_eq!(open(&newer, 1, &[5; 16]), Err(Reason::Damaged));
    }

    proptest! {
        #[test]
        fn a_manifest_is_read_as_it_was_written(generation: u64, pages: u32, length: u64) {
            let manifest = Manifest { generation, pages, length };
            let mut bytes = Vec::new();
            manifest.write(&mut bytes);
            prop_assert_eq!(Manifest::read(&bytes), Ok(manifest));
        }

        #[test]
        fn x16_no_bytes_make_a_manifest_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(Manifest::read(&bytes).is_ok(), bytes.len() == 20);
        }
    }
}
