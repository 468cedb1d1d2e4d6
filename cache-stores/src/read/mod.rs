//! Reading: from the copy that is believed, else from what the remote says, together with all who ask for it.

mod chunk;
mod direct;
mod get;
mod head;
mod range;
mod ranges;
mod reader;
mod resolve;
mod served;

pub(crate) use get::get;
pub(crate) use ranges::get_ranges;
pub use served::{Refresh, Served, ServedFrom};
