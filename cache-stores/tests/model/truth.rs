//! What was true of one path, and since when.

use bytes::Bytes;
use std::time::Duration;

/// All that a path has been, in order.
#[derive(Debug)]
pub(crate) struct Truth {
    /// What it was from then on; `None`: it was not there.
    versions: Vec<(Duration, Option<Bytes>)>,
    /// Nothing before this one may be read any more: it was written here, or has been read.
    floor: usize,
}

impl Truth {
    pub(crate) fn new() -> Self {
        Truth { versions: vec![(Duration::ZERO, None)], floor: 0 }
    }

    pub(crate) fn now(&self) -> &Option<Bytes> {
        &self.versions[self.versions.len() - 1].1
    }

    /// It is this now, whoever made it so.
    pub(crate) fn becomes(&mut self, at: Duration, content: Option<Bytes>) {
        if *self.now() != content {
            self.versions.push((at, content));
        }
    }

    /// What it is now was acknowledged here.
    pub(crate) fn acknowledge(&mut self) {
        self.floor = self.versions.len() - 1;
    }

    /// What may be read: what was replaced less than `age` ago; for ever, without one.
    pub(crate) fn readable(
        &self,
        at: Duration,
        age: Option<Duration>,
    ) -> Vec<(usize, &Option<Bytes>)> {
        let last = self.versions.len() - 1;
        (self.floor..=last)
            .filter(|n| *n == last || age.is_none_or(|age| at < self.versions[n + 1].0 + age))
            .map(|n| (n, &self.versions[n].1))
            .collect()
    }

    /// It is this one: what was perhaps written after it was not.
    pub(crate) fn is(&mut self, version: usize) {
        self.versions.truncate(version + 1);
        self.was_read(version);
    }

    /// Somebody has read this one: nobody reads an older one afterwards.
    pub(crate) fn was_read(&mut self, version: usize) {
        self.floor = self.floor.max(version);
    }
}
