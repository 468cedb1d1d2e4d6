//! What can be said of a configuration before a program runs with it.
//!
//! [`bounds`] derives what follows from the options of a region; `contradictions` finds options that do not
//! go together, and declared limits that the bounds break.

mod bounds;
mod contradictions;
mod show;

use crate::config::{Configuration, Drafts, Format, Mistake, Mistakes};
use std::path::Path;

pub use bounds::{Bounds, Load, Together};
pub use show::{size, time};

/// What an advisor has to say of a region: options that do not go together, or a limit that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// The configuration cannot be read.
    Mistake,
    /// Options that do not go together, though each is right by itself.
    Contradiction,
    /// A declared limit that the region may exceed.
    BrokenLimit,
}

/// One thing to be changed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Of what kind.
    pub kind: FindingKind,
    /// Where it is, and what would be right.
    pub mistake: Mistake,
}

/// All that can be said of a configuration; displayed as `larder check` prints it.
///
/// ```
/// use cache_regions::{Configuration, Format};
/// use std::time::Duration;
///
/// let text = "
/// [regions.users]
/// backend = 'memory'
/// arguments.entries = 1000
/// expiration = '5m'
/// async_ttl = '-1m'
/// max_staleness = '5s'
/// ";
/// let advice = Configuration::new().advise_str(text, Format::Toml);
/// assert!(!advice.is_good());
/// assert_eq!(advice.regions[0].staleness, Some(Duration::from_secs(300)));
/// assert_eq!(advice.regions[0].load.factor, Some(5.0));
/// assert_eq!(advice.findings.len(), 1); // the declared limit
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Advice {
    /// What follows from the options, for each region; empty where there are mistakes.
    pub regions: Vec<Bounds>,
    /// The same of other sections, in words; empty where there are mistakes.
    pub sections: Vec<String>,
    /// What should be changed.
    pub findings: Vec<Finding>,
}

impl Advice {
    /// Whether there is nothing to be changed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    fn of(drafts: Result<Drafts, Mistakes>) -> Self {
        match drafts {
            Ok(drafts) => {
                let sections = drafts.sections.iter().flat_map(|draft| draft.bounds()).collect();
                let regions: Vec<Bounds> = drafts.regions.iter().map(Bounds::of).collect();
                let pairs = drafts.regions.iter().zip(&regions);
                let mut findings: Vec<_> =
                    pairs.flat_map(|(draft, bounds)| contradictions::of(draft, bounds)).collect();
                findings.sort_by(|a, b| a.mistake.place.cmp(&b.mistake.place));
                Advice { regions, sections, findings }
            }
            Err(mistakes) => {
                let finding = |mistake: &Mistake| Finding {
                    kind: FindingKind::Mistake,
                    mistake: mistake.clone(),
                };
                Advice {
                    regions: Vec::new(),
                    sections: Vec::new(),
                    findings: mistakes.list().iter().map(finding).collect(),
                }
            }
        }
    }
}

impl Configuration {
    /// What can be said of a file. Nothing is opened, and nothing changed.
    #[must_use]
    pub fn advise(&self, path: impl AsRef<Path>) -> Advice {
        Advice::of(self.drafts(path.as_ref()))
    }

    /// What can be said of a text.
    #[must_use]
    pub fn advise_str(&self, text: &str, format: Format) -> Advice {
        Advice::of(self.drafts_str("text", text, format))
    }
}
