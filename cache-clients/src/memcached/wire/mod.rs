//! The bytes on the wire: requests are written, answers are read as they come; no sockets here.

mod answer;
mod read;
mod request;

pub(crate) use answer::Answer;
pub(crate) use read::Reader;
#[cfg(test)]
pub(crate) use request::LONGEST_KEY;
pub(crate) use request::{Request, Set, expiry, lease_seconds};
