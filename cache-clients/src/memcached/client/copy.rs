//! Names of copies: each says which server it is for, so that it stays there whatever the list becomes.

use crate::memcached::host::Host;

/// So many servers have a copy: one of them may leave for good while another is away.
pub(super) const COUNT: usize = 3;
/// Digits of an address.
const DIGITS: usize = 8;

/// The name of the copy that is for a server.
pub(super) fn name(key: &str, host: &Host) -> String {
    format!("{key}@{:08x}", address_of(&host.name))
}

/// The server that a key says it is for.
pub(super) fn address(key: &str) -> Option<u32> {
    let (_, digits) = key.split_at_checked(key.len().checked_sub(DIGITS + 1)?)?;
    // Most keys end here.
    let digits = digits.strip_prefix('@')?;
    u32::from_str_radix(digits, 16).ok()
}

pub(super) fn is_for(address: u32, host: &Host) -> bool {
    address_of(&host.name) == address
}

/// Of the name in the list. Two servers of one address would have one copy instead of two.
fn address_of(name: &str) -> u32 {
    let digest = blake3::hash(name.as_bytes());
    u32::from_be_bytes(std::array::from_fn(|n| digest.as_bytes()[n]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::options::MemcachedOptions;
    use std::sync::Arc;

    #[test]
    fn a_copy_says_which_server_it_is_for() {
        let settings = Arc::new(MemcachedOptions::default().settings);
        let host = Host::new("10.0.0.7:11211", &settings).unwrap();
        let name = name("larder:users:gen", &host);
        // Programs of all versions must agree.
        assert_eq!(name, "larder:users:gen@6951701e");
        assert!(is_for(address(&name).unwrap(), &host));
        let other = Host::new("10.0.0.8:11211", &settings).unwrap();
        assert!(!is_for(address(&name).unwrap(), &other));
    }

    #[test]
    fn other_keys_say_nothing() {
        for key in ["", "k", "larder:users:gen", "@1234567", "k@123456789", "k@1234567g", "kéé@1"]
        {
            assert_eq!(address(key), None, "{key}");
        }
    }
}
