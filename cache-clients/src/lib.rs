//! Where larder keeps values.
//!
//! [`Inproc`] keeps them in this process, within one capacity for all the caches that are opened
//! from it. [`Null`] keeps nothing.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

mod inproc;
mod null;

pub use inproc::{Inproc, OpenOptions};
pub use null::{Null, NullCache};
