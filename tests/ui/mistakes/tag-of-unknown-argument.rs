//! A tag that names an argument which the function does not have.

use larder::cached;

#[cached(tags = ["team", "user:{idd}"])]
fn user(id: u64) -> u64 {
    id
}

#[cached(tags = ["user:{self.id}"])]
fn nobody(id: u64) -> u64 {
    id
}

fn main() {}
