//! The arguments are not those of the cached function.

use larder::{cached, invalidates};

#[cached]
fn user(id: u64, name: &str) -> u64 {
    id + name.len() as u64
}

#[invalidates(user(id))]
fn too_few(id: u64) {
    drop(id);
}

#[invalidates(user(name, &name))]
fn of_another_type(name: String) {
    drop(name);
}

#[invalidates(user(idd, "x"))]
fn unknown(id: u64) {
    drop(id);
}

fn main() {}
