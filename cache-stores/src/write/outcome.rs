//! What an error of the remote says about a write: that it did not happen, or nothing.

use crate::fetch::own;
use crate::index::Ticket;
use crate::store::Inner;
use object_store::{Error, Result};

/// Whether the remote has certainly not done what it was asked for.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::AlreadyExists { .. }
            | Error::Precondition { .. }
            | Error::NotImplemented { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::UnknownConfigurationKey { .. }
    )
}

/// What can only be a mistake in the program.
pub(super) fn panicked(what: &str) -> Error {
    own(format!("the {what} panicked"))
}

impl Inner {
    /// What the remote answered, counted if it is an error.
    pub(super) fn counted<T>(&self, answer: Result<T>) -> Result<T> {
        if answer.is_err() {
            self.stats.remote_errors.add(1);
        }
        answer
    }

    /// The remote said so to a write: if that did certainly not happen the copy is as it was, else the next read asks.
    pub(super) async fn not_written(&self, ticket: Ticket, error: &Error) {
        self.stats.remote_errors.add(1);
        match is_refusal(error) {
            true => self.index.settle_doubt(ticket),
            false => {
                self.absent(ticket.path()).await;
                self.not_answered(vec![ticket]);
            }
        }
    }
}
