//! The same inside a `Result` of an `async fn`.

use larder::cached;

struct Score(u64);

#[cached]
async fn score(user: u64) -> Result<Score, String> {
    Ok(Score(user))
}

fn main() {}
