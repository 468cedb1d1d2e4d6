//! memcached, with all that its options offer.

use super::BackendPlan;
use crate::config::settings::Settings;
use crate::config::value;
use cache_clients::memcached::discover::Servers;
use cache_clients::memcached::ring::Placement;
use cache_clients::memcached::{BreakerOptions, IntoServers, Memcached, MemcachedOptions};
use cache_core::Result;

const PLACEMENTS: [(&str, Placement); 5] = [
    ("rendezvous", Placement::Rendezvous),
    ("ketama", Placement::Ketama),
    ("ketama-weighted", Placement::KetamaWeighted),
    ("pymemcache", Placement::PymemcacheRendezvous),
    ("modula", Placement::Modula),
];

/// Reads the options.
pub(super) fn plan(settings: &mut Settings<'_>) -> Result<BackendPlan> {
    let servers = servers(settings);
    let mut options = MemcachedOptions::default().with_clock(settings.clock());
    if let Some(placement) = settings.mode("placement", &PLACEMENTS) {
        options = options.with_placement(placement);
    }
    options = times(settings, options);
    options = bounds(settings, options);
    options = login(settings, options);
    if let Some(breaker) = settings.table("breaker", breaker) {
        options = options.with_breaker(breaker);
    }
    options = tls(settings, options)?;
    Ok(BackendPlan::new(move || Memcached::with(servers, options)))
}

fn servers(settings: &mut Settings<'_>) -> Servers {
    settings.required("servers");
    let servers = settings.read("servers", |value| {
        let parts = value::texts(value)?;
        if parts.iter().all(|part| part.is_empty()) {
            return Err("right is host:port, several in a list".to_owned());
        }
        parts.into_servers().map_err(|error| error.to_string())
    });
    let mut servers = servers.unwrap_or_else(|| Servers::fixed([]));
    if let Some(every) = settings.limit("refresh_every") {
        servers = servers.with_every(every);
    }
    if let Some(deadline) = settings.limit("discovery_deadline") {
        servers = servers.with_deadline(deadline);
    }
    #[cfg(feature = "dns")]
    if let Some(text) = settings.text("name_server") {
        match text.parse() {
            Ok(address) => servers = servers.with_name_server(address),
            Err(_) => settings.wrong(
                "name_server",
                format!(
                    "`name_server` is \"{text}\": right is an address with a port, as 10.0.0.2:53"
                ),
            ),
        }
    }
    #[cfg(not(feature = "dns"))]
    if settings.text("name_server").is_some() {
        settings.wrong("name_server", "`name_server` needs larder's feature `dns`");
    }
    servers
}

fn times(settings: &mut Settings<'_>, mut options: MemcachedOptions) -> MemcachedOptions {
    if let Some(timeout) = settings.limit("connect_timeout") {
        options = options.with_connect_timeout(timeout);
    }
    if let Some(timeout) = settings.limit("answer_timeout") {
        options = options.with_answer_timeout(timeout);
    }
    if let Some(deadline) = settings.deadline() {
        options = options.with_deadline(deadline);
    }
    match settings.limit("stand_in") {
        Some(keep) => options.with_stand_in(keep),
        None => options,
    }
}

fn bounds(settings: &mut Settings<'_>, mut options: MemcachedOptions) -> MemcachedOptions {
    if let Some(requests) = settings.amount("queue") {
        options = options.with_queue(requests);
    }
    if let Some(bytes) = settings.amount("queue_bytes") {
        options = options.with_queue_bytes(bytes);
    }
    if let Some(bytes) = settings.amount("large_above") {
        options = options.with_large_above(bytes);
    }
    if let Some(lanes) = settings.small("lanes") {
        options = options.with_lanes(lanes as usize);
    }
    if let Some(bytes) = settings.amount("item_limit") {
        options = options.with_item_limit(bytes);
    }
    match settings.amount("owed") {
        Some(changes) => options.with_owed(changes),
        None => options,
    }
}

fn login(settings: &mut Settings<'_>, options: MemcachedOptions) -> MemcachedOptions {
    let (has_user, has_password) = (settings.has("user"), settings.has("password"));
    match (settings.text("user"), settings.secret("password")) {
        (Some(user), Some(password)) => return options.with_login(user, password),
        _ if has_user && !has_password => {
            settings.wrong("user", "`user` without `password`: give both")
        }
        _ if has_password && !has_user => {
            settings.wrong("password", "`password` without `user`: give both");
        }
        _ => {}
    }
    options
}

fn breaker(settings: &mut Settings<'_>) -> BreakerOptions {
    let mut options = BreakerOptions::default();
    if let Some(failures) = settings.small("failures") {
        options = options.with_failures(failures);
    }
    let rate = settings.read("rate", |value| match value::number(value)? {
        rate if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("right is a number from 0 to 1".to_owned()),
    });
    let (calls, window) = (settings.small("calls"), settings.limit("window"));
    if rate.is_some() || calls.is_some() || window.is_some() {
        let window = window.unwrap_or(std::time::Duration::from_secs(10));
        options = options.with_rate(rate.unwrap_or(0.5), calls.unwrap_or(20), window);
    }
    if let Some(pause) = settings.limit("pause") {
        options = options.with_pause(pause);
    }
    if let Some(longest) = settings.limit("longest_pause") {
        options = options.with_longest_pause(longest);
    }
    match settings.small("trials") {
        Some(trials) => options.with_trials(trials),
        None => options,
    }
}

#[cfg(not(feature = "tls"))]
fn tls(settings: &mut Settings<'_>, options: MemcachedOptions) -> Result<MemcachedOptions> {
    settings.without_feature("tls", "tls");
    Ok(options)
}

#[cfg(feature = "tls")]
fn tls(settings: &mut Settings<'_>, options: MemcachedOptions) -> Result<MemcachedOptions> {
    use cache_clients::memcached::Tls;
    let read = settings.table("tls", |settings| {
        settings.required("roots");
        let (roots, name) = (settings.file("roots"), settings.text("server_name"));
        let identity = settings.pair("certificate", "key");
        let mut tls = Tls::roots(&roots?);
        if let Some(name) = name {
            tls = tls.and_then(|tls| tls.with_server_name(&name));
        }
        if let Some((certificate, key)) = identity {
            tls = tls.and_then(|tls| tls.with_identity(&certificate, &key));
        }
        Some(tls)
    });
    match read.flatten() {
        Some(tls) => Ok(options.with_tls(tls?)),
        None => Ok(options),
    }
}
