//! A refresh in the background needs what was skipped.

use larder::cached;

struct Db;

#[cached(ttl = "5m", async_ttl = "1m", skip(db))]
fn score(db: &Db, user: u64) -> u64 {
    let _ = db;
    user
}

fn main() {}
