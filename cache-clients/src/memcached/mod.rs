//! memcached: the wire, the connections, the ring, and the server contract over them.
//!
//! [`Memcached`] is a [`Server`](crate::server::Server): bytes, leases and the fence. It needs
//! memcached 1.6.10 or newer.

mod breaker;
mod client;
mod connection;
pub mod discover;
mod heirs;
mod host;
mod options;
pub mod ring;
#[cfg(feature = "tls")]
mod tls;
mod wire;

pub use breaker::BreakerOptions;
pub use client::Memcached;
pub use host::{ServerState, ServerStats};
pub use options::{IntoServers, MemcachedOptions};
#[cfg(feature = "tls")]
pub use tls::Tls;
