//! What a URL says of where the servers are and how to log in.

use super::dial::{Address, Login};
use cache_core::{Error, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What was found in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) servers: Servers,
    pub(super) tls: bool,
    pub(super) login: Login,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Servers {
    One(Address),
    /// Some members of a cluster.
    Cluster(Vec<Address>),
    Sentinels {
        sentinels: Vec<Address>,
        master: String,
        login: Login,
    },
}

const RIGHT: &str = "expected redis://[user:password@]host[:port][/database], rediss:// for TLS, \
    unix:///path[?db=1&user=..&pass=..], redis+cluster://host:port,host:port or \
    redis+sentinel://host:port,host:port[/database]?master=name";

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Reads a URL; errors name it, without the password.
pub(super) fn parse(url: &str) -> Result<Target> {
    read(url).map_err(|why| {
        Error::invalid(format!("`{}` is no address of redis: {why}; {RIGHT}", censored(url)))
    })
}

/// The URL with stars for its secrets.
pub(super) fn censored(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(r, q)| (r, Some(q)));
    let mut text = String::new();
    if url.contains("://") {
        text.push_str(scheme);
        text.push_str("://");
    }
    match rest.rsplit_once('@') {
        Some((login, place)) => {
            text.push_str(login.split_once(':').map_or(login, |(user, _)| user));
            text.push_str(if login.contains(':') { ":***@" } else { "@" });
            text.push_str(place);
        }
        None => text.push_str(rest),
    }
    if let Some(query) = query {
        let hide = |pair: &str| match pair.split_once('=') {
            Some((name, _)) if name.contains("pass") => format!("{name}=***"),
            _ => pair.to_owned(),
        };
        text.push('?');
        text.push_str(&query.split('&').map(hide).collect::<Vec<_>>().join("&"));
    }
    text
}

fn read(url: &str) -> Result<Target, String> {
    let (scheme, rest) = url.split_once("://").ok_or("it has no scheme")?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut query = pairs(query)?;
    let target = match scheme {
        "redis" | "valkey" => one(rest, false)?,
        "rediss" | "valkeys" => one(rest, true)?,
        "unix" | "redis+unix" | "valkey+unix" => socket(rest, &mut query)?,
        "redis+cluster" | "valkey+cluster" => cluster(rest, false)?,
        "rediss+cluster" | "valkeys+cluster" => cluster(rest, true)?,
        "redis+sentinel" | "valkey+sentinel" => sentinels(rest, false, &mut query)?,
        "rediss+sentinel" | "valkeys+sentinel" => sentinels(rest, true, &mut query)?,
        other => return Err(format!("the scheme `{other}` is unknown")),
    };
    match query.keys().next() {
        Some(unknown) => Err(format!("the parameter `{unknown}` is unknown there")),
        None => Ok(target),
    }
}

fn one(rest: &str, tls: bool) -> Result<Target, String> {
    let (mut login, hosts, database) = authority(rest)?;
    let [host] = &hosts.split(',').collect::<Vec<_>>()[..] else {
        return Err("several hosts need redis+cluster:// or redis+sentinel://".into());
    };
    login.database = number(database)?;
    Ok(Target { servers: Servers::One(address(host, PORT)?), tls, login })
}

fn socket(rest: &str, query: &mut BTreeMap<String, String>) -> Result<Target, String> {
    if !rest.starts_with('/') {
        return Err("the path of the socket must begin with /".into());
    }
    let login = Login {
        user: query.remove("user"),
        password: query.remove("pass"),
        database: number(&query.remove("db").unwrap_or_default())?,
    };
    let path = PathBuf::from(decoded(rest)?);
    Ok(Target { servers: Servers::One(Address::Unix(path)), tls: false, login })
}

fn cluster(rest: &str, tls: bool) -> Result<Target, String> {
    let (login, hosts, database) = authority(rest)?;
    if !matches!(database, "" | "0") {
        return Err(format!("a cluster has the database 0 only, not `{database}`"));
    }
    Ok(Target { servers: Servers::Cluster(addresses(hosts, PORT)?), tls, login })
}

fn sentinels(
    rest: &str,
    tls: bool,
    query: &mut BTreeMap<String, String>,
) -> Result<Target, String> {
    let (mut login, hosts, database) = authority(rest)?;
    login.database = number(database)?;
    let master = query.remove("master").filter(|name| !name.is_empty());
    let servers = Servers::Sentinels {
        sentinels: addresses(hosts, SENTINEL_PORT)?,
        master: master.ok_or("it lacks ?master= with the name that the sentinels know")?,
        login: Login {
            user: query.remove("sentinel_user"),
            password: query.remove("sentinel_pass"),
            database: 0,
        },
    };
    Ok(Target { servers, tls, login })
}

/// Who, where, and what stands after the slash.
fn authority(rest: &str) -> Result<(Login, &str, &str), String> {
    let (login, rest) = match rest.rsplit_once('@') {
        Some((login, rest)) => (self::login(login)?, rest),
        None => (Login::default(), rest),
    };
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    Ok((login, hosts, database))
}

fn login(text: &str) -> Result<Login, String> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(decoded(password)?)),
        None => (text, None),
    };
    let user = Some(decoded(user)?).filter(|user| !user.is_empty());
    if user.is_some() && password.is_none() {
        return Err("it has a user without a password".into());
    }
    Ok(Login { user, password, database: 0 })
}

fn addresses(hosts: &str, port: u16) -> Result<Vec<Address>, String> {
    hosts.split(',').map(|host| address(host, port)).collect()
}

fn address(text: &str, port: u16) -> Result<Address, String> {
    let (host, after) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(format!("`{text}` lacks a ]"))?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if host.is_empty() {
        return Err("a host is missing".into());
    }
    let port = match after.strip_prefix(':') {
        None if after.is_empty() => port,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or(format!("the port `{port}` is no number from 1 to 65535"))?,
        None => return Err(format!("`{after}` after the host is no port")),
    };
    Ok(Address::tcp(host, port))
}

fn number(database: &str) -> Result<i64, String> {
    let wrong = || format!("the database `{database}` is no number from 0 on");
    match database {
        "" => Ok(0),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

fn pairs(query: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or(format!("`{pair}` has no value"))?;
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// With `%2F` and its like read.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        // The text may be a secret: it is not repeated.
        let value = digit().and_then(|high| Some(high * 16 + digit()?));
        let value = value.and_then(|value| u8::try_from(value).ok());
        bytes.push(value.ok_or("a % without two hexadecimal digits after it (write %25 for %)")?);
    }
    String::from_utf8(bytes).map_err(|_| "what its % signs stand for is no UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: Option<&str>, password: Option<&str>, database: i64) -> Login {
        Login { user: user.map(Into::into), password: password.map(Into::into), database }
    }

    #[test]
    fn a_server_with_user_password_and_database() {
        let target = parse("rediss://me:p%40ss%3A@cache.example:7000/3").unwrap();
        assert_eq!(target.servers, Servers::One(Address::tcp("cache.example", 7000)));
        assert!(target.tls);
        assert_eq!(target.login, login(Some("me"), Some("p@ss:"), 3));
    }

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        let target = parse("valkey://:secret@[::1]").unwrap();
        assert_eq!(target.servers, Servers::One(Address::tcp("::1", 6379)));
        assert_eq!((target.tls, target.login), (false, login(None, Some("secret"), 0)));
    }

    #[test]
    fn a_socket() {
        let target = parse("unix:///run/redis%20a.sock?db=2&pass=x").unwrap();
        assert_eq!(target.servers, Servers::One(Address::Unix("/run/redis a.sock".into())));
        assert_eq!(target.login, login(None, Some("x"), 2));
    }

    #[test]
    fn a_cluster_and_sentinels() {
        let target = parse("redis+cluster://u:p@a:1,b").unwrap();
        let members = vec![Address::tcp("a", 1), Address::tcp("b", 6379)];
        assert_eq!(target.servers, Servers::Cluster(members));
        let target = parse("redis+sentinel://:p@a,b:7/4?master=m&sentinel_pass=s").unwrap();
        assert_eq!(target.login, login(None, Some("p"), 4));
        let sentinels = vec![Address::tcp("a", 26379), Address::tcp("b", 7)];
        let expected =
            Servers::Sentinels { sentinels, master: "m".into(), login: login(None, Some("s"), 0) };
        assert_eq!(target.servers, expected);
    }

    #[test]
    fn a_wrong_url_is_named_with_what_is_right() {
        for (url, why) in [
            ("cache:6379", "it has no scheme"),
            ("http://cache", "the scheme `http` is unknown"),
            ("redis://", "a host is missing"),
            ("redis://cache:eleven", "the port `eleven` is no number from 1 to 65535"),
            ("redis://cache:0", "the port `0` is no number from 1 to 65535"),
            ("redis://cache/first", "the database `first` is no number from 0 on"),
            ("redis://cache/-1", "the database `-1` is no number from 0 on"),
            ("redis://a,b", "several hosts need redis+cluster:// or redis+sentinel://"),
            ("redis://[::1", "`[::1` lacks a ]"),
            ("redis://me@cache", "it has a user without a password"),
            ("redis://cache?tls=1", "the parameter `tls` is unknown there"),
            ("redis+cluster://a/1", "a cluster has the database 0 only, not `1`"),
            ("redis+sentinel://a", "it lacks ?master= with the name that the sentinels know"),
            ("unix://run/redis.sock", "the path of the socket must begin with /"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.is_invalid());
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("`{url}` is no address of redis: {why}; ")),
                "{text}"
            );
            assert!(text.contains("expected redis://[user:password@]host"), "{text}");
        }
    }

    #[test]
    fn a_wrong_url_does_not_tell_its_secrets() {
        for url in [
            "redis://me:hunter2@cache:x",
            "redis://:hunter2@a,b",
            "redis://me:hunter2%@cache",
            "unix://x?pass=hunter2",
            "redis+sentinel://a?sentinel_pass=hunter2",
            "me:hunter2@cache",
        ] {
            let text = parse(url).unwrap_err().to_string();
            assert!(!text.contains("hunter2") && text.contains("***"), "{text}");
        }
    }
}
