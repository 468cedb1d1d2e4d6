//! Errors of stores as those of files.

use object_store::Error;
use std::error::Error as Cause;
use std::io::{self, ErrorKind};

/// The same error, of the kind that tells a missing object from one that is refused or cannot be reached; the
/// store's own is inside.
pub(super) fn io_error(error: Error) -> io::Error {
    io::Error::new(kind(&error), error)
}

fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            ErrorKind::PermissionDenied
        }
        Error::AlreadyExists { .. } => ErrorKind::AlreadyExists,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => ErrorKind::Unsupported,
        Error::InvalidPath { .. } => ErrorKind::InvalidInput,
        // What was known of the object is no longer true, as with a file that was replaced on a server.
        Error::Precondition { .. } => ErrorKind::StaleNetworkFileHandle,
        _ => deeper(error),
    }
}

/// Of what the store met below: a full disk, a refused connection.
fn deeper(error: &Error) -> ErrorKind {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>()
            && io.kind() != ErrorKind::Other
        {
            return io.kind();
        }
        if inner.downcast_ref::<cache_core::Error>().is_some_and(cache_core::Error::is_unreachable)
        {
            return ErrorKind::HostUnreachable;
        }
        cause = inner.source();
    }
    ErrorKind::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_a_store_has_the_kind_of_a_files() {
        let generic = |kind: ErrorKind| Error::Generic {
            store: "test",
            source: Box::new(io::Error::new(kind, "below")),
        };
        let cause = || "cause".into();
        let path = || "a".to_owned();
        for (error, kind) in [
            (Error::NotFound { path: path(), source: cause() }, ErrorKind::NotFound),
            (Error::Unauthenticated { path: path(), source: cause() }, ErrorKind::PermissionDenied),
            (
                Error::Precondition { path: path(), source: cause() },
                ErrorKind::StaleNetworkFileHandle,
            ),
            (Error::NotSupported { source: cause() }, ErrorKind::Unsupported),
            (generic(ErrorKind::StorageFull), ErrorKind::StorageFull),
            (generic(ErrorKind::Other), ErrorKind::Other),
            (
                Error::Generic {
                    store: "test",
                    source: Box::new(cache_core::Error::unreachable("redis", "away")),
                },
                ErrorKind::HostUnreachable,
            ),
        ] {
            let error = io_error(error);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.get_ref().is_some_and(|inner| inner.is::<Error>()));
        }
    }
}
