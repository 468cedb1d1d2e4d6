//! The bytes that a read wants.

use crate::fetch::own;
use object_store::{GetRange, Result};
use std::ops::Range;

/// The bytes that are meant, of an object of this size.
pub(crate) fn range_of(range: Option<&GetRange>, size: u64) -> Result<Range<u64>> {
    match range {
        None => Ok(0..size),
        Some(range) => range.as_range(size).map_err(own),
    }
}
