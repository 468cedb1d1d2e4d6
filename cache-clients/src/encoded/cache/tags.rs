//! The tags of stored values: whether their versions are still those that were seen.

use super::Room;
use crate::encoded::digest::Digest;
use crate::encoded::envelope::{self, Opened};
use crate::encoded::tagged;
use crate::server::{Answer, Server};
use cache_core::{Reason, Result, Tags, Validity};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The tags of a value, and whether one was softly invalidated; or why the value does not count.
pub(super) type Checked = Result<(Tags, bool), Reason>;

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned> Room<S, K, V> {
    /// What the versions of a value's tags say. Whoever cannot ask, believes nothing.
    pub(super) async fn checked(&self, opened: &Opened<'_>) -> Checked {
        if opened.tags.is_empty() {
            return Ok((Tags::none(), false));
        }
        let source = self.source.as_ref().ok_or(Reason::Tag)?;
        let found = source.resolve(&stored(opened)).await;
        judged(found.map_err(|_| Reason::Unreachable)?)
    }

    /// The same of many answers, with one question for all; `None` where an answer has no tags.
    pub(super) async fn checked_all<'a, E: 'a>(
        &self,
        answers: impl Iterator<Item = (&'a Digest, &'a Result<Answer, E>)>,
    ) -> Vec<Option<Checked>> {
        let (mut places, mut asked, mut checked) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (digest, answer)) in answers.enumerate() {
            checked.push(None);
            let bytes = answer.as_ref().ok().and_then(|answer| answer.stored.as_ref());
            let Some(bytes) = bytes.map(|stored| &stored.bytes[..]) else { continue };
            if !envelope::is_tagged(bytes) {
                continue;
            }
            // What is damaged says so when it is looked at.
            if let Ok(opened) = self.open(digest, bytes) {
                places.push(at);
                asked.push(stored(&opened));
            }
        }
        // One is asked for where it is looked at.
        let Some(source) = self.source.as_ref().filter(|_| asked.len() > 1) else { return checked };
        match source.resolve_many(&asked).await {
            Ok(found) => {
                for (at, found) in places.into_iter().zip(found) {
                    checked[at] = Some(judged(found));
                }
            }
            Err(_) => places.iter().for_each(|at| checked[*at] = Some(Err(Reason::Unreachable))),
        }
        checked
    }

    /// Whether the tags of a value do not forbid to call it live.
    pub(super) async fn is_valid(&self, opened: &Opened<'_>) -> bool {
        self.checked(opened).await.is_ok()
    }
}

fn stored(opened: &Opened<'_>) -> Vec<(String, u64)> {
    tagged::read(opened.tags).map(|(name, seen)| (name.to_owned(), seen)).collect()
}

fn judged((tags, verdict): (Tags, Validity)) -> Checked {
    match verdict {
        Validity::Valid => Ok((tags, false)),
        Validity::Soft => Ok((tags, true)),
        Validity::Unknown => Err(Reason::Unreachable),
        Validity::Hard => Err(Reason::Tag),
    }
}
