//! `larder store status`: what is kept of a store, in the order in which it would go, and what waits for its remote.

use super::arguments::Arguments;
use super::failure::Failure;
use super::json::Line;
use super::target::{self, Target};
use larder::stores::object_store::path::Path;
use larder::stores::{CachedStore, Status};
use larder::{ChangeKind, SendTrouble, UnsentChange};
use std::io::{self, Write};
use std::time::Duration;

/// As many objects are shown unless all are asked for.
const SHOWN: usize = 20;
/// So long is waited for what the remote says to what waits for it.
const TRIED: Duration = Duration::from_secs(5);
/// So often they are tried.
const ROUNDS: usize = 4;
const TURN: Duration = Duration::from_millis(20);

/// What is told of a store.
struct View {
    name: String,
    /// In words.
    what: String,
    /// Who has it open, if that is not this command.
    owner: Option<String>,
    bytes: u64,
    copies: Vec<Status>,
    unsent: Vec<Unsent>,
}

/// A change that waits for the remote.
struct Unsent {
    path: Path,
    kind: ChangeKind,
    /// What is known beside that, if it is more.
    change: Option<UnsentChange>,
}

pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let Some(store) = target.cached() else { return Ok(()) };
    let unsent = tried(store).await.into_iter();
    let unsent =
        unsent.map(|(path, change)| Unsent { path, kind: change.kind, change: Some(change) });
    let view = View {
        name: store.name().to_owned(),
        what: store.to_string(),
        owner: None,
        bytes: store.stats().bytes,
        copies: store.status(),
        unsent: unsent.collect(),
    };
    show(arguments, &view)
}

/// What waits, after one more try: why it waits is known then.
async fn tried(store: &CachedStore) -> Vec<(Path, UnsentChange)> {
    let tried = async {
        // A round ends with its first failure, and the next one begins with another change.
        for _ in 0..store.unsent().len().min(ROUNDS) {
            if store.flush().await.is_ok() {
                return;
            }
        }
        while store.unsent().iter().any(|(_, change)| change.trouble.is_none()) {
            tokio::time::sleep(TURN).await;
        }
    };
    // A remote that says nothing for longer has not answered.
    let _ = tokio::time::timeout(TRIED, tried).await;
    store.unsent()
}

/// The process that has the store open.
pub(super) fn owner(arguments: &Arguments) -> Option<String> {
    target::plans(arguments).ok()?.owner(&arguments.store).ok()?
}

/// What can be told while another process has it open.
pub(super) fn elsewhere(arguments: &Arguments, owner: String) -> Result<(), Failure> {
    let name = arguments.store.clone();
    let peek = target::plans(arguments)?.peek(&name).map_err(|error| {
        Failure::Failed(format!("{name} is open in {owner}, and cannot be looked at: {error}"))
    })?;
    let unsent = peek.unsent.into_iter();
    let view = View {
        what: format!("{name} is open in {owner}: this is what its files say meanwhile"),
        name,
        owner: Some(owner),
        bytes: peek.bytes,
        copies: peek.status,
        unsent: unsent.map(|(path, kind)| Unsent { path, kind, change: None }).collect(),
    };
    show(arguments, &view)
}

fn show(arguments: &Arguments, view: &View) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let shown = if arguments.has("all") { usize::MAX } else { SHOWN };
    let written = match arguments.has("json") {
        true => json(view, shown, &mut out),
        false => text(view, shown, &mut out),
    };
    written.and_then(|()| out.flush()).map_err(|error| Failure::file("standard output", &error))
}

fn json(view: &View, shown: usize, out: &mut impl Write) -> io::Result<()> {
    let total = Line::default()
        .text("store", Some(&view.name))
        .plain("objects", view.copies.len())
        .plain("bytes", view.bytes)
        .plain("unsent", view.unsent.len())
        .text("open_in", view.owner.as_deref());
    out.write_all(total.end().as_bytes())?;
    for unsent in view.unsent.iter().take(shown) {
        let change = unsent.change.as_ref();
        let trouble = change.and_then(|change| change.trouble.as_ref());
        let line = Line::default()
            .text("unsent", Some(unsent.path.as_ref()))
            .text("kind", Some(kind(unsent.kind)))
            .seconds("waits", change.map(|change| change.waits))
            .plain("refused", matches!(trouble, Some(SendTrouble::Refused(_))))
            .text("trouble", trouble.map(said));
        out.write_all(line.end().as_bytes())?;
    }
    for status in view.copies.iter().take(shown) {
        let line = Line::default()
            .text("path", Some(status.path().as_ref()))
            .plain("size", status.size())
            .plain("kept", status.kept())
            .seconds("age", Some(status.age()))
            .text("standing", Some(&format!("{:?}", status.standing()).to_lowercase()))
            .plain("complete", status.is_complete());
        out.write_all(line.end().as_bytes())?;
    }
    Ok(())
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Write => "write",
        ChangeKind::Deletion => "deletion",
    }
}

fn said(trouble: &SendTrouble) -> &str {
    let (SendTrouble::Away(said) | SendTrouble::Refused(said)) = trouble;
    said
}

fn text(view: &View, shown: usize, out: &mut impl Write) -> io::Result<()> {
    let (objects, unsent) = (view.copies.len(), view.unsent.len());
    writeln!(out, "{}", view.what)?;
    writeln!(out, "{objects} objects, {} bytes kept, {unsent} unsent", view.bytes)?;
    for Unsent { path, kind: of, change } in view.unsent.iter().take(shown) {
        match change {
            Some(change) if change.trouble.is_none() => {
                writeln!(out, "unsent  {path}: {change}, and the remote has not answered yet")?;
            }
            Some(change) => writeln!(out, "unsent  {path}: {change}")?,
            None => writeln!(out, "unsent  {path}: a {} waits for the remote", kind(*of))?,
        }
    }
    more(unsent, shown, out)?;
    if view.copies.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{:>14}  {:>14}  {:>10}  {:8}  path, the first to go first",
        "size", "kept", "age s", "standing"
    )?;
    for status in view.copies.iter().take(shown) {
        let (size, kept, age) = (status.size(), status.kept(), status.age().as_secs());
        let standing = format!("{:?}", status.standing()).to_lowercase();
        writeln!(out, "{size:>14}  {kept:>14}  {age:>10}  {standing:8}  {}", status.path())?;
    }
    more(objects, shown, out)
}

fn more(all: usize, shown: usize, out: &mut impl Write) -> io::Result<()> {
    match all.saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(out, "and {more} more: --all shows them"),
    }
}
