//! `#[invalidates]` that does not say what.

use larder::invalidates;

#[invalidates]
fn nothing() {}

#[invalidates(user)]
fn no_arguments() {}

#[invalidates("team")]
fn text() {}

#[invalidates(tags = ["team"])]
fn list() {}

#[invalidates(db.user(1))]
fn of_a_value() {}

#[invalidates(key = 7)]
fn unknown() {}

fn main() {}
