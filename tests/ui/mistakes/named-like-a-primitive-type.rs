//! The companion would hide the type.

use larder::cached;

#[cached]
fn char(code: u32) -> String {
    code.to_string()
}

fn main() {}
