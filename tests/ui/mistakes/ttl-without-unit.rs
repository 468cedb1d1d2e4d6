//! A time in quotes without a unit.

use larder::cached;

#[cached(ttl = "5")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
