//! An argument that nobody decided about.

use larder::cached;

#[cached(key = user)]
fn score(user: u64, query: &str) -> u64 {
    user + query.len() as u64
}

fn main() {}
