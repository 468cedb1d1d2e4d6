//! A tag that names what the function does not have.

use larder::invalidates;

#[invalidates(tag = "team:{teem}")]
fn leave(team: u64) {
    drop(team);
}

#[invalidates(tag = "team:{self.id}", self.user(team))]
fn join(team: u64) {
    drop(team);
}

struct Team;

impl Team {
    #[invalidates(tag = "team:{self}")]
    fn close(&self) {}
}

fn main() {}
