//! Writing through a store: what is acknowledged is there, and what fails has changed nothing.

mod back;
mod images;
mod parts;
mod side;
mod through;
mod waits;
mod world;
