//! Progress on a terminal; nothing where nobody looks.

use super::arguments::Arguments;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar on standard error.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of so many bytes, if that is known.
    pub(super) fn bytes(arguments: &Arguments, what: &str, total: Option<u64>) -> Self {
        let bar = bar(arguments, total);
        let template = match total {
            Some(_) => {
                "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}"
            }
            None => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}",
        };
        Progress(styled(bar, template, what))
    }

    /// Of a number of objects that grows.
    pub(super) fn objects(arguments: &Arguments, what: &str) -> Self {
        let bar = bar(arguments, None);
        Progress(styled(bar, "{msg} {spinner} {pos} objects", what))
    }

    pub(super) fn add(&self, amount: u64) {
        self.0.inc(amount);
    }
}

impl Drop for Progress {
    /// What follows stands on a line of its own.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(arguments: &Arguments, total: Option<u64>) -> ProgressBar {
    let shown = std::io::stderr().is_terminal() && !arguments.has("quiet");
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(total, target)
}

fn styled(bar: ProgressBar, template: &str, what: &str) -> ProgressBar {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what.to_owned())
}
