//! A time with a unit, but without quotes.

use larder::cached;

#[cached(ttl = 5m)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
