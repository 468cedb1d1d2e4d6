//! Which node of a cluster has a key.

use super::dial::Address;
use ::redis::Value;
use std::sync::Arc;

const SLOTS: u16 = 16384;

/// The slot of a key: of what stands in its first braces, if anything does.
pub(super) fn slot(key: &str) -> u16 {
    crc16(tag(key).as_bytes()) % SLOTS
}

fn tag(key: &str) -> &str {
    let tagged = || {
        let inside = &key[key.find('{')? + 1..];
        let tag = &inside[..inside.find('}')?];
        (!tag.is_empty()).then_some(tag)
    };
    tagged().unwrap_or(key)
}

/// CRC-16 with the polynomial 0x1021 from zero, as the cluster's specification asks for.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// A cluster's layout.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// First and last slot of a master, in ascending order.
    ranges: Vec<(u16, u16, Arc<Address>)>,
    replicas: Vec<Address>,
}

impl Map {
    /// From an answer to `CLUSTER SLOTS` by `asked`.
    pub(super) fn parse(answer: &Value, asked: &Address) -> Option<Self> {
        let Value::Array(rows) = answer else { return None };
        let mut map = Map::default();
        for row in rows {
            let Value::Array(row) = row else { return None };
            let [Value::Int(first), Value::Int(last), master, replicas @ ..] = &row[..] else {
                return None;
            };
            let master = Arc::new(node(master, asked)?);
            map.ranges.push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, master));
            map.replicas.extend(replicas.iter().filter_map(|replica| node(replica, asked)));
        }
        map.ranges.sort_by_key(|range| range.0);
        (!map.ranges.is_empty()).then_some(map)
    }

    /// The master of a slot; `None` if none has it.
    pub(super) fn master(&self, slot: u16) -> Option<&Address> {
        let after = self.ranges.partition_point(|range| range.0 <= slot);
        let (_, last, master) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(&**master)
    }

    /// All that can be asked for the layout.
    pub(super) fn members(&self) -> impl Iterator<Item = &Address> {
        self.ranges.iter().map(|range| &*range.2).chain(&self.replicas)
    }
}

fn node(row: &Value, asked: &Address) -> Option<Address> {
    let Value::Array(row) = row else { return None };
    let [host, Value::Int(port), ..] = &row[..] else { return None };
    let port = u16::try_from(*port).ok()?;
    let host = match host {
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        Value::Nil => String::new(),
        _ => return None,
    };
    Some(asked.beside(&host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(slot("foo"), 12182);
        assert_eq!(slot("user1000"), 3443);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), crc16(b"foo{}{bar}") % SLOTS);
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
        assert_eq!(slot("foo{bar"), crc16(b"foo{bar") % SLOTS);
    }

    #[test]
    fn the_layout_says_who_has_a_slot() {
        let text = |text: &str| Value::BulkString(text.into());
        let node = |host: &str, port| Value::Array(vec![text(host), Value::Int(port), text("id")]);
        let rows = Value::Array(vec![
            Value::Array(vec![Value::Int(8000), Value::Int(16383), node("", 7001)]),
            Value::Array(vec![
                Value::Int(0),
                Value::Int(5000),
                node("10.0.0.7", 7000),
                node("10.0.0.8", 7002),
            ]),
        ]);
        let asked = Address::tcp("10.0.0.6", 6379);
        let map = Map::parse(&rows, &asked).unwrap();
        assert_eq!(map.master(0), Some(&Address::tcp("10.0.0.7", 7000)));
        assert_eq!(map.master(5000), Some(&Address::tcp("10.0.0.7", 7000)));
        assert_eq!(map.master(5001), None);
        assert_eq!(map.master(8000), Some(&Address::tcp("10.0.0.6", 7001)));
        assert_eq!(map.members().count(), 3);
    }

    #[test]
    fn what_is_no_layout_is_none() {
        let asked = Address::tcp("10.0.0.6", 6379);
        assert!(Map::parse(&Value::Nil, &asked).is_none());
        assert!(Map::parse(&Value::Array(vec![]), &asked).is_none());
        assert!(Map::parse(&Value::Array(vec![Value::Array(vec![Value::Nil])]), &asked).is_none());
    }
}
