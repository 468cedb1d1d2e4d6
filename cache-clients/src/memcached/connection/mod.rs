//! One pipelined connection for all threads and tasks: requests are batched into one write, answers
//! are matched in their order.
//!
//! Whoever asks alone writes, and if he is a thread that waits also reads. Otherwise the first of
//! those who ask lets the other ready tasks of his thread ask too, and writes for all; where all are
//! tasks of one thread he waits with that for the answers in flight, if they come soon. larder's I/O
//! thread reads, and wakes one task of each thread, which wakes the others.

mod call;
mod exchange;
mod link;
mod open;
mod queue;
mod socket;
mod tasks;
mod write;

pub(crate) use call::Answers;
pub(crate) use exchange::Exchange;
pub(crate) use link::Link;
pub(crate) use open::{Greeting, open};

/// Why there is no answer.
pub(crate) type Cause = std::sync::Arc<str>;
