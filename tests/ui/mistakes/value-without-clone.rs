//! A value that cannot be handed out twice.

use larder::cached;

struct Score(u64);

#[cached]
fn score(user: u64) -> Score {
    Score(user)
}

fn main() {}
