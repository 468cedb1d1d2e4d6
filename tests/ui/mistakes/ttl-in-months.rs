//! A unit of no fixed length.

use larder::cached;

#[cached(ttl = "2 months")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
