//! What `[store.NAME]` says, checked, before anything is opened.

use super::remote as far;
use super::url::{self, At};
use crate::index::Limits;
use crate::layout::CHUNKS;
use crate::options::{KeepWrites, Unread, Verify};
use crate::policy::{Count, Fifo, Lru, Policy, Size, Ttl};
use cache_core::Clock;
use cache_regions::{Mistake, ServerPlan, Settings, Spot, words};
use object_store::ObjectStore;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where copies are kept.
#[derive(Debug)]
pub(super) enum Local {
    At(At),
    Server(ServerPlan),
}

/// Where the index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IndexAt {
    /// Where nothing is said.
    Usual,
    Directory(PathBuf),
    Memory,
    /// The local store's own presence decides.
    Nowhere,
}

/// The truth: where it is, and its client if it is on a network, which is made here already since only it knows
/// what its options may be; it connects when it is first used.
pub(super) struct Remote {
    pub(super) at: At,
    pub(super) client: Option<Arc<dyn ObjectStore>>,
}

/// One store of a configuration.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) local: Option<Local>,
    pub(super) remote: Option<Remote>,
    pub(super) policy: Policy,
    pub(super) stale_if_error: Option<Duration>,
    pub(super) local_deadline: Option<Duration>,
    pub(super) chunk: Option<usize>,
    pub(super) direct_writes: Option<usize>,
    pub(super) index: IndexAt,
    pub(super) write_back: Option<PathBuf>,
    pub(super) keep_writes: KeepWrites,
    pub(super) unread: Unread,
    pub(super) verify: Verify,
    pub(super) clock: Clock,
    pub(super) local_spot: Spot,
    pub(super) remote_spot: Spot,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.at, f)
    }
}

/// Reads the options of one store.
pub(super) fn store(settings: &mut Settings<'_>) -> Draft {
    let remote = remote(settings);
    let local = local(settings);
    let draft = Draft {
        policy: policy(settings),
        stale_if_error: settings.rules(|settings| settings.limit("stale_if_error")),
        local_deadline: settings.limit("local_deadline"),
        chunk: chunk(settings),
        direct_writes: settings.amount("direct_writes"),
        index: index(settings, local.as_ref()),
        write_back: directory(settings, "write_back"),
        keep_writes: settings
            .mode("keep_writes", &[("always", KeepWrites::Always), ("never", KeepWrites::Never)])
            .unwrap_or_default(),
        unread: settings
            .mode("unread", &[("stop", Unread::Stop), ("finish", Unread::Finish)])
            .unwrap_or_default(),
        verify: settings
            .mode("verify", &[("once", Verify::Once), ("always", Verify::Always)])
            .unwrap_or_default(),
        clock: settings.clock(),
        local_spot: settings.spot("local"),
        remote_spot: settings.spot("remote"),
        local,
        remote,
    };
    contradictions(settings, &draft);
    draft
}

fn remote(settings: &mut Settings<'_>) -> Option<Remote> {
    let (at, options) = far::read(settings)?;
    let client = match &at {
        At::Cloud(_) => match far::make(&at, &options) {
            Ok(client) => Some(client),
            Err(why) => {
                settings.wrong("remote", format!("`remote` is {at}: {why}"));
                return None;
            }
        },
        _ => None,
    };
    Some(Remote { at, client })
}

fn local(settings: &mut Settings<'_>) -> Option<Local> {
    settings.required("local");
    match settings.is_table("local") {
        true => settings.server("local").map(Local::Server),
        false => far::place(settings, "local", url::local).map(Local::At),
    }
}

fn policy(settings: &mut Settings<'_>) -> Policy {
    let mut policy = Policy::default();
    // They change in place: they do not tell one store from another.
    let (ttl, bytes, count) = settings.rules(|settings| {
        (settings.limit("ttl"), settings.amount("size"), settings.amount("count"))
    });
    if let Some(ttl) = ttl {
        policy = policy | Ttl(ttl);
    }
    if let Some(bytes) = bytes {
        policy = policy | Size(bytes as u64);
    }
    let orders = [("lru", false), ("fifo", true)];
    match (settings.mode("eviction", &orders), count) {
        // Which goes first is one thing, how many there may be another.
        (Some(true), count) => policy | Fifo(count.unwrap_or(usize::MAX)),
        (Some(false) | None, Some(count)) => policy | Count(count) | Lru,
        (Some(false) | None, None) => policy,
    }
}

fn chunk(settings: &mut Settings<'_>) -> Option<usize> {
    let bytes = settings.amount("chunk")?;
    if !CHUNKS.contains(&(bytes as u64)) {
        let (least, most) = (words::size(*CHUNKS.start()), words::size(*CHUNKS.end()));
        let bytes = words::size(bytes as u64);
        settings.wrong("chunk", format!("`chunk` is {bytes}: right is from {least} to {most}"));
        return None;
    }
    Some(bytes)
}

fn path(text: &str) -> Result<PathBuf, String> {
    const FORM: &str = "right is the path of a directory that begins with `/` or `./`";
    match url::local(text) {
        Ok(At::Directory(path)) => Ok(path),
        _ => Err(FORM.to_owned()),
    }
}

fn directory<'a>(settings: &mut Settings<'a>, name: &'a str) -> Option<PathBuf> {
    far::place(settings, name, path)
}

fn index(settings: &mut Settings<'_>, local: Option<&Local>) -> IndexAt {
    let given = far::place(settings, "index", |text| match text {
        "memory" => Ok(IndexAt::Memory),
        "none" => Ok(IndexAt::Nowhere),
        _ => path(text)
            .map(IndexAt::Directory)
            .map_err(|form| format!("{form}, \"memory\", or \"none\"")),
    });
    given.unwrap_or(match local {
        Some(Local::Server(_)) => IndexAt::Nowhere,
        _ => IndexAt::Usual,
    })
}

/// What no store can be made of, though each option is right by itself.
fn contradictions(settings: &mut Settings<'_>, draft: &Draft) {
    if settings.has("direct_writes")
        && !matches!(draft.local, Some(Local::At(At::Directory(_))) | None)
    {
        let why = "`direct_writes`: only copies in a directory are written directly: leave it out, or give `local` the path of one";
        settings.wrong("direct_writes", why);
    }
    if draft.index == IndexAt::Nowhere {
        for name in ["ttl", "size", "count", "eviction", "stale_if_error", "write_back"] {
            if settings.has(name) {
                let why = "without an index the local store alone decides what is kept: leave it out, or give `index`";
                settings.wrong(name, format!("`{name}`: {why}"));
            }
        }
        return;
    }
    if settings.has("stale_if_error") && !settings.has("ttl") {
        let why = "`stale_if_error` without `ttl`: copies are believed for ever already";
        settings.wrong("stale_if_error", why);
    }
    if settings.has("eviction") && !settings.has("size") && !settings.has("count") {
        let why = "`eviction` without `size` or `count`: nothing has to go";
        settings.wrong("eviction", why);
    }
    if settings.has("write_back")
        && matches!(draft.local, Some(Local::At(At::Memory | At::Temporary)))
    {
        let why = "`write_back` over a local store that is gone with the process: what was written would be, too";
        settings.wrong("write_back", why);
    }
}

impl Draft {
    /// What can change while the store is open.
    pub(super) fn limits(&self) -> Limits {
        Limits::new(&self.policy, self.stale_if_error)
    }

    /// The stores of the configuration that it is made from, with the places that name them.
    pub(super) fn uses(&self) -> Vec<(&str, &Spot)> {
        let mut uses = Vec::new();
        if let Some(Remote { at: At::Store(name), .. }) = &self.remote {
            uses.push((name.as_str(), &self.remote_spot));
        }
        if let Some(Local::At(At::Store(name))) = &self.local {
            uses.push((name.as_str(), &self.local_spot));
        }
        uses
    }

    /// The directories that no other store can have meanwhile.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let local = match &self.local {
            Some(Local::At(At::Directory(path))) => Some(path),
            _ => None,
        };
        let index = match &self.index {
            IndexAt::Directory(path) => Some(path),
            IndexAt::Usual | IndexAt::Memory | IndexAt::Nowhere => None,
        };
        let all = [local, index, self.write_back.as_ref()].into_iter().flatten();
        all.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())).collect()
    }

    /// Copies would lie among the objects that they are copies of.
    pub(super) fn within_itself(&self) -> Option<Mistake> {
        let Some(Remote { at: At::Directory(remote), .. }) = &self.remote else { return None };
        let remote = std::path::absolute(remote).ok()?;
        let inside = self
            .directories()
            .into_iter()
            .find(|own| own.starts_with(&remote) || remote.starts_with(own))?;
        let message = format!(
            "{} and the remote {} lie in each other: give copies a directory of their own",
            inside.display(),
            remote.display()
        );
        Some(self.local_spot.mistake(message))
    }

    /// What follows from the options, in the words of `larder check`.
    pub(super) fn bounds(&self, name: &str) -> String {
        let remote = self.remote.as_ref().map(|remote| remote.at.to_string()).unwrap_or_default();
        let local = match &self.local {
            Some(Local::At(at)) => at.to_string(),
            Some(Local::Server(server)) => server.backend.clone(),
            None => String::new(),
        };
        let staleness = match (&self.index, self.policy.ttl()) {
            (IndexAt::Nowhere, _) => "as long as the local store keeps a copy".to_owned(),
            (_, None) => {
                "without limit: copies are believed until they are written, deleted or evicted here"
                    .to_owned()
            }
            (_, Some(ttl)) => {
                let mut text = format!("at most {}", words::time(ttl));
                if let Some(past) = self.stale_if_error {
                    let longest = words::time(ttl.saturating_add(past));
                    text.push_str(&format!("; at most {longest} while the remote is away"));
                }
                text
            }
        };
        let chunk = self.chunk.unwrap_or(crate::builder::CHUNK as usize) as u64;
        let writes = match &self.write_back {
            None => "done when the remote has them".to_owned(),
            Some(journal) => format!("done when they are in `local` and in {}", journal.display()),
        };
        format!(
            "store `{name}`: {local} over {remote}\n  staleness: {staleness}\n  room: {}\n  \
             memory: {} for each object that is being fetched\n  writes: {writes}\n",
            self.room(),
            words::size(3 * chunk),
        )
    }

    fn room(&self) -> String {
        let count = self.policy.objects().filter(|count| *count < usize::MAX);
        let count = count.map(|count| format!("{count} objects"));
        let limits: Vec<String> =
            self.policy.bytes().map(words::size).into_iter().chain(count).collect();
        match limits.is_empty() {
            true if self.index == IndexAt::Nowhere => "as the local store has it".to_owned(),
            true => "without limit".to_owned(),
            false => format!("at most {}", limits.join(" and ")),
        }
    }
}
