//! What is said about a cached function that has nothing to do with its types.

use crate::entry::Namespace;
use crate::policy::Policy;
use crate::rules::{Live, PolicyCell};

/// The part of a memo's builder that is the same code for all of them.
pub(crate) struct Terms {
    pub(crate) name: &'static str,
    pub(crate) of: Option<&'static str>,
    pub(crate) namespace: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) policy: Policy,
    /// Where the client may say what the attribute does not.
    pub(crate) cell: PolicyCell,
    pub(crate) extras: Vec<Box<dyn FnOnce(Namespace) -> Namespace>>,
}

impl Terms {
    pub(crate) fn new(name: &'static str) -> Self {
        Terms {
            name,
            of: None,
            namespace: None,
            version: None,
            policy: Policy::new(),
            cell: PolicyCell::default(),
            extras: Vec::new(),
        }
    }

    /// # Panics
    /// When the policy contradicts itself.
    pub(crate) fn checked_name(&self) -> String {
        let name = self.full_name();
        if let Some(fault) = self.policy.fault() {
            panic!("larder: `{name}`: {fault}");
        }
        name
    }

    fn full_name(&self) -> String {
        match self.of {
            Some(of) => format!("{} [{of}]", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Explicit names are used verbatim. Others begin with the function's path and differ between
    /// versions and TTLs, and nobody else can open them.
    pub(crate) fn space(&self) -> Namespace {
        let version = self.version.as_ref().map(|v| format!("#{v}")).unwrap_or_default();
        match &self.namespace {
            Some(explicit) => Namespace::new(format!("{explicit}{version}")),
            None => {
                let ttl = self.policy.ttl().map(|ttl| format!("@{ttl:?}")).unwrap_or_default();
                Namespace::private(format!("{}{version}{ttl}", self.full_name()))
            }
        }
    }

    /// The namespace with all that goes to the client along with it.
    pub(crate) fn open(&mut self) -> Namespace {
        let extras = std::mem::take(&mut self.extras);
        let space = self.space().with(self.cell.clone());
        extras.into_iter().fold(space, |space, extra| extra(space))
    }

    /// The policy as it may change.
    pub(crate) fn rules(&self) -> Live {
        Live::new(self.policy, self.cell.followed())
    }
}
