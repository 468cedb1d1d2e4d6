//! What each step does, and what must come of it.

use super::{World, get};
use crate::course::{Disk, Op, PATHS};
use bytes::Bytes;
use cache_stores::Refresh;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, Extensions, GetOptions, ObjectStore, ObjectStoreExt, PutMode};
use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

type Checked = Result<(), String>;

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn text(error: impl ToString) -> String {
    error.to_string()
}

fn at(path: usize) -> Path {
    Path::from(PATHS[path])
}

impl World {
    pub(crate) async fn step(&mut self, op: &Op) -> Checked {
        match *op {
            Op::Put(path, length) => self.put(path, length).await,
            Op::Create(path, length) => self.create(path, length).await,
            Op::Multipart(path, ref parts, finish) => self.multipart(path, parts, finish).await,
            Op::Write(path, length) => self.write(path, length).await,
            Op::Get(path) => {
                let got = get(&self.store(), PATHS[path]).await;
                self.read(path, got, |whole| Some(whole.clone()))
            }
            Op::Range(path, start, length) => self.range(path, start..start + length).await,
            Op::Head(path) => self.head(path).await,
            Op::Read(path, start) => self.read_from(path, start).await,
            Op::Glance(path) => self.glance(path).await,
            Op::Refresh(path) => self.refresh(path).await,
            Op::Delete(path) => self.delete(path).await,
            Op::Copy(from, to) => self.copy(from, to, false).await,
            Op::Rename(from, to) => self.copy(from, to, true).await,
            Op::List => self.list().await,
            Op::Restart => self.restart().await,
            _ => self.circumstance(op).await,
        }?;
        match self.died() {
            true => Ok(()),
            false => self.settled().await,
        }
    }

    /// What happens around the store.
    async fn circumstance(&mut self, op: &Op) -> Checked {
        match *op {
            Op::Later(seconds) => self.time.advance(Duration::from_secs(seconds)),
            Op::Away(away) => {
                self.away = away;
                self.trouble();
            }
            Op::Disk(disk) => {
                self.disk = disk;
                self.littered |= disk != Disk::Well;
                self.trouble();
            }
            Op::Purge => {
                self.store().purge().await;
                self.littered &= self.disk != Disk::Well;
            }
            Op::Flush => return self.flush().await,
            Op::Elsewhere(path, length) => self.elsewhere(path, length).await,
            _ => unreachable!("{op:?} is done already"),
        }
        Ok(())
    }

    async fn put(&mut self, path: usize, length: usize) -> Checked {
        let content = self.content(length);
        let put = self.store().put(&at(path), content.clone().into()).await;
        self.wrote(path, Some(content), &put.map_err(text))
    }

    async fn create(&mut self, path: usize, length: usize) -> Checked {
        let content = self.content(length);
        let there = self.truths[path].now().is_some();
        let (store, to) = (self.store(), at(path));
        let put = store.put_opts(&to, content.clone().into(), PutMode::Create.into()).await;
        match put {
            Err(Error::AlreadyExists { .. }) if there => Ok(()),
            Ok(_) if there && !self.away => Err("it replaced what was there".to_owned()),
            _ => self.wrote(path, Some(content), &put.map_err(text)),
        }
    }

    async fn multipart(&mut self, path: usize, parts: &[usize], finish: bool) -> Checked {
        let parts: Vec<Bytes> = parts.iter().map(|length| self.content(*length)).collect();
        let store = self.store();
        let upload = async {
            let mut upload = store.put_multipart(&at(path)).await?;
            for part in &parts {
                upload.put_part(part.clone().into()).await?;
            }
            match finish {
                true => upload.complete().await.map(drop),
                false => upload.abort().await,
            }
        };
        let uploaded = upload.await.map_err(text);
        match finish {
            true => self.wrote(path, Some(parts.concat().into()), &uploaded),
            false => Ok(()),
        }
    }

    async fn write(&mut self, path: usize, length: usize) -> Checked {
        let content = self.content(length);
        let mut handle = self.store().create_async(PATHS[path]).map_err(text)?;
        let write = async {
            for piece in content.chunks(700) {
                handle.write_all(piece).await?;
            }
            handle.close().await
        };
        let written = write.await.map_err(text);
        self.wrote(path, Some(content), &written)
    }

    async fn range(&mut self, path: usize, range: std::ops::Range<u64>) -> Checked {
        let got = match self.store().get_range(&at(path), range.clone()).await {
            Err(Error::NotFound { .. }) => Ok(None),
            got => got.map(Some).map_err(text),
        };
        self.read(path, got, |whole| {
            let (start, end) = (range.start as usize, (range.end as usize).min(whole.len()));
            (start < whole.len()).then(|| whole.slice(start..end))
        })
    }

    async fn head(&mut self, path: usize) -> Checked {
        let got = match self.store().head(&at(path)).await {
            Err(Error::NotFound { .. }) => Ok(None),
            got => got.map(|meta| Some(size(meta.size))).map_err(text),
        };
        self.read(path, got, |whole| Some(size(whole.len() as u64)))
    }

    async fn read_from(&mut self, path: usize, start: u64) -> Checked {
        let mut handle = self.store().open_async(PATHS[path]).map_err(text)?;
        let mut data = Vec::new();
        let read = async {
            handle.seek(SeekFrom::Start(start)).await?;
            handle.read_to_end(&mut data).await
        };
        let got = match read.await {
            Ok(_) => Ok(Some(Bytes::from(data))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(text(error)),
        };
        self.read(path, got, |whole| Some(whole.slice((start as usize).min(whole.len())..)))
    }

    async fn glance(&mut self, path: usize) -> Checked {
        let Ok(result) = self.store().get(&at(path)).await else { return Ok(()) };
        let first = result.into_stream().try_next().await.map_err(text);
        let first = first.map(|first| Some(first.unwrap_or_default()));
        let length = first.as_ref().map_or(0, |first| first.as_ref().map_or(0, Bytes::len));
        self.read(path, first, |whole| {
            // An object that is not empty has first bytes.
            let fits = length <= whole.len() && (length > 0 || whole.is_empty());
            fits.then(|| whole.slice(..length))
        })
    }

    /// The truth of this moment, or an error.
    async fn refresh(&mut self, path: usize) -> Checked {
        let mut extensions = Extensions::new();
        extensions.insert(Refresh);
        let options = GetOptions { extensions, ..GetOptions::default() };
        let got = match self.store().get_opts(&at(path), options).await {
            Ok(result) => result.bytes().await.map(Some).map_err(text),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(text(error)),
        };
        if got.is_ok() && !self.away {
            self.truths[path].acknowledge();
        }
        self.read(path, got, |whole| Some(whole.clone()))
    }

    async fn delete(&mut self, path: usize) -> Checked {
        let there = self.truths[path].now().is_some();
        match self.store().delete(&at(path)).await {
            Err(Error::NotFound { .. }) if !there => Ok(()),
            deleted => self.wrote(path, None, &deleted.map_err(text)),
        }
    }

    async fn copy(&mut self, from: usize, to: usize, rename: bool) -> Checked {
        if from == to {
            return Ok(());
        }
        let content = self.truths[from].now().clone();
        let store = self.store();
        let copied = match rename {
            true => store.rename(&at(from), &at(to)).await,
            false => store.copy(&at(from), &at(to)).await,
        };
        if let (Err(Error::NotFound { .. }), None) = (&copied, &content) {
            return Ok(());
        }
        let copied = copied.map_err(text);
        self.wrote(to, content, &copied)?;
        match rename {
            true => self.wrote(from, None, &copied),
            false => Ok(()),
        }
    }

    async fn list(&mut self) -> Checked {
        let listed: Result<Vec<_>, _> = self.store().list(None).try_collect().await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(_) if self.away || self.died() => return Ok(()),
            Err(error) => return Err(text(error)),
        };
        let seen: BTreeMap<_, _> =
            listed.iter().map(|meta| (meta.location.as_ref(), meta.size)).collect();
        let there: BTreeMap<_, _> = PATHS
            .iter()
            .zip(&self.truths)
            .filter_map(|(path, truth)| Some((*path, truth.now().as_ref()?.len() as u64)))
            .collect();
        match seen == there && seen.len() == listed.len() {
            true => Ok(()),
            false => Err(format!("listed {seen:?}, there is {there:?}")),
        }
    }

    async fn flush(&mut self) -> Checked {
        let flushed = self.store().flush().await;
        // What waits for the remote lies on the disk alone.
        if self.away || self.died() || self.disk == Disk::Damaged {
            return Ok(());
        }
        flushed.map_err(text)?;
        for (path, truth) in PATHS.iter().zip(&self.truths) {
            if get(&self.remote, path).await? != *truth.now() {
                return Err(format!("after a flush the remote has another {path}"));
            }
        }
        Ok(())
    }

    async fn elsewhere(&mut self, path: usize, length: Option<usize>) {
        // With write-back nobody else writes: the one who comes last would win.
        if self.mode == super::Mode::WriteBack {
            return;
        }
        match length {
            Some(length) => {
                let content = self.content(length);
                self.remote.put(&at(path), content.into()).await.expect("memory takes it");
            }
            None => drop(self.remote.delete(&at(path)).await),
        }
        self.look(path);
    }
}

/// A length, as something that can be compared like a content.
fn size(length: u64) -> Bytes {
    Bytes::copy_from_slice(&length.to_le_bytes())
}
