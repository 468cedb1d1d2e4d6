//! A name for values that nobody else can open.

use larder::cached;

#[cached(namespace = "scores", capacity = 10)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
