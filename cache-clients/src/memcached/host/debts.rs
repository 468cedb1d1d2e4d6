//! What a server has missed while it was away.

use std::collections::HashSet;
use std::sync::Arc;

/// Keys that were changed elsewhere, or whose change was not answered: they are removed from the
/// server before it is trusted again.
#[derive(Debug, Default)]
pub(super) struct Debts {
    keys: HashSet<String>,
    limit: usize,
    /// There were too many: all of the server is removed.
    overflow: bool,
    /// These are on their way.
    under_way: Option<Due>,
}

/// What is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    Keys(Arc<[String]>),
    Everything,
}

impl Debts {
    pub(super) fn new(limit: usize) -> Self {
        Debts { limit, ..Debts::default() }
    }

    pub(super) fn add(&mut self, key: &str) {
        if self.overflow {
            return;
        }
        if self.keys.len() >= self.limit && !self.keys.contains(key) {
            self.add_everything();
            return;
        }
        self.keys.insert(key.to_owned());
    }

    pub(super) fn add_everything(&mut self) {
        self.overflow = true;
        self.keys = HashSet::new();
    }

    #[cfg(test)]
    pub(super) fn are_everything(&self) -> bool {
        self.overflow
    }

    /// Nothing is owed and nothing is on its way: the server may be read.
    pub(super) fn are_settled(&self) -> bool {
        self.keys.is_empty() && !self.overflow && self.under_way.is_none()
    }

    pub(super) fn are_delivering(&self) -> bool {
        self.under_way.is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Takes what is owed; [`delivered`](Debts::delivered) must follow.
    pub(super) fn take(&mut self) -> Due {
        let due = match std::mem::take(&mut self.overflow) {
            true => Due::Everything,
            false => Due::Keys(std::mem::take(&mut self.keys).into_iter().collect()),
        };
        self.under_way = Some(due.clone());
        due
    }

    /// What was taken has arrived, or, if given back, has not.
    pub(super) fn delivered(&mut self, back: Option<&Due>) {
        self.under_way = None;
        if let Some(due) = back {
            self.add_due(due);
        }
    }

    fn add_due(&mut self, due: &Due) {
        match due {
            Due::Everything => self.add_everything(),
            Due::Keys(keys) => keys.iter().for_each(|key| self.add(key)),
        }
    }

    /// All of it, and what is on its way: it has not arrived yet.
    pub(super) fn all(&self) -> Vec<Due> {
        let waiting = match self.overflow {
            true => Due::Everything,
            false => Due::Keys(self.keys.iter().cloned().collect()),
        };
        std::iter::once(waiting).chain(self.under_way.clone()).collect()
    }

    /// Owes what another one does, too.
    pub(super) fn add_all(&mut self, dues: &[Due]) {
        dues.iter().for_each(|due| self.add_due(due));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_settled_when_it_has_arrived() {
        let mut debts = Debts::new(3);
        assert!(debts.are_settled());
        debts.add("a");
        debts.add("a");
        assert!(!debts.are_settled());
        let due = debts.take();
        assert_eq!(due, Due::Keys(["a".into()].into()));
        assert!(!debts.are_settled(), "it is on its way");
        debts.delivered(Some(&due));
        assert_eq!(debts.len(), 1);
        debts.take();
        debts.add("b");
        debts.delivered(None);
        assert!(!debts.are_settled(), "something has been added meanwhile");
    }

    #[test]
    fn who_takes_over_owes_also_what_is_on_its_way() {
        let (mut debts, mut later) = (Debts::new(3), Debts::new(3));
        debts.add("a");
        debts.take();
        debts.add("b");
        later.add_all(&debts.all());
        assert_eq!((debts.len(), later.len()), (1, 2));
        debts.add_everything();
        later.add_all(&debts.all());
        assert!(later.are_everything());
    }

    #[test]
    fn too_much_is_everything() {
        let mut debts = Debts::new(2);
        ["a", "b", "b", "c", "d"].iter().for_each(|key| debts.add(key));
        assert_eq!(debts.len(), 0);
        let due = debts.take();
        assert_eq!(due, Due::Everything);
        debts.delivered(Some(&due));
        assert!(!debts.are_settled());
        debts.take();
        debts.delivered(None);
        assert!(debts.are_settled());
    }
}
