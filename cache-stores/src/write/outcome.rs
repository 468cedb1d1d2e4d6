//! What an error of the remote says about a write: that it did not happen, or nothing.

use crate::fetch::own;
use object_store::Error;

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
