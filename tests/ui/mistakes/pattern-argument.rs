//! An argument in pieces.

use larder::cached;

#[cached]
fn area((width, height): (u64, u64)) -> u64 {
    width * height
}

fn main() {}
