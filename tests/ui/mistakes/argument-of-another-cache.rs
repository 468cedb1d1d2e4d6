//! A word from another library.

use larder::cached;

#[cached(max_size = 100)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
