//! The companions of a cached function, as methods of a handle for one set of arguments.
//!
//! `score::entry(7)` and `shop.price_entry("tea")` give a [`Call`] (or an [`AsyncCall`] for an
//! `async fn`); `score::peek(7)` and the others are one line each over it.

mod ahead;
mod args;
mod async_call;
mod begun;
mod call;
mod inline;
mod make;
mod work;

pub use args::Args;
pub use async_call::AsyncCall;
pub use begun::{Begun, Flying};
pub use call::Call;
pub use inline::{Acquire, Claim, InlineLead, Step, claim};
pub use work::{
    Alone, AsyncAlone, AsyncLater, AsyncWork, Background, Bundle, Keeps, Kept, Later, NoBackground,
    Sought, Work,
};
