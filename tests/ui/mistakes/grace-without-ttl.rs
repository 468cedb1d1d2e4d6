//! Grace after an end that never comes.

use larder::cached;

#[cached(grace = "1h")]
fn score(user: u64) -> Result<u64, String> {
    Ok(user)
}

fn main() {}
