//! What the sources have said so far, and when to ask them again. No sockets and no clock here.

use super::servers::Source;
use crate::memcached::ring::Node;
use std::collections::HashSet;
use std::time::Duration;

/// An answer that is older is asked for again, whatever its TTL says: nobody changes his servers
/// and waits a week.
const LONGEST: Duration = Duration::from_secs(3600);
/// A TTL of 0 must not become a busy loop.
const SHORTEST: Duration = Duration::from_secs(1);

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) nodes: Vec<Node>,
    /// How long it holds, if it says so.
    pub(super) valid: Option<Duration>,
}

/// What all sources have said.
#[derive(Debug)]
pub(super) struct Learned(Vec<Known>);

#[derive(Debug)]
struct Known {
    source: Source,
    nodes: Vec<Node>,
    asked: bool,
    failures: u32,
    trouble: Option<String>,
}

impl Learned {
    pub(super) fn new(sources: &[Source]) -> Self {
        let known = |source: &Source| Known {
            nodes: vec![source.itself()],
            asked: matches!(source, Source::Fixed(_)),
            source: source.clone(),
            failures: 0,
            trouble: None,
        };
        Learned(sources.iter().map(known).collect())
    }

    /// Takes an answer of a source and says when to ask it again. A failure changes no list. `chance`
    /// is from 0 to 1.
    pub(super) fn learn(
        &mut self,
        at: usize,
        answer: Result<Found, String>,
        every: Duration,
        chance: f64,
    ) -> Duration {
        let known = &mut self.0[at];
        known.asked = true;
        match answer {
            Ok(mut found) => {
                // The order of an answer means nothing, and changes with each.
                found.nodes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                known.nodes = found.nodes;
                known.failures = 0;
                known.trouble = None;
                match found.valid {
                    // A little later than all at once.
                    Some(valid) => valid.clamp(SHORTEST, LONGEST).mul_f64(1.0 + chance / 10.0),
                    None => between(every, chance),
                }
            }
            Err(trouble) => {
                known.trouble = Some(format!("{}: {trouble}", known.source.name()));
                known.failures = known.failures.saturating_add(1);
                let pause = SHORTEST.saturating_mul(1 << (known.failures - 1).min(16));
                between(pause.min(every), chance)
            }
        }
    }

    /// All servers, each name once; `None` until every source was asked.
    pub(super) fn nodes(&self) -> Option<Vec<Node>> {
        if self.0.iter().any(|known| !known.asked) {
            return None;
        }
        let mut seen = HashSet::new();
        let all = self.0.iter().flat_map(|known| &known.nodes);
        Some(all.filter(|node| seen.insert(node.name.as_str())).cloned().collect())
    }

    /// Why lists may be outdated.
    pub(super) fn troubles(&self) -> Vec<String> {
        self.0.iter().filter_map(|known| known.trouble.clone()).collect()
    }
}

/// From half of it to all of it.
fn between(time: Duration, chance: f64) -> Duration {
    time.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::discover::Servers;

    const MINUTE: Duration = Duration::from_secs(60);

    fn found(names: &[&str], valid: Option<u64>) -> Result<Found, String> {
        let nodes = names.iter().copied().map(Node::new).collect();
        Ok(Found { nodes, valid: valid.map(Duration::from_secs) })
    }

    fn learned(text: &str) -> Learned {
        Learned::new(&text.parse::<Servers>().unwrap().sources)
    }

    fn names(learned: &Learned) -> Option<Vec<String>> {
        learned.nodes().map(|nodes| nodes.into_iter().map(|node| node.name).collect())
    }

    #[test]
    fn nothing_is_known_until_every_source_was_asked() {
        let mut learned = learned("a:1,dns:n:2,elasticache:e:3");
        assert_eq!(names(&learned), None);
        learned.learn(1, found(&["y:2", "x:2"], Some(9)), MINUTE, 0.0);
        assert_eq!(names(&learned), None);
        learned.learn(2, Err("away".into()), MINUTE, 0.0);
        assert_eq!(names(&learned).unwrap(), ["a:1", "x:2", "y:2", "e:3"]);
        assert_eq!(learned.troubles(), ["elasticache:e:3: away"]);
    }

    #[test]
    fn a_failure_keeps_the_last_known_list_and_an_answer_ends_the_trouble() {
        let mut learned = learned("elasticache:e:3");
        learned.learn(0, Err("away".into()), MINUTE, 0.0);
        assert_eq!(names(&learned).unwrap(), ["e:3"]);
        learned.learn(0, found(&["b:1", "a:1", "a:1"], None), MINUTE, 0.0);
        assert_eq!(names(&learned).unwrap(), ["a:1", "b:1"]);
        assert_eq!(learned.troubles(), [] as [String; 0]);
        learned.learn(0, Err("away".into()), MINUTE, 0.0);
        assert_eq!(names(&learned).unwrap(), ["a:1", "b:1"]);
    }

    #[test]
    fn the_ttl_says_when_to_ask_again_within_bounds() {
        let mut learned = learned("dns:n:2");
        for (ttl, wait) in [(0, 1), (1, 1), (300, 300), (3600, 3600), (604_800, 3600)] {
            let answer = || found(&["x:2"], Some(ttl));
            assert_eq!(learned.learn(0, answer(), MINUTE, 0.0), Duration::from_secs(wait));
            let late = learned.learn(0, answer(), MINUTE, 1.0);
            assert_eq!(late, Duration::from_secs(wait).mul_f64(1.1));
        }
    }

    #[test]
    fn without_a_ttl_it_is_asked_again_every_30_to_60_seconds() {
        let mut learned = learned("dns:n:2");
        for (chance, wait) in [(0.0, 30), (0.5, 45), (1.0, 60)] {
            let answer = found(&["x:2"], None);
            assert_eq!(learned.learn(0, answer, MINUTE, chance), Duration::from_secs(wait));
        }
    }

    #[test]
    fn failures_double_the_pause_up_to_the_usual_one() {
        let mut learned = learned("dns:n:2");
        let mut failed = || learned.learn(0, Err("away".into()), MINUTE, 1.0).as_secs();
        assert_eq!(std::array::from_fn(|_| failed()), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!((0..100).all(|_| failed() == 60));
    }
}
