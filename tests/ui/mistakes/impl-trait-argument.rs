//! A type that no key can name.

use larder::cached;

#[cached]
fn show(item: impl ToString) -> String {
    item.to_string()
}

fn main() {}
