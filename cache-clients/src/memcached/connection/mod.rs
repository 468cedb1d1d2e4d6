//! One pipelined connection for all threads and tasks: requests are batched into one write, answers
//! are matched in their order.
//!
//! Whoever asks alone writes, and if he is a thread that waits also reads. Otherwise the first of
//! those who ask lets the other ready tasks of his thread ask too, and writes for all; where all are
//! tasks of one thread, whoever completes a half of them writes, and until then the first waits for
//! the answers in flight, if they come soon. larder's I/O thread reads, and wakes one task of each
//! thread, which wakes the others.

mod call;
#[cfg(all(test, not(loom)))]
mod crowd_tests;
mod duty;
mod exchange;
mod lent;
mod link;
#[cfg(all(test, loom))]
mod model;
#[cfg(not(loom))]
mod open;
mod port;
mod queue;
#[cfg(not(loom))]
mod socket;
#[cfg(not(loom))]
mod tasks;
mod write;

#[cfg(not(loom))]
pub(crate) use call::Answers;
#[cfg(not(loom))]
pub(crate) use exchange::Exchange;
#[cfg(not(loom))]
pub(crate) use open::{Greeting, open};
#[cfg(all(test, not(loom)))]
pub(crate) use open::{to_nobody, to_nowhere};
#[cfg(not(loom))]
pub(crate) use tasks::lend;

/// A connection to a server.
#[cfg(not(loom))]
pub(crate) type Link = link::Link<port::Line>;
/// Why there is no answer.
pub(crate) type Cause = std::sync::Arc<str>;
