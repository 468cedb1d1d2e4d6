//! A time to live that keeps nothing.

use larder::cached;

#[cached(ttl = 0)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
