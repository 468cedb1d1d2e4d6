//! Both are told at once.

use larder::cached;

#[cached(ttl = "-5m", jitter = 2.0)]
fn next(counter: &mut u64) -> u64 {
    *counter
}

fn main() {}
