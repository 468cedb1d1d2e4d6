//! Free loopback ports that stay free.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which the kernel takes the local ports of connections. From that range a
/// stopped server's port could be given away, and a client could even be connected to itself.
const RANGE: std::ops::Range<u16> = 11_000..32_000;

/// A port on which nobody listens at this moment, with the listener that proves it.
pub(crate) fn bind() -> TcpListener {
    for attempt in 0..1000_u32 {
        // A new `RandomState` has new keys: several test processes do not walk the same ports.
        let offset = RandomState::new().hash_one(attempt) % u64::from(RANGE.end - RANGE.start);
        let port = RANGE.start + u16::try_from(offset).expect("less than the range");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener;
        }
    }
    panic!("no free port on 127.0.0.1 between {} and {}", RANGE.start, RANGE.end);
}

/// A port on which nobody listened a moment ago.
pub(crate) fn free() -> u16 {
    bind().local_addr().expect("a bound listener has an address").port()
}
