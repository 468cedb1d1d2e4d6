//! What goes wrong in a store that is watched.

use cache_stores::object_store::path::Path;
use cache_stores::object_store::{Error, Result};

/// How it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No answer, and nothing was done.
    Away,
    /// It was done, and the answer is lost. A read is not harmed.
    Unsure,
    Denied,
    /// There is no room: what is deleted is deleted.
    Full,
    /// Its own code fails.
    Panic,
    /// There is no answer, ever: of lists.
    Never,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) get: Option<Fault>,
    /// Of a whole object.
    pub(crate) put: Option<Fault>,
    /// Everything that changes anything: puts, parts, copies, deletions.
    pub(crate) change: Option<Fault>,
    /// Of all that lies below a prefix.
    pub(crate) list: Option<Fault>,
    /// Of what lies directly below one.
    pub(crate) level: Option<Fault>,
    /// A body breaks after so many bytes.
    pub(crate) body: Option<usize>,
    /// Only of what begins so.
    pub(crate) prefix: &'static str,
}

/// What usually goes wrong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    No,
    /// Nobody answers, readers neither.
    Away,
    Unsure,
    Denied,
    Full,
}

impl From<Fails> for Faults {
    fn from(fails: Fails) -> Self {
        let (get, change) = match fails {
            Fails::No => (None, None),
            Fails::Away => (Some(Fault::Away), Some(Fault::Away)),
            Fails::Unsure => (None, Some(Fault::Unsure)),
            Fails::Denied => (None, Some(Fault::Denied)),
            Fails::Full => (None, Some(Fault::Full)),
        };
        Faults { get, change, ..Faults::default() }
    }
}

impl Fault {
    /// Before anything is done.
    pub(crate) fn before(self, path: &Path) -> Result<()> {
        match self {
            Fault::Away => Err(generic("nobody answers")),
            Fault::Denied => Err(Error::PermissionDenied {
                path: path.to_string(),
                source: "not for you".into(),
            }),
            Fault::Full => Err(generic("no space is left")),
            Fault::Unsure | Fault::Never => Ok(()),
            Fault::Panic => panic!("a store that panics on purpose"),
        }
    }

    /// Before what may never be answered.
    pub(super) async fn pass(self, path: &Path) -> Result<()> {
        match self {
            Fault::Never => std::future::pending().await,
            other => other.before(path),
        }
    }

    /// When all is done.
    pub(crate) fn after(self) -> Result<()> {
        match self {
            Fault::Unsure => Err(generic("the answer was lost")),
            Fault::Away | Fault::Denied | Fault::Full | Fault::Panic | Fault::Never => Ok(()),
        }
    }
}

impl Faults {
    /// Those of a path.
    pub(crate) fn of(self, path: &Path) -> Self {
        match path.as_ref().starts_with(self.prefix) {
            true => self,
            false => Faults::default(),
        }
    }
}

pub(crate) fn generic(what: &'static str) -> Error {
    Error::Generic { store: "Watched", source: what.into() }
}
