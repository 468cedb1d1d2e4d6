//! A type parameter that may be anything.

use larder::cached;

#[cached]
fn render<T: ToString>(item: T) -> String {
    item.to_string()
}

fn main() {}
