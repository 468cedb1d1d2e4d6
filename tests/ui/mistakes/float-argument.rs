//! A number that does not even equal itself.

use larder::cached;

#[cached]
fn wave(x: f64) -> f64 {
    x.sin()
}

fn main() {}
