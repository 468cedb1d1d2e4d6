//! Writing: through to the remote, or into the journal, and what that does to the copies.

mod journal;
mod overlay;
mod queue;
mod record;
mod scan;
