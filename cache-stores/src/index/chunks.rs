//! Which chunks of a copy lie in local, and how large they are: runs of equal ones.

/// Chunks `first..first + count`, of the same size and standing each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) count: u32,
    /// Bytes of each with its footer, and [`CHECKED`].
    mark: u32,
}

/// The bit of a mark that says: the payload was compared with its checksum since the index was opened.
const CHECKED: u32 = 1 << 31;

/// The largest chunk, with its footer: a mark has one bit less than 32.
pub(super) const LARGEST: u64 = (CHECKED - 1) as u64;

impl Run {
    pub(super) fn bytes(self) -> u32 {
        self.mark & !CHECKED
    }

    fn end(self) -> u32 {
        self.first + self.count
    }

    fn has(self, chunk: u32) -> bool {
        self.first <= chunk && chunk < self.end()
    }
}

/// A set of chunks of one copy. Most copies are one run, which lies in place.
#[derive(Debug, Clone)]
pub(crate) struct Chunks(Runs);

#[derive(Debug, Clone)]
enum Runs {
    /// A count of 0: none.
    One(Run),
    /// Sorted, two at least, none touching an equal one. Boxed: a million entries have a set each.
    #[expect(clippy::box_collection, reason = "one word instead of three in every entry")]
    Many(Box<Vec<Run>>),
}

impl Chunks {
    pub(crate) const fn none() -> Self {
        Chunks(Runs::One(Run { first: 0, count: 0, mark: 0 }))
    }

    /// One chunk of so many bytes.
    pub(super) fn one(chunk: u32, bytes: u32) -> Self {
        let mut chunks = Chunks::none();
        chunks.put(chunk, bytes);
        chunks
    }

    pub(super) fn runs(&self) -> &[Run] {
        match &self.0 {
            Runs::One(Run { count: 0, .. }) => &[],
            Runs::One(run) => std::slice::from_ref(run),
            Runs::Many(runs) => runs,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs().is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.runs().iter().map(|run| u64::from(run.count)).sum()
    }

    /// What they take in local, with their footers.
    pub(crate) fn bytes(&self) -> u64 {
        self.runs().iter().map(|run| u64::from(run.count) * u64::from(run.bytes())).sum()
    }

    pub(crate) fn contains(&self, chunk: u32) -> bool {
        self.find(chunk).is_some()
    }

    /// What a chunk takes in local, with its footer.
    pub(crate) fn bytes_of(&self, chunk: u32) -> Option<u64> {
        self.find(chunk).map(|run| u64::from(run.bytes()))
    }

    /// Whether the payload was compared with its checksum since the index was opened.
    pub(crate) fn is_checked(&self, chunk: u32) -> bool {
        self.find(chunk).is_some_and(|run| run.mark & CHECKED != 0)
    }

    /// The chunks in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.runs().iter().flat_map(|run| run.first..run.end())
    }

    pub(crate) fn first(&self) -> Option<u32> {
        self.runs().first().map(|run| run.first)
    }

    /// Adds a chunk, or gives it another size. It counts as not checked.
    pub(super) fn put(&mut self, chunk: u32, bytes: u32) {
        self.mark(chunk, bytes);
    }

    /// Notes that a chunk was compared with its checksum.
    pub(super) fn check(&mut self, chunk: u32) {
        if let Some(run) = self.find(chunk) {
            self.mark(chunk, run.mark | CHECKED);
        }
    }

    /// Removes a chunk; gives its bytes if it was there.
    pub(super) fn take(&mut self, chunk: u32) -> Option<u64> {
        let bytes = self.bytes_of(chunk)?;
        if let Runs::One(Run { count: 1, .. }) = self.0 {
            *self = Chunks::none();
            return Some(bytes);
        }
        self.edit(|runs| cut(runs, chunk));
        Some(bytes)
    }

    fn find(&self, chunk: u32) -> Option<Run> {
        let runs = self.runs();
        let run = *runs.get(runs.partition_point(|run| run.end() <= chunk))?;
        run.has(chunk).then_some(run)
    }

    fn mark(&mut self, chunk: u32, mark: u32) {
        // The last number could not be the end of a run.
        debug_assert!(chunk < u32::MAX);
        // Nearly always: the only one, or the next of its kind.
        match &mut self.0 {
            Runs::One(run) if run.count == 0 => {
                *run = Run { first: chunk, count: 1, mark };
                return;
            }
            Runs::One(run) if run.end() == chunk && run.mark == mark => {
                run.count += 1;
                return;
            }
            Runs::One(_) | Runs::Many(_) => {}
        }
        self.edit(|runs| {
            cut(runs, chunk);
            let at = runs.partition_point(|run| run.end() <= chunk);
            runs.insert(at, Run { first: chunk, count: 1, mark });
            join(runs, at);
            if at > 0 {
                join(runs, at - 1);
            }
        });
    }

    fn edit(&mut self, change: impl FnOnce(&mut Vec<Run>)) {
        let mut runs = match std::mem::replace(&mut self.0, Chunks::none().0) {
            Runs::One(Run { count: 0, .. }) => Box::default(),
            Runs::One(run) => Box::new(vec![run]),
            Runs::Many(runs) => runs,
        };
        change(&mut runs);
        self.0 = match runs[..] {
            [] => return,
            [run] => Runs::One(run),
            _ => Runs::Many(runs),
        };
    }
}

impl PartialEq for Chunks {
    fn eq(&self, other: &Self) -> bool {
        self.runs() == other.runs()
    }
}

impl Eq for Chunks {}

/// For chunks whose size nobody knows.
impl FromIterator<u32> for Chunks {
    fn from_iter<I: IntoIterator<Item = u32>>(chunks: I) -> Self {
        let mut set = Chunks::none();
        chunks.into_iter().for_each(|chunk| set.put(chunk, 0));
        set
    }
}

/// Takes a chunk out of the run that has it.
fn cut(runs: &mut Vec<Run>, chunk: u32) {
    let at = runs.partition_point(|run| run.end() <= chunk);
    let Some(run) = runs.get(at).copied().filter(|run| run.has(chunk)) else { return };
    let before = Run { count: chunk - run.first, ..run };
    let after = Run { first: chunk + 1, count: run.end() - chunk - 1, ..run };
    let parts = [before, after].into_iter().filter(|run| run.count > 0);
    runs.splice(at..=at, parts);
}

/// Joins the run with the next one, if they touch and are alike.
fn join(runs: &mut Vec<Run>, at: usize) {
    let [one, other, ..] = runs[at..] else { return };
    if one.end() == other.first && one.mark == other.mark {
        runs[at].count += other.count;
        runs.remove(at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_whole_copy_takes_two_runs_at_most() {
        let mut chunks = Chunks::none();
        (0..100).rev().for_each(|chunk| chunks.put(chunk, 4096));
        assert_eq!(chunks.runs().len(), 1);
        chunks.put(100, 17);
        assert_eq!((chunks.runs().len(), chunks.len()), (2, 101));
        assert_eq!(chunks.bytes(), 100 * 4096 + 17);
        assert_eq!(size_of::<Chunks>(), 16);
    }

    #[test]
    fn reading_through_a_copy_leaves_one_checked_run() {
        let mut chunks = Chunks::none();
        (0..9).for_each(|chunk| chunks.put(chunk, 10));
        (0..9).for_each(|chunk| chunks.check(chunk));
        assert!(chunks.is_checked(8) && !chunks.is_checked(9));
        assert_eq!((chunks.runs().len(), chunks.bytes()), (1, 90));
    }

    proptest! {
        #[test]
        fn a_set_is_what_a_map_would_be(
            steps in prop::collection::vec((0_u8..3, 0_u32..12, 1_u32..3), 0..60)
        ) {
            let (mut chunks, mut naive) = (Chunks::none(), BTreeMap::new());
            for (step, chunk, bytes) in steps {
                match step {
                    0 => {
                        chunks.put(chunk, bytes);
                        naive.insert(chunk, (bytes, false));
                    }
                    1 => {
                        let was = naive.remove(&chunk).map(|(bytes, _)| u64::from(bytes));
                        prop_assert_eq!(chunks.take(chunk), was);
                    }
                    _ => {
                        chunks.check(chunk);
                        naive.entry(chunk).and_modify(|(_, checked)| *checked = true);
                    }
                }
                prop_assert!(chunks.iter().eq(naive.keys().copied()));
                prop_assert_eq!(chunks.len(), naive.len() as u64);
                let bytes: u64 = naive.values().map(|(bytes, _)| u64::from(*bytes)).sum();
                prop_assert_eq!(chunks.bytes(), bytes);
                for chunk in 0..13 {
                    let checked = naive.get(&chunk).is_some_and(|(_, checked)| *checked);
                    prop_assert_eq!(chunks.is_checked(chunk), checked);
                }
                let alike = |pair: &[Run]| pair[0].end() == pair[1].first && pair[0].mark == pair[1].mark;
                prop_assert!(!chunks.runs().windows(2).any(alike));
            }
        }
    }
}
