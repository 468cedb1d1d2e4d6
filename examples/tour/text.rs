//! The text of the tour: larder's own documents and sources, as passages of numbered words.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub(crate) struct Text {
    pub(crate) files: Vec<&'static str>,
    pub(crate) passages: Vec<Passage>,
    pub(crate) known: HashMap<String, u32>,
    pub(crate) words: Vec<String>,
    /// How telling each word is, in hundredths: rare words are.
    pub(crate) weights: Vec<i32>,
    pub(crate) total: usize,
}

pub(crate) struct Passage {
    pub(crate) file: &'static str,
    pub(crate) line: usize,
    pub(crate) words: Vec<u32>,
}

pub(crate) static TEXT: LazyLock<Text> = LazyLock::new(Text::read);

/// Words in a passage.
const PASSAGE: usize = 80;
/// Passages compared at most, so that the tour takes the same time however much text there is.
const MOST: usize = 1500;
/// Passages of one file at most.
pub(crate) const OWN: usize = 12;
/// Files asked about.
const ASKED: usize = 14;

impl Text {
    fn read() -> Text {
        let mut files = files();
        let mut text = Text::empty();
        for (path, name) in &files {
            text.add(name, &std::fs::read_to_string(path).unwrap_or_default());
        }
        let step = text.passages.len().div_ceil(MOST).max(1);
        let mut at = 0;
        // Every `step`th passage: all of them, while there are few.
        text.passages.retain(|_| {
            at += 1;
            at % step == 0
        });
        files.retain(|(_, name)| text.passages.iter().any(|passage| passage.file == *name));
        let every = files.len().div_ceil(ASKED).max(1);
        text.files = files.iter().map(|(_, name)| *name).step_by(every).collect();
        text.weigh();
        text
    }

    fn empty() -> Text {
        let (known, words) = (HashMap::new(), Vec::new());
        Text {
            files: Vec::new(),
            passages: Vec::new(),
            known,
            words,
            weights: Vec::new(),
            total: 0,
        }
    }

    fn add(&mut self, file: &'static str, text: &str) {
        let mut open = Passage { file, line: 1, words: Vec::new() };
        for (at, line) in text.lines().enumerate() {
            open.words.extend(split(line).map(|word| self.number(word)).collect::<Vec<_>>());
            if open.words.len() >= PASSAGE {
                let next = Passage { file, line: at + 2, words: Vec::new() };
                self.passages.push(std::mem::replace(&mut open, next));
            }
        }
    }

    fn number(&mut self, word: String) -> u32 {
        let next = self.words.len() as u32;
        *self.known.entry(word).or_insert_with_key(|word| {
            self.words.push(word.clone());
            next
        })
    }

    /// The logarithm of how few passages have a word.
    fn weigh(&mut self) {
        let mut having = vec![0.0_f64; self.words.len()];
        for passage in &self.passages {
            let mut words = passage.words.clone();
            self.total += words.len();
            words.sort_unstable();
            words.dedup();
            words.iter().for_each(|word| having[*word as usize] += 1.0);
        }
        let all = self.passages.len() as f64;
        self.weights = having
            .iter()
            .map(|n| (100.0 * (1.0 + (all - n + 0.5) / (n + 0.5)).ln()) as i32)
            .collect();
    }
}

/// Paths and short names of the documents and sources, documents first.
fn files() -> Vec<(PathBuf, &'static str)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for name in [
        "README.md",
        "DESIGN.md",
        "docs",
        "src",
        "cache-core/src",
        "cache-clients/src",
        "cache-macros/src",
    ] {
        collect(&root.join(name), &mut found);
    }
    let short = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    // Leaked once: the names live as long as the program.
    found
        .into_iter()
        .map(|path| {
            let name = short(&path);
            (path, &*name.leak())
        })
        .collect()
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut inside: Vec<_> = inside.map(|entry| entry.path()).collect();
        inside.sort();
        inside.iter().for_each(|path| collect(path, found));
    } else if path.extension().is_some_and(|ending| ending == "md" || ending == "rs") {
        found.push(path.to_owned());
    }
}

pub(crate) fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Smith-Waterman over words: a common word brings its weight, everything else costs one.
pub(crate) fn alignment(a: &[u32], b: &[u32]) -> i32 {
    let (mut row, mut best) = (vec![0; b.len() + 1], 0);
    for word in a {
        let (gain, mut diagonal) = (TEXT.weights[*word as usize], 0);
        for (at, other) in b.iter().enumerate() {
            let step = diagonal + if word == other { gain } else { -COST };
            diagonal = row[at + 1];
            row[at + 1] = step.max(row[at] - COST).max(diagonal - COST).max(0);
            best = best.max(row[at + 1]);
        }
    }
    best / COST
}

/// What a difference costs.
const COST: i32 = 100;

/// BM25 of a query in one passage.
pub(crate) fn relevance(wanted: &[u32], passage: &Passage) -> f64 {
    let score = |word: &u32| {
        let times = passage.words.iter().filter(|other| *other == word).count() as f64;
        let length = 0.25 + 0.75 * passage.words.len() as f64 / PASSAGE as f64;
        f64::from(TEXT.weights[*word as usize]) * times * 2.2 / (times + 1.2 * length)
    };
    wanted.iter().map(score).sum()
}
