//! What callers who hold a region do with it: values of any type under keys of any type, each with
//! the time of its creation.

mod aged;
mod compute;
mod face;
mod options;
mod runner;
mod stamped;

pub use options::{ComputeOptions, Expiration, ReadOptions};
pub use runner::{Regeneration, Runner};
pub use stamped::Metadata;
