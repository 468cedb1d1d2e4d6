//! Remotes: what their options say, and the clients that are made of them.

use super::url::{self, At, Cloud, Scheme};
use cache_regions::Settings;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Options of stores on a network. Not `Debug`: there are keys among them.
#[derive(Default)]
#[cfg_attr(
    not(all(feature = "s3", feature = "gcs", feature = "azure", feature = "http")),
    allow(dead_code, reason = "each protocol reads some of them")
)]
pub(crate) struct RemoteOptions {
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) allow_http: bool,
    pub(super) access_key_id: Option<String>,
    pub(super) secret_access_key: Option<String>,
    pub(super) session_token: Option<String>,
    pub(super) service_account: Option<String>,
    pub(super) account: Option<String>,
    pub(super) account_key: Option<String>,
    pub(super) unsigned: bool,
    pub(super) host_style: bool,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) read_timeout: Option<Duration>,
    pub(super) retries: Option<u64>,
    pub(super) retry_for: Option<Duration>,
    /// Those of the environment that the service's own tools read, too.
    pub(super) variables: Vec<(String, String)>,
}

/// For which protocols an option is; the others are for all on a network.
const ONLY: [(&str, &[Scheme], &str); 9] = [
    ("endpoint", &[Scheme::S3, Scheme::Google, Scheme::Azure], "s3://, gs:// and az://"),
    ("region", &[Scheme::S3], "s3://"),
    ("access_key_id", &[Scheme::S3], "s3://"),
    ("secret_access_key", &[Scheme::S3], "s3://"),
    ("session_token", &[Scheme::S3], "s3://"),
    ("addressing", &[Scheme::S3], "s3://"),
    ("service_account", &[Scheme::Google], "gs://"),
    ("account", &[Scheme::Azure], "az://"),
    ("account_key", &[Scheme::Azure], "az://"),
];

/// What the variables of a service begin with.
fn front(scheme: Scheme) -> Option<&'static str> {
    match scheme {
        Scheme::S3 => Some("AWS_"),
        Scheme::Google => Some("GOOGLE_"),
        Scheme::Azure => Some("AZURE_"),
        Scheme::Http => None,
    }
}

/// Without a configuration: what the process's environment says. Plain HTTP was asked for by writing it.
pub(super) fn of_environment(at: &At) -> RemoteOptions {
    let At::Cloud(cloud) = at else { return RemoteOptions::default() };
    let front = front(cloud.scheme);
    let ours = |(name, value): (OsString, OsString)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        name.starts_with(front?).then_some((name, value))
    };
    RemoteOptions {
        allow_http: cloud.bucket.starts_with("http://"),
        variables: std::env::vars_os().filter_map(ours).collect(),
        ..RemoteOptions::default()
    }
}

/// Reads `remote`, a text or a table: where it is, and the options for it.
pub(super) fn read(settings: &mut Settings<'_>) -> Option<(At, RemoteOptions)> {
    settings.required("remote");
    if !settings.is_table("remote") {
        let at = place(settings, "remote", url::remote)?;
        let mut options = RemoteOptions::default();
        if let At::Cloud(cloud) = &at {
            options.variables = variables(settings, cloud.scheme);
            if cloud.bucket.starts_with("http://") {
                let why =
                    "plain HTTP wants to be allowed: right is { url = .., allow_http = true }";
                settings.wrong("remote", format!("`remote` is \"{at}\": {why}"));
                return None;
            }
        }
        return Some((at, options));
    }
    settings.table("remote", |settings| {
        settings.required("url");
        let at = place(settings, "url", url::remote);
        let mut options = options(settings);
        let at = at?;
        if let At::Cloud(cloud) = &at {
            options.variables = variables(settings, cloud.scheme);
        }
        check(settings, &at, &options).then_some((at, options))
    })?
}

/// An option that says where something is.
pub(super) fn place<'a, T>(
    settings: &mut Settings<'a>,
    name: &'a str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = settings.text(name)?;
    let parsed = parse(&text);
    parsed.map_err(|why| settings.wrong(name, url::wrong(&format!("`{name}`"), &text, &why))).ok()
}

fn variables(settings: &mut Settings<'_>, scheme: Scheme) -> Vec<(String, String)> {
    front(scheme).map(|front| settings.variables(front)).unwrap_or_default()
}

fn options(settings: &mut Settings<'_>) -> RemoteOptions {
    RemoteOptions {
        endpoint: settings.text("endpoint"),
        region: settings.text("region"),
        allow_http: settings.flag("allow_http").unwrap_or_default(),
        access_key_id: settings.secret("access_key_id"),
        secret_access_key: settings.secret("secret_access_key"),
        session_token: settings.secret("session_token"),
        service_account: settings.secret("service_account"),
        account: settings.text("account"),
        account_key: settings.secret("account_key"),
        unsigned: settings.mode("credentials", &[("found", false), ("none", true)]) == Some(true),
        host_style: settings.mode("addressing", &[("path", false), ("host", true)]) == Some(true),
        connect_timeout: settings.limit("connect_timeout"),
        read_timeout: settings.limit("read_timeout"),
        retries: settings.count("retries"),
        retry_for: settings.limit("retry_for"),
        variables: Vec::new(),
    }
}

/// Whether a client can be made: no option that this remote does not have, and none that is missing beside another.
fn check(settings: &mut Settings<'_>, at: &At, options: &RemoteOptions) -> bool {
    let At::Cloud(cloud) = at else { return check_near(settings) };
    let mut good = true;
    let mut wrong = |settings: &mut Settings<'_>, name: &str, why: String| {
        settings.wrong(name, why);
        good = false;
    };
    for (name, schemes, text) in ONLY {
        if settings.has(name) && !schemes.contains(&cloud.scheme) {
            wrong(settings, name, format!("`{name}` is for {text}: leave it out"));
        }
    }
    let (name, url) = match cloud.scheme {
        Scheme::Http => ("url", Some(&cloud.bucket)),
        Scheme::S3 | Scheme::Google | Scheme::Azure => ("endpoint", options.endpoint.as_ref()),
    };
    if let Some(text) = url {
        let shown = |why: &str| url::wrong(&format!("`{name}`"), text, why);
        if text.starts_with("http://") && !options.allow_http {
            wrong(settings, name, shown("plain HTTP wants `allow_http = true`"));
        }
        if !text.contains("://") {
            wrong(settings, name, shown("right is \"https://host:port\""));
        }
    }
    let keys = ["access_key_id", "secret_access_key"];
    for (one, other) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        if settings.has(one) && !settings.has(other) {
            wrong(settings, one, format!("`{one}` without `{other}`: give both"));
        }
    }
    // Those that cannot be had were told already.
    let missing = |name: &str, key: &Option<String>| settings.has(name) && key.is_none();
    good && !missing("access_key_id", &options.access_key_id)
        && !missing("secret_access_key", &options.secret_access_key)
        && !missing("session_token", &options.session_token)
        && !missing("service_account", &options.service_account)
        && !missing("account_key", &options.account_key)
}

/// A remote that is not on a network has no options.
fn check_near(settings: &mut Settings<'_>) -> bool {
    let rows = super::options::OPTIONS.iter().filter(|row| row.of == "remote" && row.name != "url");
    let given: Vec<&str> = rows.map(|row| row.name).filter(|name| settings.has(name)).collect();
    for name in &given {
        let why = "is for a remote on a network: leave it out";
        settings.wrong(name, format!("`{name}` {why}"));
    }
    given.is_empty()
}

/// The client of a remote that is no other store of the configuration. Connects to nothing.
pub(crate) fn make(at: &At, options: &RemoteOptions) -> Result<Arc<dyn ObjectStore>, String> {
    match at {
        At::Memory => Ok(Arc::new(InMemory::new())),
        At::Directory(path) => directory(path),
        At::Cloud(cloud) => cloud_store(cloud, options),
        At::Temporary | At::Store(_) => Err(format!("{at} is no remote of its own")),
    }
}

/// The truth is nothing that is made anew where it is missing.
fn directory(path: &Path) -> Result<Arc<dyn ObjectStore>, String> {
    let shown = path.display();
    let why = match path.metadata() {
        Ok(there) if !there.is_dir() => return Err(format!("{shown} is no directory")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!(
                "the directory {shown} does not exist: make it, or correct the path"
            ));
        }
        Err(error) => error.to_string(),
        Ok(_) => match LocalFileSystem::new_with_prefix(path) {
            Ok(store) => return Ok(Arc::new(store)),
            Err(error) => error.to_string(),
        },
    };
    Err(format!("the directory {shown} cannot be used: {why}"))
}

#[cfg(not(any(feature = "s3", feature = "gcs", feature = "azure", feature = "http")))]
fn cloud_store(cloud: &Cloud, _: &RemoteOptions) -> Result<Arc<dyn ObjectStore>, String> {
    Err(format!("it needs larder's feature `{}`", cloud.scheme.feature()))
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure", feature = "http"))]
fn cloud_store(cloud: &Cloud, options: &RemoteOptions) -> Result<Arc<dyn ObjectStore>, String> {
    super::cloud::store(cloud, options).map_err(|error| error.to_string())
}
