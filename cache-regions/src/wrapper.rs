//! What stands around a region's operations.

use std::fmt::Debug;

/// Something around all operations of a region; the first that is listed is the outermost.
pub trait Wrapper: Debug + Send + Sync + 'static {}
