//! What a region's options say, checked, before anything is opened.

use super::settings::Settings;
use super::tree::Place;
use super::{tiers, value};
use crate::backends::{BackendPlan, Distance};
use crate::mangle::{self, Mangler};
use crate::plan::{Scope, WrapperPlan};
use cache_clients::encoded::{Absence, Codec, Compression, Contention, SigningKey};
use cache_core::{AsyncTtl, Eviction, Jitter};
use std::collections::BTreeMap;
use std::time::Duration;

/// One region, as a configuration has it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) tiers: Vec<TierDraft>,
    pub(crate) expiration: Option<Duration>,
    pub(crate) async_ttl: Option<AsyncTtl>,
    pub(crate) jitter: Option<Jitter>,
    pub(crate) grace: Option<Duration>,
    pub(crate) bytes: BytesDraft,
    pub(crate) invalidation: Scope,
    pub(crate) tag_lag: Duration,
    pub(crate) wrappers: Vec<WrapperPlan>,
    pub(crate) limits: Limits,
    /// Where each option stands that the region says itself; not those of `defaults`.
    pub(crate) stated: BTreeMap<String, Place>,
    pub(crate) print: u64,
}

/// How values become bytes, for all tiers of bytes.
#[derive(Debug, Clone)]
pub(crate) struct BytesDraft {
    pub(crate) prefix: Option<String>,
    pub(crate) mangler: Option<Mangler>,
    pub(crate) codec: Codec,
    pub(crate) compression: Option<Compression>,
    pub(crate) key: Option<SigningKey>,
    pub(crate) lease: Option<Duration>,
    pub(crate) contention: Contention,
    pub(crate) absence: Absence,
    pub(crate) clear_lag: Option<Duration>,
    pub(crate) pending: Option<usize>,
    pub(crate) deadline: Option<Duration>,
}

/// What the region declares of itself, for the advisor.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) staleness: Option<Duration>,
    pub(crate) load: Option<f64>,
    pub(crate) memory: Option<u64>,
}

/// One tier.
#[derive(Debug)]
pub(crate) struct TierDraft {
    pub(crate) place: Place,
    pub(crate) backend: String,
    pub(crate) ttl: Option<Duration>,
    pub(crate) kind: Kind,
    /// What the server is made of: tiers of the same may have one.
    pub(crate) made_of: u64,
    pub(crate) print: u64,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Memory {
        entries: usize,
        eviction: Eviction,
    },
    Null,
    /// With a deadline to be seen to, where the backend does not do it.
    Server {
        plan: BackendPlan,
        deadline: Option<Duration>,
    },
}

impl TierDraft {
    pub(crate) fn distance(&self) -> Option<Distance> {
        match &self.kind {
            Kind::Memory { .. } => Some(Distance::Process),
            Kind::Null => None,
            Kind::Server { plan, .. } => Some(plan.distance),
        }
    }
}

/// Reads the options of one region.
pub(super) fn region(
    name: &str,
    settings: &mut Settings<'_>,
    stated: BTreeMap<String, Place>,
) -> Draft {
    let place = settings.place().clone();
    // The rules change in place: they are no part of what a stack is made from.
    let before = settings.print_so_far();
    let expiration = settings.read("expiration", value::ttl).flatten();
    let async_ttl = settings.read("async_ttl", value::async_ttl);
    let jitter = settings.read("jitter", value::jitter);
    let limits = Limits {
        staleness: settings.limit("max_staleness"),
        load: settings.number("max_load"),
        memory: settings.bytes("max_memory"),
    };
    settings.print_again(before);
    // Servers keep values for so much longer.
    let grace = settings.limit("grace");
    let bytes = bytes(settings);
    let scopes = [("shared", Scope::Shared), ("process", Scope::Process)];
    let invalidation = settings.mode("invalidation", &scopes).unwrap_or_default();
    let tag_lag = settings.limit("tag_lag").unwrap_or(Duration::from_secs(5));
    let wrappers = tiers::wrappers(settings);
    let tiers = match settings.is_partial() {
        true => Vec::new(),
        false => tiers::all(settings, bytes.deadline),
    };
    let name = name.to_owned();
    Draft {
        name,
        place,
        tiers,
        expiration,
        async_ttl,
        jitter,
        grace,
        bytes,
        invalidation,
        tag_lag,
        wrappers,
        limits,
        stated,
        print: 0,
    }
}

fn bytes(settings: &mut Settings<'_>) -> BytesDraft {
    BytesDraft {
        prefix: settings.read("key_prefix", |value| {
            let prefix = value::text(value)?;
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            match (1..=32).contains(&prefix.len()) && prefix.bytes().all(fits) {
                true => Ok(prefix),
                false => Err("right are 1 to 32 letters, digits, `.`, `_` or `-`".to_owned()),
            }
        }),
        mangler: settings.read("mangler", |value| mangle::parse(&value::text(value)?)).flatten(),
        codec: codec(settings),
        compression: compression(settings),
        key: signing(settings),
        lease: settings.limit("lease"),
        contention: settings
            .mode("contention", &[("wait", Contention::Wait), ("compute", Contention::Compute)])
            .unwrap_or_default(),
        absence: settings
            .mode("absence", &[("miss", Absence::Miss), ("fail", Absence::Fail)])
            .unwrap_or_default(),
        clear_lag: settings.limit("clear_lag"),
        pending: settings.amount("pending"),
        deadline: settings.limit("deadline"),
    }
}

fn codec(settings: &mut Settings<'_>) -> Codec {
    let codecs = [
        ("auto", Ok(Codec::Auto)),
        ("messagepack", Ok(Codec::MessagePack)),
        #[cfg(feature = "json")]
        ("json", Ok(Codec::Json)),
        #[cfg(not(feature = "json"))]
        ("json", Err("json")),
    ];
    feature(settings, "codec", &codecs).unwrap_or_default()
}

/// One of these modes, or a complaint about a feature that is not compiled in.
fn feature<'a, T: Copy>(
    settings: &mut Settings<'a>,
    name: &'a str,
    modes: &[(&str, Result<T, &str>)],
) -> Option<T> {
    match settings.mode(name, modes)? {
        Ok(mode) => Some(mode),
        Err(feature) => {
            settings.wrong(name, format!("this `{name}` needs larder's feature `{feature}`"));
            None
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum By {
    Off,
    Lz4,
    #[cfg(feature = "zstd")]
    Zstd,
}

const BY: [(&str, Result<By, &str>); 3] = [
    ("off", Ok(By::Off)),
    ("lz4", Ok(By::Lz4)),
    #[cfg(feature = "zstd")]
    ("zstd", Ok(By::Zstd)),
    #[cfg(not(feature = "zstd"))]
    ("zstd", Err("zstd")),
];

const FROM: usize = 512;

fn compression(settings: &mut Settings<'_>) -> Option<Compression> {
    if !settings.is_table("compression") {
        return Some(made(feature(settings, "compression", &BY)?, FROM, 3));
    }
    settings.table("compression", |settings| {
        settings.required("by");
        let by = feature(settings, "by", &BY);
        let from = settings.amount("from").unwrap_or(FROM);
        let level = settings.read("level", |value| match value::whole(value)? {
            level @ 1..=22 => Ok(level as i32),
            _ => Err("right is a whole number from 1 to 22".to_owned()),
        });
        if level.is_some() && matches!(by, Some(By::Off | By::Lz4)) {
            settings.wrong("level", "`level` is for zstd only: leave it out");
        }
        by.map(|by| made(by, from, level.unwrap_or(3)))
    })?
}

#[cfg_attr(not(feature = "zstd"), expect(unused_variables, reason = "only zstd has levels"))]
fn made(by: By, from: usize, level: i32) -> Compression {
    match by {
        By::Off => Compression::Off,
        By::Lz4 => Compression::Lz4 { from },
        #[cfg(feature = "zstd")]
        By::Zstd => Compression::Zstd { from, level },
    }
}

fn signing(settings: &mut Settings<'_>) -> Option<SigningKey> {
    let on = settings.mode("signing", &[("on", true), ("off", false)]);
    let has_key = settings.has("signing_key");
    let key = settings.kept_secret("signing_key").and_then(|text| {
        let key = SigningKey::from_hex(&text);
        key.map_err(|error| settings.wrong("signing_key", format!("`signing_key`: {error}"))).ok()
    });
    match on {
        Some(true) if !has_key => {
            settings.wrong("signing", "signing without a key: give `signing_key`");
            None
        }
        Some(false) if has_key => {
            settings.wrong(
                "signing",
                "`signing_key` is given, and signing is off: leave one of them out",
            );
            None
        }
        _ => key,
    }
}
