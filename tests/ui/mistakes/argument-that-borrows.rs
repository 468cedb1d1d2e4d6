//! A key cannot keep what it borrows.

use larder::cached;

#[cached]
fn join(words: &[&str]) -> String {
    words.concat()
}

fn main() {}
