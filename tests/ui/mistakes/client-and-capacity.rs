//! Two places for the values.

use larder::cached;

static CLIENT: std::sync::LazyLock<larder::Inproc> = std::sync::LazyLock::new(|| larder::Inproc::new(10));

#[cached(client = CLIENT, capacity = 10)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
