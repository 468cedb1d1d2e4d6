//! Weights that nothing counts.

use larder::cached;

#[cached(weight = |_, value| value.len() as u32)]
fn name(user: u64) -> String {
    user.to_string()
}

fn main() {}
