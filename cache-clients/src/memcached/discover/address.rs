//! Where a server listens, as text.

use std::fmt;
use std::net::Ipv6Addr;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// A host, or an address without brackets, and a port.
    Tcp { host: String, port: u16 },
    /// The path of a Unix socket.
    Unix(String),
}

impl Address {
    /// memcached's own port.
    pub(crate) const PORT: u16 = 11211;

    /// Reads `host:port`, `host`, `[v6]:port`, `unix:/path` or `/path`; the error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.starts_with('/') {
            return Ok(Address::Unix(path.to_owned()));
        }
        if path.len() < text.len() {
            return Err(format!("`{text}`: after `unix:` comes a path that begins with /"));
        }
        if let Some(rest) = text.strip_prefix('[') {
            return v6(text, rest);
        }
        let (host, port) = match text.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(colons(text)),
            Some((host, port)) => (host, port_of(text, port)?),
            None => (text, Address::PORT),
        };
        Ok(Address::Tcp { host: name(text, host)?, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

fn v6(text: &str, rest: &str) -> Result<Address, String> {
    let Some((host, port)) = rest.split_once(']') else {
        return Err(format!("`{text}` lacks the closing bracket: right is [::1]:11211"));
    };
    if host.parse::<Ipv6Addr>().is_err() {
        return Err(format!("`{host}` of `{text}` is no ipv6 address: right is [::1]:11211"));
    }
    let port = match port.strip_prefix(':') {
        Some(port) => port_of(text, port)?,
        None if port.is_empty() => Address::PORT,
        None => return Err(format!("`{text}`: after the bracket comes :port, as in [::1]:11211")),
    };
    Ok(Address::Tcp { host: host.to_owned(), port })
}

fn colons(text: &str) -> String {
    if text.parse::<Ipv6Addr>().is_ok() {
        return format!("`{text}`: an ipv6 address stands in brackets: [{text}]:11211");
    }
    format!("`{text}` has too many colons: right is host:port, [v6]:port or unix:/path")
}

fn port_of(text: &str, port: &str) -> Result<u16, String> {
    let number = port.parse().ok().filter(|&number: &u16| number > 0 && !port.starts_with('+'));
    number.ok_or_else(|| format!("port `{port}` of `{text}` is no number from 1 to 65535"))
}

fn name(text: &str, host: &str) -> Result<String, String> {
    if host.is_empty() {
        return Err(format!("`{text}` names no host: right is host:port"));
    }
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    match host.bytes().find(|byte| !known(byte)) {
        None => Ok(host.to_owned()),
        Some(_) => {
            Err(format!("host `{host}` of `{text}` is no name: letters, digits, - . _ only"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_in_one_way() {
        for (given, written) in [
            ("10.0.0.7", "10.0.0.7:11211"),
            ("cache-1.internal:11212", "cache-1.internal:11212"),
            ("[::1]", "[::1]:11211"),
            ("[2001:db8::7]:2", "[2001:db8::7]:2"),
            ("unix:/run/m.sock", "unix:/run/m.sock"),
            ("/run/m.sock", "unix:/run/m.sock"),
        ] {
            let address = Address::parse(given).unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(Address::parse(written).unwrap(), address);
        }
    }

    #[test]
    fn an_error_names_the_part_and_what_is_right() {
        for (given, error) in [
            ("", "`` names no host: right is host:port"),
            (":11211", "`:11211` names no host: right is host:port"),
            ("a:0", "port `0` of `a:0` is no number from 1 to 65535"),
            ("a:+1", "port `+1` of `a:+1` is no number from 1 to 65535"),
            ("a:65536", "port `65536` of `a:65536` is no number from 1 to 65535"),
            ("a:", "port `` of `a:` is no number from 1 to 65535"),
            ("::1", "`::1`: an ipv6 address stands in brackets: [::1]:11211"),
            ("a:1:2", "`a:1:2` has too many colons: right is host:port, [v6]:port or unix:/path"),
            ("[::1", "`[::1` lacks the closing bracket: right is [::1]:11211"),
            ("[a]:1", "`a` of `[a]:1` is no ipv6 address: right is [::1]:11211"),
            ("[::1]1", "`[::1]1`: after the bracket comes :port, as in [::1]:11211"),
            ("a b:1", "host `a b` of `a b:1` is no name: letters, digits, - . _ only"),
            ("unix:run", "`unix:run`: after `unix:` comes a path that begins with /"),
        ] {
            assert_eq!(Address::parse(given).unwrap_err(), error);
        }
    }
}
