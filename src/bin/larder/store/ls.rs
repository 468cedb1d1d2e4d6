//! `larder store ls`: what a store has.

use super::arguments::Arguments;
use super::failure::Failure;
use super::json::Line;
use super::target::{Target, prefix};
use futures::TryStreamExt;
use larder::stores::object_store::ObjectMeta;
use std::io::{self, Write};

pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let text = if arguments.paths.is_empty() { String::new() } else { arguments.path(0)? };
    let prefix = prefix(&text)?;
    let failed = |error| target.not_listed(&error);
    let mut out =
        Listing { out: io::BufWriter::new(io::stdout().lock()), json: arguments.has("json") };
    if arguments.has("recursive") {
        let mut all = target.store.list(prefix.as_ref());
        while let Some(meta) = all.try_next().await.map_err(failed)? {
            out.object(&meta)?;
        }
        return out.end();
    }
    let result = target.store.list_with_delimiter(prefix.as_ref()).await.map_err(failed)?;
    for folder in &result.common_prefixes {
        out.folder(folder.as_ref())?;
    }
    for meta in &result.objects {
        out.object(meta)?;
    }
    out.end()
}

struct Listing<W> {
    out: W,
    json: bool,
}

impl<W: Write> Listing<W> {
    fn folder(&mut self, path: &str) -> Result<(), Failure> {
        match self.json {
            true => self.line(&Line::default().text("folder", Some(path)).end()),
            false => self.line(&format!("{:>14}  {:20}  {path}/\n", "", "")),
        }
    }

    fn object(&mut self, meta: &ObjectMeta) -> Result<(), Failure> {
        let modified = meta.last_modified.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let path = meta.location.as_ref();
        match self.json {
            true => self.line(
                &Line::default()
                    .text("path", Some(path))
                    .plain("size", meta.size)
                    .text("modified", Some(&modified))
                    .text("e_tag", meta.e_tag.as_deref())
                    .end(),
            ),
            false => self.line(&format!("{:>14}  {modified}  {path}\n", meta.size)),
        }
    }

    fn line(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.out.write_all(text.as_bytes());
        written.map_err(|error| Failure::file("standard output", &error))
    }

    fn end(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::file("standard output", &error))
    }
}
