//! The one table of options: reader, messages and the README's table are made from it.

/// One option of a configuration: what readers, messages and documentation know of it.
///
/// ```
/// use cache_regions::{OptionRow, options_markdown};
///
/// const OPTIONS: &[OptionRow] = &[
///     OptionRow::new("shelf", "boards", "a whole number", "`4`", "how many boards it has", &["planks"]),
/// ];
/// let text = options_markdown(OPTIONS, |of| format!("A {of}"));
/// assert!(text.contains("| `boards` | a whole number | `4` | how many boards it has |"));
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct OptionRow {
    /// Where it stands: `region`, the name of a backend, or of an option that is a table.
    pub of: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What may follow it.
    pub forms: &'static str,
    /// What happens without it.
    pub default: &'static str,
    /// One line of explanation.
    pub doc: &'static str,
    /// What others call it, in small letters, for the suggestion after an unknown name.
    pub also: &'static [&'static str],
}

impl OptionRow {
    /// The option `name` of the table `of`.
    #[must_use]
    pub const fn new(
        of: &'static str,
        name: &'static str,
        forms: &'static str,
        default: &'static str,
        doc: &'static str,
        also: &'static [&'static str],
    ) -> Self {
        OptionRow { of, name, forms, default, doc, also }
    }
}

/// The options that may stand in one table.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    table: &'static [OptionRow],
    of: Vec<&'static str>,
}

impl Rows {
    pub(crate) fn new(table: &'static [OptionRow], of: &[&'static str]) -> Self {
        Rows { table, of: of.to_vec() }
    }

    /// Of regions, tiers and backends; none for what nobody knows.
    pub(crate) fn own(of: &[&'static str]) -> Self {
        Rows::new(OPTIONS, of)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &'static OptionRow> {
        self.table.iter().filter(|row| self.of.contains(&row.of))
    }

    /// The option of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static OptionRow> {
        self.all().find(|row| row.name == name)
    }

    /// The option that others call so.
    pub(crate) fn by_other_name(&self, name: &str) -> Option<&'static OptionRow> {
        let name = name.to_lowercase();
        self.all().find(|row| row.also.contains(&name.as_str()))
    }

    /// Those in the table that is the value of this option.
    pub(crate) fn inside(&self, name: &str) -> Self {
        let of = self.table.iter().find(|row| row.of == name).map(|row| row.of);
        Rows { table: self.table, of: of.into_iter().collect() }
    }
}

const fn row(
    of: &'static str,
    name: &'static str,
    forms: &'static str,
    default: &'static str,
    doc: &'static str,
    also: &'static [&'static str],
) -> OptionRow {
    OptionRow::new(of, name, forms, default, doc, also)
}

/// All options, in the order in which they are documented.
#[rustfmt::skip]
pub(crate) const OPTIONS: &[OptionRow] = &[
    row("region", "tiers", "a list of tables", "`backend`", "the tiers, nearest first", &["stack", "levels"]),
    row("region", "backend", "the name of a backend", "`tiers`", "a region of one tier: its backend", &["store", "client", "type"]),
    row("region", "arguments", "a table", "none", "the options of `backend`", &["options", "args", "params"]),
    row("region", "expiration", "`\"5m\"`, seconds, or `\"never\"`", "`\"never\"`", "the absolute limit of a value's age", &["ttl", "expiration_time", "expire", "expiry", "max_age", "timeout"]),
    row("region", "async_ttl", "`\"1m\"`, `\"-60s\"`, or seconds", "no refresh before expiry", "when to recompute in the background: with less than this left, or (negative) once older than this", &["refresh", "soft_ttl", "stale_while_revalidate", "refresh_after"]),
    row("region", "jitter", "`\"10%\"`, `0.1`, or `\"5s\"`", "none", "by how much an expiration is shortened at random", &["spread", "random"]),
    row("region", "grace", "`\"1h\"` or seconds", "none", "for how long past its expiration a value stands in for a computation that failed", &["stale_if_error", "fail_safe"]),
    row("region", "key_prefix", "1 to 32 letters, digits, `.`, `_` or `-`", "`\"larder\"`", "what keys on servers begin with", &["prefix", "namespace"]),
    row("region", "mangler", "`\"none\"`, `\"sha1\"`, `\"length:200\"`, or one that was registered", "`\"none\"`", "what is done to keys on servers; `length:N` takes SHA-1 of those of N characters and more, `length:N:NAME` another mangler", &["key_mangler", "mangle"]),
    row("region", "codec", "`\"auto\"`, `\"messagepack\"`, or `\"json\"`", "`\"auto\"`", "how values become bytes", &["serializer", "serialization", "encoding"]),
    row("region", "compression", "`\"off\"`, `\"lz4\"`, `\"zstd\"`, or a table", "lz4 from 2 KiB", "how bytes are compressed", &["compress", "compressor"]),
    row("region", "signing", "`\"on\"` or `\"off\"`", "on with a `signing_key`", "whether values are signed; on without a key is a mistake", &["signed", "sign", "signature"]),
    row("region", "signing_key", "`{ env = \"NAME\" }` or `{ file = \"PATH\" }`", "none", "64 hexadecimal digits; what is not signed with this key is not read", &["key", "secret", "hmac"]),
    row("region", "deadline", "`\"200ms\"` or seconds", "that of the backend", "how long a call of a tier may take, for the tiers that have no `deadline` of their own", &["operation_timeout", "call_timeout", "socket_timeout"]),
    row("region", "lease", "`\"10s\"` or seconds", "`\"10s\"`", "for how long one process may compute while others wait", &["lock_timeout", "lock", "lock_ttl"]),
    row("region", "contention", "`\"wait\"` or `\"compute\"`", "`\"wait\"`", "what to do while another process computes", &["locking"]),
    row("region", "absence", "`\"miss\"` or `\"fail\"`", "`\"miss\"`", "what to do when a server is away", &["fail_open", "on_error"]),
    row("region", "clear_lag", "`\"1s\"` or seconds", "`\"1s\"`", "within which time reads of other processes see that a namespace was cleared; changes see it at once", &[]),
    row("region", "pending", "a whole number", "`10_000`", "how many invalidations are kept for each namespace while the server is away", &["queue"]),
    row("region", "invalidation", "`\"shared\"` or `\"process\"`", "`\"shared\"`", "whom an invalidation of the whole region reaches", &["region_invalidator", "invalidate", "scope"]),
    row("region", "tag_lag", "`\"5s\"` or seconds", "`\"5s\"`", "within which time other processes see invalidations of the region and of tags", &["lag", "tag_ttl"]),
    row("region", "wrappers", "a list of names, or of tables with `name` and options", "none", "what stands around all operations; the first is the outermost", &["wrap", "proxies", "proxy", "middleware"]),
    row("region", "max_staleness", "`\"5m\"` or seconds", "not verified", "declared limit: a value is never older, while computations succeed", &["staleness", "max_stale"]),
    row("region", "max_load", "a number", "not verified", "declared limit: computations of a key in the time that it could be kept", &["load"]),
    row("region", "max_memory", "`\"64MiB\"` or bytes", "not verified", "declared limit: bytes that the region's tiers take of this process", &["memory"]),
    row("tier", "backend", "the name of a backend", "needed", "where values live", &["type", "store", "kind", "name"]),
    row("tier", "ttl", "`\"30s\"`, seconds, or `\"never\"`", "the region's `expiration`", "for how long this tier believes a value at most", &["expiration", "time", "expire", "max_age"]),
    row("tier", "deadline", "`\"200ms\"` or seconds", "the region's, or the backend's own", "how long a call may take; not for `memory`, `memory_bytes` and `null`", &["timeout", "operation_timeout", "socket_timeout"]),
    row("memory", "entries", "a whole number", "needed", "how many values at most", &["capacity", "size", "max_size", "limit", "max_entries", "max_capacity"]),
    row("memory", "eviction", "`\"s3-fifo\"` or `\"lru\"`", "`\"s3-fifo\"`", "which one goes when there is no room", &["policy", "algorithm"]),
    row("memory_bytes", "capacity", "`\"64MiB\"` or bytes", "needed", "bytes for keys, values, and 128 more for each; the least recently used goes first", &["size", "max_size", "bytes", "limit", "max_bytes"]),
    row("memcached", "servers", "`\"host:port*weight\"`, several in a list or with commas; `dns:host:port`; `elasticache:host:port`; `unix:/path`", "needed", "where the servers are", &["url", "urls", "hosts", "host", "server", "addresses", "nodes"]),
    row("memcached", "placement", "`\"rendezvous\"`, `\"ketama\"`, `\"ketama-weighted\"`, `\"pymemcache\"`, or `\"modula\"`", "`\"rendezvous\"`", "how keys are placed on servers; all programs that share them must agree", &["ring", "distribution", "hash", "hashing"]),
    row("memcached", "connect_timeout", "`\"500ms\"` or seconds", "`\"500ms\"`", "how long connecting may take, with TLS and login", &["connect"]),
    row("memcached", "answer_timeout", "`\"500ms\"` or seconds", "`\"500ms\"`", "how long the oldest request may wait for its answer", &["read_timeout", "response_timeout"]),
    row("memcached", "queue", "a whole number", "`16_384`", "how many requests may wait on a connection", &["max_requests"]),
    row("memcached", "queue_bytes", "`\"64MiB\"` or bytes", "`\"64MiB\"`", "how much may wait to be sent on a connection", &[]),
    row("memcached", "large_above", "`\"64KiB\"` or bytes", "`\"64KiB\"`", "larger values have a connection of their own", &[]),
    row("memcached", "lanes", "a whole number", "none", "more connections a server for single reads by many tasks, best the threads of their tokio runtime, which must have I/O", &["connections", "pool_size"]),
    row("memcached", "item_limit", "`\"1MiB\"` or bytes", "`\"1MiB\"`", "the servers' `-I`", &["max_value", "max_item_size"]),
    row("memcached", "owed", "a whole number", "`10_000`", "how many changes are remembered for a server that is away", &[]),
    row("memcached", "stand_in", "`\"10s\"` or seconds", "`\"10s\"`", "how long others keep values of a server that is away", &[]),
    row("memcached", "user", "a text", "no login", "the user that the servers want", &["username", "login"]),
    row("memcached", "password", "`{ env = \"NAME\" }`, `{ file = \"PATH\" }`, or a text", "no login", "the user's password", &["pass"]),
    row("memcached", "refresh_every", "`\"60s\"` or seconds", "`\"60s\"`", "how often names and endpoints without a TTL are asked", &["discovery_interval"]),
    row("memcached", "discovery_deadline", "`\"3s\"` or seconds", "`\"3s\"`", "how long a name server or an endpoint may take", &[]),
    row("memcached", "name_server", "`\"10.0.0.2:53\"`", "the system's", "the name server that is asked; needs the feature `dns`", &["dns_server", "resolver"]),
    row("memcached", "breaker", "a table", "as told below", "when a server is given up, and when it is tried again", &["circuit_breaker", "dead_retry"]),
    row("memcached", "tls", "a table", "no TLS", "whom to trust, and who we are; needs the feature `tls`", &["tls_context", "ssl"]),
    row("breaker", "failures", "a whole number", "`3`", "how many failures in a row it takes", &["threshold", "max_failures"]),
    row("breaker", "rate", "a number from 0 to 1", "`0.5`", "which share of the calls within the window may fail", &["error_rate"]),
    row("breaker", "calls", "a whole number", "`20`", "how many calls there must be for the rate to count", &["min_calls"]),
    row("breaker", "window", "`\"10s\"` or seconds", "`\"10s\"`", "over which time the rate is taken", &[]),
    row("breaker", "pause", "`\"1s\"` or seconds", "`\"1s\"`", "how long to wait before the first trial; doubles after each that fails", &["reset_timeout", "retry"]),
    row("breaker", "longest_pause", "`\"60s\"` or seconds", "`\"60s\"`", "how long to wait between trials at most", &["max_pause"]),
    row("breaker", "trials", "a whole number", "`3`", "how many trials in a row must succeed", &[]),
    row("tls", "roots", "the path of a PEM file", "needed for memcached; for Redis those that the system trusts", "certificates that may have signed the servers'", &["ca", "ca_file", "root_certificates", "cafile"]),
    row("tls", "server_name", "a text", "the host", "the name in the servers' certificates; memcached only", &["host"]),
    row("tls", "certificate", "the path of a PEM file", "none", "who we are; with `key`", &["cert", "client_certificate"]),
    row("tls", "key", "the path of a PEM file", "none", "the private key of `certificate`", &["client_key", "private_key"]),
    row("redis", "url", "`\"redis://user:password@host:6379/0\"`, `rediss://`, `unix://`, `redis+cluster://host,host`, `redis+sentinel://host,host/0?master=name`", "needed", "where the servers are; or `{ env = \"NAME\" }` or `{ file = \"PATH\" }`", &["uri", "host", "servers", "server", "address"]),
    row("redis", "connect_timeout", "`\"1s\"` or seconds", "`\"1s\"`", "how long connecting may take", &["connect", "socket_connect_timeout"]),
    row("redis", "response_timeout", "`\"1s\"` or seconds", "`\"1s\"`", "how long an answer may take", &["answer_timeout", "read_timeout"]),
    row("redis", "reconnect", "`\"1s\"` or seconds", "`\"1s\"`", "the longest pause between attempts to reconnect", &[]),
    row("redis", "in_flight", "a whole number", "`1_024`", "how many calls may be on their way", &["max_connections", "pool_size"]),
    row("redis", "max_value", "`\"8MiB\"` or bytes", "`\"8MiB\"`", "longer values are cut into pages of this length", &[]),
    row("redis", "tls", "a table", "what the URL says", "certificates; needs `rediss` in the URL and the feature `tls`", &["ssl", "tls_context"]),
    row("files", "path", "the path of a directory", "needed", "where the files are; made if it is not there", &["dir", "directory", "folder", "filename", "root"]),
    row("files", "capacity", "`\"1GiB\"` or bytes", "`\"1GiB\"`", "bytes for all values together", &["size", "max_size", "limit"]),
    row("files", "mapping", "`\"off\"`, or bytes such as `\"64KiB\"`", "`\"64KiB\"`", "longer values are mapped into memory instead of being read", &["mmap"]),
    row("files", "reads", "`\"here\"` or `\"threads\"`", "`\"here\"`", "where values are read: in the thread that asks, or on larder's own, for disks that may stall", &[]),
    row("files", "touch", "`\"1s\"` or seconds", "`\"1s\"`", "how often a read notes that the value is in use", &[]),
    row("compression", "by", "`\"lz4\"` or `\"zstd\"`", "needed", "the algorithm", &["algorithm", "name", "type"]),
    row("compression", "from", "`\"512B\"` or bytes", "2 KiB", "shorter values are left alone", &["min", "threshold", "min_size"]),
    row("compression", "level", "1 to 22", "`3`", "of zstd: from fast to small", &["quality"]),
];

/// The tables of the README.
pub(crate) fn markdown() -> String {
    options_markdown(OPTIONS, |of| match of {
        "region" => "A region, and `[defaults]` for all of them".to_owned(),
        "tier" => "Every tier".to_owned(),
        "breaker" | "tls" | "compression" => format!("The table `{of}`"),
        _ => format!("The backend `{of}`"),
    })
}

/// Tables of options in Markdown, one for each [`of`](OptionRow::of) under its title.
#[must_use]
pub fn options_markdown(options: &[OptionRow], title: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut of = "";
    for row in options {
        if row.of != of {
            of = row.of;
            text.push_str(&format!(
                "\n{}:\n\n| option | value | without it | meaning |\n|---|---|---|---|\n",
                title(of)
            ));
        }
        let OptionRow { name, forms, default, doc, .. } = row;
        text.push_str(&format!("| `{name}` | {forms} | {default} | {doc} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_word_means_one_option_of_its_table() {
        let mut seen = HashSet::new();
        for row in OPTIONS {
            for word in row.also.iter().chain([&row.name]) {
                assert!(seen.insert((row.of, *word)), "{word} of {} stands twice", row.of);
            }
        }
    }

    #[test]
    fn options_of_all_tiers_are_no_backend_s_own() {
        for row in OPTIONS.iter().filter(|row| row.of == "tier") {
            let same = |other: &&OptionRow| {
                other.name == row.name && !["tier", "region"].contains(&other.of)
            };
            assert!(OPTIONS.iter().find(same).is_none(), "{}", row.name);
        }
    }
}
