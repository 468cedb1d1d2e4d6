//! Writing through a store: what is acknowledged is there, and what fails has changed nothing.

mod back;
#[path = "../common/mod.rs"]
mod common;
mod images;
mod late;
mod parts;
mod reopened;
mod stubborn;
mod through;
mod together;
mod told;
mod unkept;
mod waits;
mod world;
