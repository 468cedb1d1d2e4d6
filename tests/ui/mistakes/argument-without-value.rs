//! An argument that needs a value.

use larder::cached;

#[cached(ttl)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
