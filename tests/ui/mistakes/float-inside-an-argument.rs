//! Floats behind a reference.

use larder::cached;

#[cached]
fn sum(all: &[f32]) -> f32 {
    all.iter().sum()
}

fn main() {}
