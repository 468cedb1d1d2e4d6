//! Why a call would hit or miss now, tier by tier: as a value and in words.
//!
//! Nothing is changed by asking, and nothing is counted.

mod call;
mod report;
mod words;

pub use call::{Explain, explain};
pub use report::{
    ChangeKind, Explanation, Pause, SendTrouble, TierReport, TierState, UnsentChange, Verdict,
};
