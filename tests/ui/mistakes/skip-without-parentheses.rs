//! Not how arguments are skipped.

use larder::cached;

#[cached(skip = db)]
fn score(db: &str, user: u64) -> u64 {
    user + db.len() as u64
}

fn main() {}
