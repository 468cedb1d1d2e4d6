//! Redis and Valkey, with all that their options offer.

use super::BackendPlan;
use crate::config::settings::Settings;
use cache_clients::redis::{Redis, RedisOptions};
use cache_core::Result;

/// Reads the options. The client is made here already, since only it knows what a URL may be;
/// it connects when it is first called.
pub(super) fn plan(settings: &mut Settings<'_>) -> Result<BackendPlan> {
    settings.required("url");
    let url = settings.secret("url");
    let mut options = RedisOptions::new(url.as_deref().unwrap_or("redis://localhost"));
    if let Some(timeout) = settings.limit("connect_timeout") {
        options = options.with_connect_timeout(timeout);
    }
    if let Some(timeout) = settings.limit("response_timeout") {
        options = options.with_response_timeout(timeout);
    }
    if let Some(deadline) = settings.deadline() {
        options = options.with_deadline(deadline);
    }
    if let Some(longest) = settings.limit("reconnect") {
        options = options.with_reconnect(longest);
    }
    if let Some(calls) = settings.amount("in_flight") {
        options = options.with_in_flight(calls);
    }
    if let Some(bytes) = settings.amount("max_value") {
        options = options.with_max_value(bytes);
    }
    options = tls(settings, options);
    let redis = Redis::new(options);
    if let Err(error) = &redis {
        settings.wrong("url", error);
    }
    Ok(BackendPlan::new(move || redis))
}

#[cfg(not(feature = "tls"))]
fn tls(settings: &mut Settings<'_>, options: RedisOptions) -> RedisOptions {
    settings.without_feature("tls", "tls");
    options
}

#[cfg(feature = "tls")]
fn tls(settings: &mut Settings<'_>, mut options: RedisOptions) -> RedisOptions {
    let read = settings.table("tls", |settings| {
        if settings.has("server_name") && settings.text("server_name").is_some() {
            settings.wrong(
                "server_name",
                "`server_name` is for memcached: Redis takes the host of the URL",
            );
        }
        (settings.file("roots"), settings.pair("certificate", "key"))
    });
    let Some((roots, identity)) = read else { return options };
    if let Some(roots) = roots {
        options = options.with_root_certificates(roots);
    }
    match identity {
        Some((certificate, key)) => options.with_client_certificate(certificate, key),
        None => options,
    }
}
