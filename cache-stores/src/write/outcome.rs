//! What an error of the remote says about a write: that it did not happen, or nothing.

use object_store::Error;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

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

/// The same error once more: it was an answer to someone else, too.
pub(super) fn again(error: &Arc<Error>) -> Error {
    let source: Box<dyn StdError + Send + Sync> = Box::new(Again(error.clone()));
    match &**error {
        Error::NotFound { path, .. } => Error::NotFound { path: path.clone(), source },
        Error::PermissionDenied { path, .. } => Error::PermissionDenied { path: path.clone(), source },
        Error::Unauthenticated { path, .. } => Error::Unauthenticated { path: path.clone(), source },
        Error::Precondition { path, .. } => Error::Precondition { path: path.clone(), source },
        Error::AlreadyExists { path, .. } => Error::AlreadyExists { path: path.clone(), source },
        Error::NotSupported { .. } => Error::NotSupported { source },
        _ => Error::Generic { store: "CachedStore", source },
    }
}

/// What can only be a mistake in the program.
pub(super) fn panicked(what: &str) -> Error {
    Error::Generic { store: "CachedStore", source: format!("the {what} panicked").into() }
}

#[derive(Debug)]
struct Again(Arc<Error>);

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a write that waits was not sent: {}", self.0)
    }
}

impl StdError for Again {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}
