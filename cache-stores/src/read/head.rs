//! What an object is, without its bytes.

use super::direct::pass;
use super::resolve::may_stand_in;
use super::served::{Refresh, Served, ServedFrom};
use crate::fetch::is_away;
use crate::index::Found;
use crate::object::{Object, Standing};
use crate::store::Inner;
use futures::StreamExt;
use futures::stream;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetResult, GetResultPayload, Result};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Whether it depends on the version whether there is an answer.
pub(super) fn is_conditional(options: &GetOptions) -> bool {
    options.if_match.is_some()
        || options.if_none_match.is_some()
        || options.if_modified_since.is_some()
        || options.if_unmodified_since.is_some()
}

/// A believed copy says what the object is; else the remote does, and the copy is renewed by that or forgotten.
pub(super) async fn head(
    inner: &Arc<Inner>,
    path: &Path,
    options: GetOptions,
    found: Option<Found>,
) -> Result<GetResult> {
    if let Some(gone) = inner.deleted(path) {
        return Err(gone);
    }
    let refresh = options.extensions.get::<Refresh>().is_some();
    let Some(found) = found else { return pass(inner, path, options).await };
    let believed = match found.standing {
        Standing::Unsent => true,
        Standing::Fresh => !refresh,
        Standing::Due | Standing::Doubtful => false,
    };
    if believed {
        match options.check_preconditions(&found.object.meta()) {
            // The reader knows of another version.
            Err(Error::Precondition { .. }) if found.standing == Standing::Fresh => {}
            checked => {
                checked?;
                return Ok(told(&found, ServedFrom::Local));
            }
        }
    }
    ask(inner, path, options, &found).await
}

async fn ask(
    inner: &Arc<Inner>,
    path: &Path,
    options: GetOptions,
    found: &Found,
) -> Result<GetResult> {
    let ticket = inner.index.begin(path);
    // Conditions would hide what the remote has.
    let bare = GetOptions::new().with_head(true);
    match pass(inner, path, bare).await {
        Ok(result) => {
            let tag = result.meta.e_tag.as_ref();
            let same = tag.is_some() && tag == found.object.e_tag.as_ref();
            if same && result.meta.size == found.object.size {
                inner.index.renew(&ticket);
                inner.stats.renewed.add(1);
            } else {
                inner.remove(inner.index.gone(&ticket)).await;
            }
            options.check_preconditions(&result.meta)?;
            Ok(result)
        }
        Err(error) => {
            if matches!(error, Error::NotFound { .. }) {
                inner.remove(inner.index.gone(&ticket)).await;
            } else if is_away(&error) && may_stand_in(inner, found) {
                inner.told_stale(path, &error);
                inner.stats.stale_hits.add(1);
                return Ok(told(found, ServedFrom::Stale));
            }
            Err(error)
        }
    }
}

fn told(found: &Found, from: ServedFrom) -> GetResult {
    let mut result = empty(&found.object, 0..found.object.size);
    let age: Option<Duration> = (found.standing != Standing::Unsent).then_some(found.age);
    result.extensions.insert(Served::new(from, age));
    result
}

/// An answer about an object, still without bytes.
pub(super) fn empty(object: &Object, range: Range<u64>) -> GetResult {
    GetResult {
        payload: GetResultPayload::Stream(stream::empty().boxed()),
        meta: object.meta(),
        range,
        attributes: object.attributes.clone(),
        extensions: Default::default(),
    }
}
