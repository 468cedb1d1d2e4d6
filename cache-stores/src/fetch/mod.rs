//! Flights: one request to the remote for all who read the same at the same time.

/// The flights of a store.
#[derive(Debug, Default)]
pub(crate) struct Flights;
