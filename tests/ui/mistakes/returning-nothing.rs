//! Nothing to cache.

use larder::cached;

#[cached]
fn greet(name: &str) {
    println!("hello {name}");
}

fn main() {}
