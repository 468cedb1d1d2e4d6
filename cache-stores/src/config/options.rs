//! The one table of options of `[store.NAME]`: reader, messages and the guide's tables are made from it.

use cache_regions::{OptionRow, options_markdown};

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
    row("store", "remote", "`\"s3://bucket/prefix\"`, `\"gs://bucket/prefix\"`, `\"az://container/prefix\"`, `\"https://host/path\"`, the path of a directory, `\"memory:\"`, `\"store:NAME\"`, or a table with `url`", "needed", "where the truth is", &["url", "origin", "source", "upstream", "backend"]),
    row("store", "local", "the path of a directory, `\"memory\"`, `\"temporary\"`, `\"store:NAME\"`, or a table with `backend` and its options", "needed", "where copies are kept; a directory is made if it is not there, and belongs to one process", &["cache", "path", "directory", "dir"]),
    row("store", "ttl", "`\"60s\"` or seconds", "for ever", "how long a copy is believed; then the remote is asked whether it has changed", &["expiration", "expire", "expiry", "max_age", "limit"]),
    row("store", "size", "`\"10GiB\"` or bytes", "no limit", "how many bytes are kept at most, with what larder writes beside them", &["capacity", "max_size", "bytes", "max_bytes"]),
    row("store", "count", "a whole number", "no limit", "how many objects are kept at most", &["objects", "max_count", "entries", "max_objects"]),
    row("store", "eviction", "`\"lru\"` or `\"fifo\"`", "`\"lru\"`", "which object goes when there is no room: the one that was not used for the longest time, or the one that came first", &["policy", "order", "lru", "fifo"]),
    row("store", "stale_if_error", "`\"1h\"` or seconds", "off", "for how long past its `ttl` a copy stands in while the remote is away", &["grace", "fail_safe", "stale"]),
    row("store", "local_deadline", "`\"10s\"` or seconds", "`\"10s\"`", "what an operation of `local` may take; if it takes longer, the data come from the remote", &["local_timeout", "deadline", "timeout"]),
    row("store", "chunk", "`\"4MiB\"` or bytes, from 1 KiB to 256 MiB", "`\"4MiB\"`", "in pieces of which size objects are fetched and kept", &["chunk_size", "block", "block_size", "part_size"]),
    row("store", "direct_writes", "`\"64MiB\"` or bytes", "off", "copies of objects that are at least so large are written past the system's page cache: the first read costs less, the second one comes from the disk; on Linux, if `local` is a directory", &["direct", "direct_io", "o_direct"]),
    row("store", "index", "the path of a directory, `\"memory\"`, or `\"none\"`", "in the directory of `local`; in memory for other stores; none for servers", "where it is kept what lies in `local`; with `\"none\"` the local store's own TTL decides, and several processes may share it", &["presence"]),
    row("store", "write_back", "the path of a directory", "off", "writes are done when they are in `local` and in a journal here, and are sent in the background", &["journal", "async_writes", "writeback"]),
    row("store", "keep_writes", "`\"always\"` or `\"never\"`", "`\"always\"`", "whether what is written is kept as a copy, too", &["cache_writes", "write_through"]),
    row("store", "unread", "`\"stop\"` or `\"finish\"`", "`\"stop\"`", "what becomes of a fetch that nobody reads any more", &["prefetch"]),
    row("store", "verify", "`\"once\"` or `\"always\"`", "`\"once\"`", "how often the checksum of a chunk is looked at: at its first read after a start, or at each", &["checksum", "check"]),
    row("remote", "url", "`\"s3://bucket/prefix\"` and its like, as for `remote`", "needed", "where the truth is", &["uri", "bucket", "address"]),
    row("remote", "endpoint", "`\"https://host:port\"`", "the service's own", "the server that speaks the protocol (S3, Google, Azure)", &["endpoint_url", "host", "server"]),
    row("remote", "region", "a text", "`AWS_REGION`, or `\"us-east-1\"`", "the region of the bucket (S3)", &["location"]),
    row("remote", "allow_http", "true or false", "false", "whether the endpoint may speak plain HTTP", &["insecure", "http"]),
    row("remote", "access_key_id", "`{ env = \"NAME\" }`, `{ file = \"PATH\" }`, or a text", "as the environment says", "whose key it is (S3)", &["access_key", "key_id", "key", "aws_access_key_id"]),
    row("remote", "secret_access_key", "`{ env = \"NAME\" }`, `{ file = \"PATH\" }`, or a text", "as the environment says", "the key (S3)", &["secret_key", "secret", "aws_secret_access_key"]),
    row("remote", "session_token", "`{ env = \"NAME\" }`, `{ file = \"PATH\" }`, or a text", "as the environment says", "of temporary keys (S3)", &["token"]),
    row("remote", "service_account", "`{ env = \"NAME\" }` or `{ file = \"PATH\" }`", "as the environment says", "the JSON of a service account (Google)", &["service_account_key", "credentials_file"]),
    row("remote", "account", "a text", "`AZURE_STORAGE_ACCOUNT_NAME`", "the storage account (Azure)", &["account_name", "storage_account"]),
    row("remote", "account_key", "`{ env = \"NAME\" }`, `{ file = \"PATH\" }`, or a text", "as the environment says", "its key (Azure)", &["storage_key"]),
    row("remote", "credentials", "`\"found\"` or `\"none\"`", "`\"found\"`", "`none`: requests are not signed, for what everybody may read", &["anonymous", "skip_signature", "public", "signing"]),
    row("remote", "addressing", "`\"path\"` or `\"host\"`", "`\"path\"`", "whether the bucket stands in the path or in the host's name (S3)", &["virtual_hosted_style_request", "force_path_style", "path_style"]),
    row("remote", "connect_timeout", "`\"5s\"` or seconds", "`\"5s\"`", "how long connecting may take", &["connect"]),
    row("remote", "read_timeout", "`\"30s\"` or seconds", "`\"30s\"`", "how long the remote may send nothing", &["timeout", "request_timeout"]),
    row("remote", "retries", "a whole number", "`10`", "how often a request that failed is sent again; it is told as an error then", &["max_retries"]),
    row("remote", "retry_for", "`\"3m\"` or seconds", "`\"3m\"`", "for how long it is sent again", &["retry_timeout"]),
];

/// The tables of the guide.
#[doc(hidden)]
#[must_use]
pub fn store_options_tables() -> String {
    options_markdown(OPTIONS, |of| match of {
        "store" => "A store, `[store.NAME]`".to_owned(),
        _ => format!("The table `{of}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::OPTIONS;
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
}
