//! What can go wrong between a client and a server.

use std::time::Duration;

/// What a [`Proxy`](crate::Proxy) does to connections. Bytes are counted for each connection from
/// the moment in which the fault was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Forwards everything.
    #[default]
    None,
    /// New connections are refused, as where nobody listens; open ones go on.
    Refuse,
    /// Accepts, and forwards nothing in either direction; what was sent meanwhile is forwarded when
    /// the fault ends.
    Hang,
    /// Every chunk of the answers comes so much later.
    Delay(Duration),
    /// The connection is closed after so many bytes of the answers.
    CloseAfter(usize),
    /// After so many bytes of the answers, the rest is swallowed; the connection stays open.
    Truncate(usize),
    /// In the answers, every n-th byte is another; with 1 each byte.
    Corrupt {
        /// The distance of the wrong bytes.
        every: usize,
    },
}
