//! One error of the remote for all who waited for it.

use object_store::Error;
use std::fmt;
use std::sync::Arc;

/// Why a fetch failed.
pub(crate) type Failure = Arc<Error>;

/// The same error once more: its variant, its path, its text.
pub(crate) fn again(failure: &Failure) -> Error {
    let source = Box::new(Shared(failure.clone()));
    match &**failure {
        Error::NotFound { path, .. } => Error::NotFound { path: path.clone(), source },
        Error::AlreadyExists { path, .. } => Error::AlreadyExists { path: path.clone(), source },
        Error::Precondition { path, .. } => Error::Precondition { path: path.clone(), source },
        Error::NotModified { path, .. } => Error::NotModified { path: path.clone(), source },
        Error::PermissionDenied { path, .. } => {
            Error::PermissionDenied { path: path.clone(), source }
        }
        Error::Unauthenticated { path, .. } => {
            Error::Unauthenticated { path: path.clone(), source }
        }
        Error::NotSupported { .. } => Error::NotSupported { source },
        Error::NotImplemented { operation, implementer } => {
            Error::NotImplemented { operation: operation.clone(), implementer: implementer.clone() }
        }
        Error::Generic { store, .. } => Error::Generic { store, source },
        _ => Error::Generic { store: STORE, source },
    }
}

/// What our own errors name as the store.
pub(crate) const STORE: &str = "CachedStore";

/// An error of our own.
pub(crate) fn own(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: STORE, source: what.into() }
}

/// Whether the remote was not able to answer, as opposed to an answer that nobody likes.
pub(crate) fn is_away(error: &Error) -> bool {
    matches!(error, Error::Generic { .. } | Error::JoinError { .. })
}

/// Whether the object is not what it was.
pub(crate) fn is_changed(error: &Error) -> bool {
    matches!(error, Error::Precondition { .. } | Error::NotFound { .. })
}

/// The cause of an error that was handed out again: what the first one would have said.
struct Shared(Failure);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(&*self.0) {
            Some(source) => fmt::Display::fmt(source, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text of the first source is ours already.
        std::error::Error::source(&*self.0).and_then(std::error::Error::source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_handed_out_again_says_the_same() {
        let first = Error::NotFound { path: "a/b".to_owned(), source: "no such key".into() };
        let text = first.to_string();
        let second = again(&Arc::new(first));
        assert!(matches!(second, Error::NotFound { .. }));
        assert_eq!(second.to_string(), text);
        assert_eq!(again(&Arc::new(second)).to_string(), text);
    }

    #[test]
    fn only_a_remote_without_an_answer_is_away() {
        assert!(is_away(&own("connection refused")));
        assert!(!is_away(&Error::NotModified { path: String::new(), source: "304".into() }));
    }
}
