//! Errors would be cached unnoticed.

use larder::cached;

type Answer<T> = Result<T, String>;

#[cached]
fn score(user: u64) -> Answer<u64> {
    Ok(user)
}

fn main() {}
