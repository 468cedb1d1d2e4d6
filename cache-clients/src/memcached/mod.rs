//! memcached: the wire, the connections, the ring, and the server contract over them.

pub mod discover;
pub mod ring;
