//! Where stores are, in one line: `s3://bucket/prefix`, `/mnt/archive`, `memory:`, `store:other`.

use object_store::path::Path;
use std::fmt;
use std::path::PathBuf;

/// What a remote looks like.
const FORMS: &str = "right is \"s3://bucket/prefix\", \"gs://bucket/prefix\", \"az://container/prefix\", \"https://host/path\", the path of a directory that begins with `/` or `./`, \"memory:\", or \"store:NAME\"";
/// What a local store looks like.
const LOCAL: &str = "right is the path of a directory that begins with `/` or `./`, \"memory\", \"temporary\", \"store:NAME\", or a table with `backend`";

/// Whose protocol is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    S3,
    Google,
    Azure,
    Http,
}

impl Scheme {
    /// The feature without which it is not spoken.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Scheme::S3 => "s3",
            Scheme::Google => "gcs",
            Scheme::Azure => "azure",
            Scheme::Http => "http",
        }
    }

    fn is_there(self) -> bool {
        match self {
            Scheme::S3 => cfg!(feature = "s3"),
            Scheme::Google => cfg!(feature = "gcs"),
            Scheme::Azure => cfg!(feature = "azure"),
            Scheme::Http => cfg!(feature = "http"),
        }
    }
}

/// A store on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cloud {
    pub(crate) scheme: Scheme,
    /// The bucket or the container; of HTTP the whole URL.
    pub(crate) bucket: String,
    pub(crate) prefix: Path,
    url: String,
}

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    Directory(PathBuf),
    Memory,
    Temporary,
    /// Another one of the configuration.
    Store(String),
    Cloud(Cloud),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Directory(path) => path.display().fmt(f),
            At::Memory => f.write_str("memory:"),
            At::Temporary => f.write_str("a temporary directory"),
            At::Store(name) => write!(f, "store:{name}"),
            At::Cloud(cloud) => f.write_str(&cloud.url),
        }
    }
}

/// What is wrong with `what`. The text is shown, unless it may hold a key: before an `@`, or in a query.
pub(crate) fn wrong(what: &str, text: &str, why: &str) -> String {
    match text.contains(['@', '?']) {
        true => format!("{what}: {why}"),
        false => format!("{what} is \"{}\": {why}", text.escape_debug()),
    }
}

/// Reads where a remote is; an error says what would be right.
pub(crate) fn remote(text: &str) -> Result<At, String> {
    if text == "memory:" || text == "memory:///" {
        return Ok(At::Memory);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme {
            "s3" | "s3a" => cloud(Scheme::S3, text, rest),
            "gs" | "gcs" => cloud(Scheme::Google, text, rest),
            "az" | "azure" => cloud(Scheme::Azure, text, rest),
            "http" | "https" => cloud(Scheme::Http, text, rest),
            "file" => file(rest),
            other => Err(format!("the scheme `{other}` is unknown: {FORMS}")),
        };
    }
    match text.strip_prefix("store:") {
        Some(name) => named(name),
        None => directory(text, FORMS),
    }
}

/// Reads where a local store is; an error says what would be right.
pub(crate) fn local(text: &str) -> Result<At, String> {
    match text {
        "memory" | "memory:" => Ok(At::Memory),
        "temporary" => Ok(At::Temporary),
        _ => match text.strip_prefix("store:") {
            Some(name) => named(name),
            None => directory(text, LOCAL),
        },
    }
}

fn named(name: &str) -> Result<At, String> {
    if name.is_empty() {
        Err("right is \"store:NAME\"".to_owned())
    } else {
        Ok(At::Store(name.to_owned()))
    }
}

/// A word alone could be a name that was misspelt.
fn directory(text: &str, forms: &str) -> Result<At, String> {
    let path = PathBuf::from(text);
    match path.is_absolute() || text.starts_with("./") || text.starts_with("../") {
        true => Ok(At::Directory(path)),
        false => Err(forms.to_owned()),
    }
}

/// The path of a `file:` URL.
fn file(rest: &str) -> Result<At, String> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        let why = "it names a host: right is \"file:///path\", with the path of a directory here";
        return Err(why.to_owned());
    }
    if path.contains(['?', '#']) {
        return Err("in a file URL `?` is written `%3F`, and `#` is written `%23`".to_owned());
    }
    Ok(At::Directory(decoded(path)?.into()))
}

/// A part of a URL as it was before it was encoded.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((front, behind)) = rest.split_once('%') {
        bytes.extend_from_slice(front.as_bytes());
        let code = behind.get(..2).filter(|code| code.bytes().all(|c| c.is_ascii_hexdigit()));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(0) => return Err("`%00` is in no path".to_owned()),
            Some(byte) => bytes.push(byte),
            None => {
                let wrong: String = behind.chars().take(2).collect();
                return Err(format!(
                    "`%{wrong}` encodes nothing: right is `%` and two hexadecimal digits, as `%20` for a space; `%` itself is `%25`"
                ));
            }
        }
        rest = &behind[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "what it encodes is no UTF-8".to_owned())
}

fn cloud(scheme: Scheme, url: &str, rest: &str) -> Result<At, String> {
    let url = url.trim_end_matches('/').to_owned();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() || rest.contains(['?', '#']) {
        return Err(FORMS.to_owned());
    }
    if host.contains('@') {
        return Err(
            "a URL is shown in messages and must hold no user or key: give them as options"
                .to_owned(),
        );
    }
    if !scheme.is_there() {
        return Err(format!("it needs larder's feature `{}`", scheme.feature()));
    }
    if scheme == Scheme::Http {
        let prefix = Path::default();
        return Ok(At::Cloud(Cloud { scheme, bucket: url.clone(), prefix, url }));
    }
    decoded(path)?;
    let prefix = Path::from_url_path(path.trim_end_matches('/'))
        .map_err(|error| format!("the prefix cannot be: {error}"))?;
    Ok(At::Cloud(Cloud { scheme, bucket: host.to_owned(), prefix, url }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_memory_and_other_stores_are_told_apart() {
        assert_eq!(remote("/mnt/archive"), Ok(At::Directory("/mnt/archive".into())));
        assert_eq!(remote("file:///mnt/archive"), Ok(At::Directory("/mnt/archive".into())));
        assert_eq!(remote("./archive"), Ok(At::Directory("./archive".into())));
        assert_eq!((remote("memory:"), local("memory")), (Ok(At::Memory), Ok(At::Memory)));
        assert_eq!(local("temporary"), Ok(At::Temporary));
        assert_eq!(remote("store:slow"), Ok(At::Store("slow".into())));
        for wrong in ["", "archive", "store:", "ftp://host/x", "s3:bucket", "s3://", "https:///x"] {
            assert!(remote(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "tmp", "s3://bucket"] {
            assert!(local(wrong).unwrap_err().contains("begins with `/`"), "{wrong}");
        }
    }

    #[test]
    fn the_path_of_a_file_url_is_decoded_and_wrong_encodings_are_named() {
        let at = |text: &str| remote(text);
        assert_eq!(at("file:///tmp/with%20space"), Ok(At::Directory("/tmp/with space".into())));
        assert_eq!(at("file:///tmp/caf%C3%A9/%25"), Ok(At::Directory("/tmp/café/%".into())));
        assert_eq!(at("file://localhost/tmp"), Ok(At::Directory("/tmp".into())));
        assert_eq!(at("/tmp/with%20space"), Ok(At::Directory("/tmp/with%20space".into())));
        for (wrong, why) in [
            ("file:///tmp/a%zz", "`%zz` encodes nothing: right is `%` and two hexadecimal digits"),
            ("file:///tmp/a%2", "`%2` encodes nothing"),
            ("file:///tmp/a%", "`%` encodes nothing"),
            ("file:///tmp/a%+1", "`%+1` encodes nothing"),
            ("file:///tmp/a%é", "`%é` encodes nothing"),
            ("file:///tmp/a%00", "`%00` is in no path"),
            ("file:///tmp/a%ff", "no UTF-8"),
            ("file:///tmp/a?b", "`?` is written `%3F`"),
            ("file://tmp/a", "it names a host"),
            ("file://", "it names a host"),
        ] {
            let error = at(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[cfg(feature = "s3")]
    #[test]
    fn the_prefix_of_a_bucket_is_decoded_and_wrong_encodings_are_named() {
        let error = remote("s3://reports/2026/50%").unwrap_err();
        assert!(error.contains("`%` encodes nothing"), "{error}");
    }

    #[cfg(feature = "s3")]
    #[test]
    fn a_bucket_has_a_name_and_may_have_a_prefix() {
        let At::Cloud(cloud) = remote("s3://reports/2026/may%20a/").unwrap() else { panic!() };
        assert_eq!((cloud.bucket.as_str(), cloud.prefix.as_ref()), ("reports", "2026/may a"));
        assert_eq!(At::Cloud(cloud).to_string(), "s3://reports/2026/may%20a");
        let At::Cloud(cloud) = remote("s3://reports").unwrap() else { panic!() };
        assert_eq!(cloud.prefix.as_ref(), "");
        assert!(
            remote("s3://key:secret@reports").unwrap_err().contains("must hold no user or key")
        );
    }
}
