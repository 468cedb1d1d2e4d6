//! The variables that a configuration may ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A picture of the environment, taken once for each configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// That of the process; variables that are no UTF-8 are as if they were not set.
    pub(crate) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Environment(Arc::new(std::env::vars_os().filter_map(text).collect()))
    }

    pub(crate) fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Environment(Arc::new(variables.into_iter().collect()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}
