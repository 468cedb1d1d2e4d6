//! The addresses of a name.

use super::servers::Pace;
use std::net::IpAddr;
use std::time::Duration;

/// The addresses of a name, at least one, and how long they hold if anybody knows.
///
/// IPv6 addresses only where there are no IPv4 ones: a machine with both is one server, not two.
#[cfg(feature = "dns")]
pub(super) async fn addresses(
    host: &str,
    pace: Pace,
) -> Result<(Vec<IpAddr>, Option<Duration>), String> {
    use hickory_resolver::proto::rr::RecordType;

    let resolver = hickory::resolver(pace)?;
    let mut found = hickory::ask(&resolver, host, RecordType::A).await?;
    if found.0.is_empty() {
        found = hickory::ask(&resolver, host, RecordType::AAAA).await?;
    }
    if found.0.is_empty() { Err("the name has no addresses".to_owned()) } else { Ok(found) }
}

#[cfg(feature = "dns")]
mod hickory {
    use super::Pace;
    use hickory_resolver::TokioResolver;
    use hickory_resolver::config::{NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::proto::rr::{RData, RecordType};
    use std::net::{IpAddr, SocketAddr};
    use std::time::Duration;

    /// Made anew for every question, so that a change of the system's settings is seen; it keeps no
    /// answers, since the list is kept here.
    pub(super) fn resolver(pace: Pace) -> Result<TokioResolver, String> {
        let mut builder = match pace.name_server {
            Some(address) => TokioResolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), vec![server(address)]),
                TokioRuntimeProvider::default(),
            ),
            None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = (pace.deadline / 3).min(options.timeout);
        builder.build().map_err(|error| error.to_string())
    }

    fn server(address: SocketAddr) -> NameServerConfig {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut server.connections {
            connection.port = address.port();
        }
        server
    }

    /// The addresses of one family; none is no error.
    pub(super) async fn ask(
        resolver: &TokioResolver,
        host: &str,
        family: RecordType,
    ) -> Result<(Vec<IpAddr>, Option<Duration>), String> {
        let lookup = match resolver.lookup(host, family).await {
            Ok(lookup) => lookup,
            Err(error) if error.is_no_records_found() => return Ok((Vec::new(), None)),
            Err(error) => return Err(error.to_string()),
        };
        let records = lookup.answers();
        let addresses = records.iter().filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        });
        // Of an alias and its addresses, whatever ends first.
        let ttl = records.iter().map(|record| record.ttl).min();
        Ok((addresses.collect(), ttl.map(|ttl| Duration::from_secs(ttl.into()))))
    }
}

/// As above; the system's resolver tells no TTL.
#[cfg(not(feature = "dns"))]
pub(super) async fn addresses(
    host: &str,
    _: Pace,
) -> Result<(Vec<IpAddr>, Option<Duration>), String> {
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| error.to_string())?;
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) =
        found.map(|address| address.ip()).partition(IpAddr::is_ipv4);
    let addresses = if v4.is_empty() { v6 } else { v4 };
    if addresses.is_empty() {
        return Err("the name has no addresses".to_owned());
    }
    Ok((addresses, None))
}
