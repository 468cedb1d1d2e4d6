//! What is no cached function and has figures too: a line of its own in the report.

use std::sync::{Arc, Mutex, PoisonError, Weak};

static ALSO: Mutex<Vec<Weak<dyn Reported>>> = Mutex::new(Vec::new());

/// What has a line in the [report](crate::report) beside the cached functions: see [`report_also`].
///
/// ```
/// struct Connections(u32);
/// impl cache_core::Reported for Connections {
///     fn line(&self) -> String {
///         format!("connections: {} open", self.0)
///     }
/// }
/// # assert_eq!(cache_core::Reported::line(&Connections(3)), "connections: 3 open");
/// ```
pub trait Reported: Send + Sync + 'static {
    /// Its figures now, on one line, which begins with what it is.
    fn line(&self) -> String;
}

/// Gives this a line in the [report](crate::report), after the functions, for as long as somebody has it.
///
/// ```
/// use std::sync::{Arc, Weak};
///
/// struct Connections(u32);
/// impl cache_core::Reported for Connections {
///     fn line(&self) -> String {
///         format!("connections: {} open", self.0)
///     }
/// }
/// let connections = Arc::new(Connections(3));
/// let weak: Weak<Connections> = Arc::downgrade(&connections);
/// cache_core::report_also(weak);
/// assert!(cache_core::report().contains("connections: 3 open"));
/// drop(connections);
/// assert!(!cache_core::report().contains("connections"));
/// ```
pub fn report_also(source: Weak<dyn Reported>) {
    let mut also = ALSO.lock().unwrap_or_else(PoisonError::into_inner);
    if also.len() == also.capacity() {
        also.retain(|one| one.strong_count() > 0);
    }
    also.push(source);
}

/// The lines of all that is still there, in the order of the alphabet.
pub(crate) fn lines() -> Vec<String> {
    // Sources are others' code, also where the last of them is dropped: not under the lock.
    let sources: Vec<Arc<dyn Reported>> = {
        let also = ALSO.lock().unwrap_or_else(PoisonError::into_inner);
        also.iter().filter_map(Weak::upgrade).collect()
    };
    let mut lines: Vec<_> = sources.iter().map(|source| source.line()).collect();
    lines.sort();
    lines
}
