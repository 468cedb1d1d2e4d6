//! What is explained is a call, and not what the call gives.

use larder::{cached, explain};

#[cached]
fn score(user: u64) -> u64 {
    user
}

fn main() {
    println!("{}", explain(score(7)));
}
