//! A unit that does not exist.

use larder::cached;

#[cached(ttl = "5 parsecs")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
