//! In the key and not in the key.

use larder::cached;

#[cached(key = (user, query), skip(query))]
fn score(user: u64, query: &str) -> u64 {
    user + query.len() as u64
}

fn main() {}
