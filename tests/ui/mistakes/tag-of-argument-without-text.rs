//! A tag with an argument that has no text of its own.

use larder::cached;

#[cached(tags = ["team:{team}"])]
fn user(id: u64, team: Option<u64>) -> u64 {
    id + team.unwrap_or(0)
}

fn main() {}
