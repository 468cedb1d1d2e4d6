//! Tags that are no list of names.

use larder::cached;

#[cached(tags = "team")]
fn text(id: u64) -> u64 {
    id
}

#[cached(tags = [])]
fn none(id: u64) -> u64 {
    id
}

#[cached(tags = ["team", 7, "team", ""])]
fn mixed(id: u64) -> u64 {
    id
}

#[cached(tag = "team")]
fn named(id: u64) -> u64 {
    id
}

#[cached(isolate = true)]
fn alone(id: u64) -> u64 {
    id
}

fn main() {}
