//! Which servers there are, as the user says it: a list, names to resolve, ElastiCache clusters.

use super::Address;
use crate::memcached::ring::Node;
use cache_core::{Error, Result};
use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// The greatest weight that a text may give.
const WEIGHTS: u32 = 65_535;

/// Which servers there are: a list with weights, names to resolve, ElastiCache clusters, in any mixture.
///
/// As text, parts are separated by commas, and any part may end in `*weight` (1 to 65535). Without a
/// port it is 11211.
///
/// | part | servers |
/// |---|---|
/// | `10.0.0.7:11211`, `cache-1.internal`, `[::1]:11211` | that one; a name is resolved when connecting |
/// | `unix:/run/memcached.sock` | that one |
/// | `dns:caches.internal:11211` | one for each address of the name (its IPv6 addresses only if it has no IPv4 ones), followed by their TTL with the feature `dns`, else every 30 to 60 seconds |
/// | `elasticache:mine.cfg.use1.cache.amazonaws.com:11211` | those that the configuration endpoint names, asked again every 30 to 60 seconds |
///
/// While a name server or an endpoint is away, or answers nonsense, the last known list stays. Before
/// the first answer the name or endpoint itself serves as the only server.
///
/// ```
/// use cache_clients::memcached::discover::Servers;
///
/// let servers: Servers = "10.0.0.7:11211*2, 10.0.0.8, unix:/run/memcached.sock".parse().unwrap();
/// let error = "10.0.0.7:eleven".parse::<Servers>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "servers, part 1: port `eleven` of `10.0.0.7:eleven` is no number from 1 to 65535"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    pub(super) sources: Vec<Source>,
    pub(super) pace: Pace,
}

/// How sources are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// How often a source without a TTL is asked, at the least.
    pub(super) every: Duration,
    /// How long an answer may take.
    pub(super) deadline: Duration,
    /// The name server; the system's if `None`.
    pub(super) name_server: Option<SocketAddr>,
}

/// Where a part of the list comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Fixed(Node),
    Dns { host: String, port: u16, weight: u32 },
    ElastiCache { endpoint: String, weight: u32 },
}

impl Source {
    /// What is there as long as nobody has said anything better.
    pub(super) fn itself(&self) -> Node {
        match self {
            Source::Fixed(node) => node.clone(),
            Source::Dns { host, port, weight } => {
                Node::new(format!("{host}:{port}")).with_weight(*weight)
            }
            Source::ElastiCache { endpoint, weight } => {
                Node::new(endpoint.clone()).with_weight(*weight)
            }
        }
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Fixed(node) => node.name.clone(),
            Source::Dns { host, port, .. } => format!("dns:{host}:{port}"),
            Source::ElastiCache { endpoint, .. } => format!("elasticache:{endpoint}"),
        }
    }
}

impl Servers {
    /// A list that does not change. The names are taken as they are.
    ///
    /// ```
    /// use cache_clients::memcached::{discover::Servers, ring::Node};
    ///
    /// let servers = Servers::fixed([Node::new("10.0.0.7:11211"), Node::new("10.0.0.8:11211").with_weight(2)]);
    /// ```
    #[must_use]
    pub fn fixed(nodes: impl IntoIterator<Item = Node>) -> Self {
        Servers { sources: nodes.into_iter().map(Source::Fixed).collect(), pace: Pace::default() }
    }

    /// How often to ask those who give no TTL (60 s): each time after half of it to all of it, by chance,
    /// so that many processes do not ask at once. After a failure sooner: from 1 s, doubling.
    #[must_use]
    pub fn with_every(mut self, every: Duration) -> Self {
        self.pace.every = every.max(Duration::from_millis(10));
        self
    }

    /// How long a name server or an endpoint may take to answer (3 s).
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.pace.deadline = deadline;
        self
    }

    /// Asks this name server instead of the system's.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn with_name_server(mut self, address: SocketAddr) -> Self {
        self.pace.name_server = Some(address);
        self
    }
}

impl Default for Pace {
    fn default() -> Self {
        Pace { every: Duration::from_secs(60), deadline: Duration::from_secs(3), name_server: None }
    }
}

impl FromStr for Servers {
    type Err = Error;

    /// Reads the text form. An empty text is no server at all: every read misses.
    fn from_str(text: &str) -> Result<Self> {
        let mut sources = Vec::new();
        let mut seen = HashSet::new();
        let parts = text.split(',').map(str::trim).enumerate();
        for (at, part) in parts.filter(|_| !text.trim().is_empty()) {
            let wrong = |what: String| Error::invalid(format!("servers, part {}: {what}", at + 1));
            let source = source(part).map_err(wrong)?;
            if !seen.insert(source.name()) {
                return Err(wrong(format!("`{}` was named before", source.name())));
            }
            sources.push(source);
        }
        Ok(Servers { sources, pace: Pace::default() })
    }
}

fn source(part: &str) -> Result<Source, String> {
    if part.is_empty() {
        return Err("there is nothing: right is host:port, as in `10.0.0.7:11211`".to_owned());
    }
    let (place, weight) = match part.split_once('*') {
        Some((place, weight)) => (place.trim_end(), weight_of(part, weight.trim_start())?),
        None => (part, 1),
    };
    if let Some(place) = place.strip_prefix("elasticache:") {
        let address = Address::parse(place)?;
        if matches!(address, Address::Unix(_)) {
            return Err(format!("`{part}`: an endpoint is host:port"));
        }
        let endpoint = address.to_string();
        return Ok(Source::ElastiCache { endpoint, weight });
    }
    if let Some(place) = place.strip_prefix("dns:") {
        let Address::Tcp { host, port } = Address::parse(place)? else {
            return Err(format!("`{part}`: a path has no dns name: write it without `dns:`"));
        };
        if host.parse::<IpAddr>().is_ok() {
            return Err(format!("`{part}`: {host} is an address: write it without `dns:`"));
        }
        if host.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                "`{part}`: after `dns:` comes a name, as in dns:caches.internal:11211"
            ));
        }
        return Ok(Source::Dns { host, port, weight });
    }
    let name = Address::parse(place)?.to_string();
    Ok(Source::Fixed(Node { name, weight }))
}

fn weight_of(part: &str, weight: &str) -> Result<u32, String> {
    let number = weight.parse().ok().filter(|number| (1..=WEIGHTS).contains(number));
    number.ok_or_else(|| format!("weight `{weight}` of `{part}` is no number from 1 to {WEIGHTS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(name: &str, weight: u32) -> Source {
        Source::Fixed(Node { name: name.to_owned(), weight })
    }

    #[test]
    fn all_kinds_of_parts_are_read() {
        let text = "10.0.0.7:11211*2, a ,[::1]:3 * 4,unix:/run/m.sock*5,dns:b.c*6,elasticache:e:7";
        assert_eq!(
            text.parse::<Servers>().unwrap().sources,
            [
                fixed("10.0.0.7:11211", 2),
                fixed("a:11211", 1),
                fixed("[::1]:3", 4),
                fixed("unix:/run/m.sock", 5),
                Source::Dns { host: "b.c".into(), port: 11211, weight: 6 },
                Source::ElastiCache { endpoint: "e:7".into(), weight: 1 },
            ]
        );
        assert_eq!(" ".parse::<Servers>().unwrap().sources, []);
    }

    #[test]
    fn an_error_names_the_part_and_what_is_right() {
        for (text, error) in [
            (
                "a,,b",
                "servers, part 2: there is nothing: right is host:port, as in `10.0.0.7:11211`",
            ),
            ("a*0", "servers, part 1: weight `0` of `a*0` is no number from 1 to 65535"),
            ("a,b*x", "servers, part 2: weight `x` of `b*x` is no number from 1 to 65535"),
            ("a,a:11211", "servers, part 2: `a:11211` was named before"),
            ("dns:::1", "servers, part 1: `::1`: an ipv6 address stands in brackets: [::1]:11211"),
            (
                "dns:10.0.0.1:1",
                "servers, part 1: `dns:10.0.0.1:1`: 10.0.0.1 is an address: write it without `dns:`",
            ),
            (
                "dns:11211",
                "servers, part 1: `dns:11211`: after `dns:` comes a name, as in dns:caches.internal:11211",
            ),
            ("elasticache:/x", "servers, part 1: `elasticache:/x`: an endpoint is host:port"),
            (
                "dns:unix:/x",
                "servers, part 1: `dns:unix:/x`: a path has no dns name: write it without `dns:`",
            ),
        ] {
            let given = text.parse::<Servers>().unwrap_err();
            assert!(given.is_invalid());
            assert!(given.to_string().ends_with(error), "{given}");
        }
    }
}
