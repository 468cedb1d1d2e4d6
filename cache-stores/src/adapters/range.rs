//! Ranges of objects whose size is known.

use object_store::path::Path;
use object_store::{Error, GetRange, Result};
use std::ops::Range;

/// The bytes that are meant in an object of this size.
pub(super) fn within(
    store: &'static str,
    range: &GetRange,
    location: &Path,
    size: u64,
) -> Result<Range<u64>> {
    range.as_range(size).map_err(|wrong| Error::Generic {
        store,
        source: format!("`{location}` has {size} bytes: {wrong}").into(),
    })
}
