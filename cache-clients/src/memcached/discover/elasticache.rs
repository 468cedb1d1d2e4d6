//! What is said to a configuration endpoint of ElastiCache, and what it answers. No sockets here.

use super::Address;
use crate::memcached::ring::Node;

/// No cluster's list is longer.
const LONGEST: usize = 1 << 20;

/// The two ways in which an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `config get cluster`, since 1.4.14.
    Config,
    /// A key of a special name, before that.
    Key,
}

impl Form {
    pub(super) fn command(self) -> &'static str {
        match self {
            Form::Config => "config get cluster",
            Form::Key => "get AmazonElastiCache:cluster",
        }
    }

    fn header(self) -> &'static str {
        match self {
            Form::Config => "CONFIG cluster ",
            Form::Key => "VALUE AmazonElastiCache:cluster ",
        }
    }
}

/// Which form to try first, by the answer to `version`; the new one when that says nothing.
pub(super) fn order(version: &str) -> [Form; 2] {
    let numbers: Option<Vec<u32>> = version.strip_prefix("VERSION ").map(|rest| {
        rest.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse().ok()).collect()
    });
    match numbers.as_deref() {
        Some([major, minor, patch, ..]) if [*major, *minor, *patch] < [1, 4, 14] => {
            [Form::Key, Form::Config]
        }
        _ => [Form::Config, Form::Key],
    }
}

/// A line that has arrived, without its end, and how many bytes it took; `None`: not yet.
pub(super) fn line(bytes: &[u8]) -> Result<Option<(&str, usize)>, String> {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        let endless = bytes.len() > 1024;
        return if endless { Err("a line without end".into()) } else { Ok(None) };
    };
    let text = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    let text = std::str::from_utf8(text).map_err(|_| "a line that is no text".to_owned())?;
    Ok(Some((text, end + 1)))
}

/// The servers of an answer, as far as it has arrived; `None`: not yet.
pub(super) fn decode(form: Form, bytes: &[u8]) -> Result<Option<Vec<Node>>, String> {
    let Some((header, start)) = line(bytes)? else { return Ok(None) };
    let Some(sizes) = header.strip_prefix(form.header()) else {
        return Err(format!("answered `{header}`"));
    };
    let length: Option<usize> = sizes.split(' ').nth(1).and_then(|length| length.parse().ok());
    let Some(length) = length.filter(|&length| length <= LONGEST) else {
        return Err(format!("answered a length that cannot be: `{header}`"));
    };
    const END: &[u8] = b"\r\nEND\r\n";
    let Some(rest) = bytes.get(start..start + length + END.len()) else { return Ok(None) };
    let (list, end) = rest.split_at(length);
    if end != END {
        return Err(format!("its list does not end after {length} bytes"));
    }
    nodes(list).map(Some)
}

/// The list: a version of its own, then `host|ip|port` for each server.
fn nodes(list: &[u8]) -> Result<Vec<Node>, String> {
    let list = std::str::from_utf8(list).map_err(|_| "its list is no text".to_owned())?;
    let mut words = list.split_ascii_whitespace();
    let version = words.next().unwrap_or_default();
    if version.parse::<u64>().is_err() {
        return Err(format!("its list begins with `{version}` instead of a number"));
    }
    let nodes: Vec<Node> = words.map(node).collect::<Result<_, _>>()?;
    if nodes.is_empty() {
        return Err("its list names no server".to_owned());
    }
    Ok(nodes)
}

/// A server by its host name, which stays when the machine behind it is replaced; by its address
/// where there is no name.
fn node(word: &str) -> Result<Node, String> {
    let wrong = || format!("`{word}` in its list is not host|ip|port");
    let [host, ip, port] = word.split('|').collect::<Vec<_>>()[..] else { return Err(wrong()) };
    let host = if host.is_empty() { ip } else { host.trim_end_matches('.') };
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let address = Address::parse(&format!("{host}:{port}")).map_err(|_| wrong())?;
    Ok(Node::new(address.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(header: &str, list: &str) -> Vec<u8> {
        format!("{header} 0 {}\r\n{list}\r\nEND\r\n", list.len()).into_bytes()
    }

    const LIST: &str = "12\na.0001.cache.amazonaws.com.|10.82.235.120|11211 b|10.80.249.27|11212 |10.0.0.9|11213 ||1\n";

    #[test]
    fn both_forms_are_read_whole_and_in_pieces() {
        let list = LIST.replace(" ||1", "");
        let names = ["a.0001.cache.amazonaws.com:11211", "b:11212", "10.0.0.9:11213"];
        for (form, header) in
            [(Form::Config, "CONFIG cluster"), (Form::Key, "VALUE AmazonElastiCache:cluster")]
        {
            let bytes = answer(header, &list);
            assert_eq!(decode(form, &bytes).unwrap().unwrap(), names.map(Node::new));
            for end in 0..bytes.len() {
                assert_eq!(decode(form, &bytes[..end]), Ok(None), "{end}");
            }
        }
    }

    #[test]
    fn broken_answers_say_what_is_broken() {
        let config = |list: &str| answer("CONFIG cluster", list);
        for (bytes, error) in [
            (b"END\r\n".to_vec(), "answered `END`"),
            (b"ERROR\r\n".to_vec(), "answered `ERROR`"),
            (b"SERVER_ERROR busy\r\n".to_vec(), "answered `SERVER_ERROR busy`"),
            (
                b"CONFIG cluster 0 x\r\n".to_vec(),
                "answered a length that cannot be: `CONFIG cluster 0 x`",
            ),
            (
                b"CONFIG cluster 0 99999999999\r\n".to_vec(),
                "answered a length that cannot be: `CONFIG cluster 0 99999999999`",
            ),
            (
                b"CONFIG cluster 0 1\r\n1234567890\r\nEND\r\n".to_vec(),
                "its list does not end after 1 bytes",
            ),
            (config(LIST), "`||1` in its list is not host|ip|port"),
            (config("1\n"), "its list names no server"),
            (config(""), "its list begins with `` instead of a number"),
            (config("a|b|1"), "its list begins with `a|b|1` instead of a number"),
            (config("1\na|b"), "`a|b` in its list is not host|ip|port"),
            (config("1\na|b|x"), "`a|b|x` in its list is not host|ip|port"),
            (b"\xff\n".to_vec(), "a line that is no text"),
            (vec![b'x'; 2000], "a line without end"),
        ] {
            assert_eq!(decode(Form::Config, &bytes).unwrap_err(), error);
        }
    }

    #[test]
    fn the_version_says_which_form_comes_first() {
        let new = [Form::Config, Form::Key];
        let old = [Form::Key, Form::Config];
        for (version, forms) in [
            ("VERSION 1.4.14", new),
            ("VERSION 1.4.5", old),
            ("VERSION 1.4.5_4_gaa7839e", old),
            ("VERSION 1.6.22", new),
            ("VERSION 1.6.22-serverless", new),
            ("VERSION 1.3.99 beta", old),
            ("VERSION unknown", new),
            ("ERROR", new),
        ] {
            assert_eq!(order(version), forms, "{version}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), head in 0..3) {
            let head: &[u8] = [&b""[..], b"CONFIG cluster 0 20\r\n", b"CONFIG cluster 0 9\r\n1\na|b|1 "][head as usize];
            let _ = decode(Form::Config, &[head, &bytes].concat());
        }
    }
}
