//! All that is wrong with a configuration, at once.

use super::tree::Place;
use cache_core::Error;
use std::fmt;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub(crate) place: Place,
    message: String,
}

impl Mistake {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Mistake { place, message: one_line(message.into()) }
    }

    /// Line and column in the file, counted from 1; `None` in maps and variables of the environment.
    #[must_use]
    pub fn position(&self) -> Option<(usize, usize)> {
        match self.place {
            Place::At { line, column, .. } => Some((line, column)),
            Place::Named(_) => None,
        }
    }

    /// What is wrong, and what would be right.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Names come from the file as they are, and a list of mistakes has one to a line.
fn one_line(message: String) -> String {
    if !message.contains(char::is_control) {
        return message;
    }
    let escaped =
        |of: char| if of.is_control() { of.escape_debug().to_string() } else { of.into() };
    message.chars().map(escaped).collect()
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Where something stands in a configuration; displayed as `file:line:column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot(pub(crate) Place);

impl Spot {
    /// That something is wrong here. Messages name the thing, its value, and what would be right.
    #[must_use]
    pub fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.0.clone(), message)
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All that is wrong with a configuration, in the order of the file; displayed a line each.
///
/// ```
/// use cache_regions::{Configuration, Format};
///
/// let text = "[regions.users]\nexpirtion = '5m'\nbackend = 'null'\n";
/// let mistakes = Configuration::new().plans_str(text, Format::Toml).unwrap_err();
/// assert_eq!(
///     mistakes.to_string(),
///     "text:2:1: region `users` has no option `expirtion`: did you mean `expiration`?"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// These, sorted by their places; there should be one at least.
    #[must_use]
    pub fn new(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        mistakes.dedup();
        Mistakes(mistakes)
    }

    /// Each of them; never none.
    #[must_use]
    pub fn list(&self) -> &[Mistake] {
        &self.0
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl From<Mistakes> for Error {
    fn from(mistakes: Mistakes) -> Self {
        Error::invalid(mistakes.to_string())
    }
}
