//! Room for nothing.

use larder::cached;

#[cached(capacity = 0)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
