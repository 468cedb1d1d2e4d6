//! The bodies of a store that is watched: in pieces, held back and broken as it is told.

use super::faults::generic;
use super::{PIECE, State};
use bytes::Bytes;
use cache_stores::object_store::{GetResult, GetResultPayload, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

/// The bytes of an answer, of which so many come before it breaks.
pub(super) fn watched(
    state: &Arc<State>,
    result: &mut GetResult,
    mut left: Option<usize>,
) -> BoxStream<'static, Result<Bytes>> {
    let empty = GetResultPayload::Stream(stream::empty().boxed());
    let whole = GetResult {
        payload: std::mem::replace(&mut result.payload, empty),
        meta: result.meta.clone(),
        range: result.range.clone(),
        attributes: Default::default(),
        extensions: Default::default(),
    };
    // In pieces, as a network brings them.
    let pieces = whole.into_stream().flat_map(|piece| {
        stream::iter(match piece {
            Ok(piece) => split(&piece).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    });
    let (state, gate) = (state.clone(), state.bodies.lock().clone());
    let body = pieces.then(move |piece| {
        let (gate, state) = (gate.clone(), state.clone());
        let broken = left.as_mut().is_some_and(|left| {
            let length = piece.as_ref().map_or(0, Bytes::len);
            let broken = *left < length;
            *left = left.saturating_sub(length);
            broken
        });
        async move {
            super::pass(gate).await;
            if broken {
                return Err(generic("reset by peer"));
            }
            let piece = piece?;
            state.bytes.fetch_add(piece.len() as u64, SeqCst);
            Ok(piece)
        }
    });
    body.boxed()
}

fn split(bytes: &Bytes) -> Vec<Bytes> {
    (0..bytes.len()).step_by(PIECE).map(|at| bytes.slice(at..bytes.len().min(at + PIECE))).collect()
}
