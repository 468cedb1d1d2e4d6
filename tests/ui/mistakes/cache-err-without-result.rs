//! Errors of a function that has none.

use larder::cached;

#[cached(cache_err = "10s")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
