//! What an object is, without its bytes.

use super::resolve::may_stand_in;
use super::served::{Refresh, Served, ServedFrom};
use crate::fetch::{self, Description, Head, Join, again, is_away};
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
    let mut join = Join::Any;
    if options.extensions.get::<Refresh>().is_some() {
        join = Join::New;
    }
    let believed = |found: &&Found| match found.standing {
        Standing::Unsent => true,
        Standing::Fresh => join == Join::Any,
        Standing::Due | Standing::Doubtful => false,
    };
    if let Some(found) = found.as_ref().filter(believed) {
        match options.check_preconditions(&found.object.meta()) {
            // The reader knows of another version.
            Err(Error::Precondition { .. }) if found.standing == Standing::Fresh => {
                join = Join::New;
            }
            checked => {
                checked?;
                return Ok(told(found, ServedFrom::Local));
            }
        }
    }
    let failure = match fetch::head(inner, path, found.as_ref(), join).await {
        Head::Told(description) => {
            options.check_preconditions(&description.meta)?;
            return Ok(described(&description));
        }
        Head::Copy(found) => {
            options.check_preconditions(&found.object.meta())?;
            return Ok(told(&found, ServedFrom::Local));
        }
        Head::Failed(failure) => failure,
    };
    match found.filter(|found| is_away(&failure) && may_stand_in(inner, found)) {
        Some(found) => {
            inner.told_stale(path, &failure);
            inner.stats.stale_hits.add(1);
            options.check_preconditions(&found.object.meta())?;
            Ok(told(&found, ServedFrom::Stale))
        }
        None => Err(again(&failure)),
    }
}

fn described(description: &Description) -> GetResult {
    let Description { meta, attributes, extensions } = description;
    GetResult {
        payload: GetResultPayload::Stream(stream::empty().boxed()),
        meta: meta.clone(),
        range: 0..meta.size,
        attributes: attributes.clone(),
        extensions: extensions.clone(),
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
