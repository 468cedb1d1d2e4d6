//! A time to live that is over before it begins.

use larder::cached;

#[cached(ttl = "-5m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
