//! There is no such argument.

use larder::cached;

#[cached(skip(bd))]
fn score(db: &str, user: u64) -> u64 {
    user + db.len() as u64
}

fn main() {}
