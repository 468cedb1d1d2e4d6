//! Handles: an object as a file, for reading and writing in any thread or task.
//!
//! `state` is what a handle is, `reading` over `pump` and `writing` over `upload` its two sides; `sync` and
//! `asynchronous` are its faces.

mod asynchronous;
mod cached;
mod error;
mod info;
mod open;
mod order;
mod pump;
mod reading;
mod state;
mod sync;
mod upload;
mod writing;

pub use asynchronous::AsyncHandle;
pub use info::{Info, Stat};
pub use open::OpenExt;
pub use sync::Handle;
