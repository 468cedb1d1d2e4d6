//! Who reads: larder's I/O thread, or those who ask. Only decisions; they are made under the queue's lock.

/// So many batches in a row are no accident.
const QUIET: u32 = 16;

/// Who reads a connection.
///
/// The I/O thread begins. A caller whose thread waits anyway reads for himself; when that has gone well
/// for some time the I/O thread goes to sleep, and is called when somebody asks who does not read, or
/// when a reader leaves while somebody waits. What each is told:
///
/// | | reads himself | lets others read |
/// |---|---|---|
/// | I/O thread watches | both read, in turns | nothing is to be done |
/// | I/O thread sleeps, a caller reads | the second waits for the first | the first calls when he leaves |
/// | I/O thread sleeps, nobody reads | he is the reader | he calls the I/O thread |
#[derive(Debug, Default)]
pub(super) struct Duty {
    /// How many batches in a row were read by those who asked.
    quiet: u32,
    /// The I/O thread reads; otherwise those who ask do.
    watched: bool,
    /// A caller reads.
    reading: bool,
    /// So many callers have written and will read next.
    promised: u32,
    /// How often they were missed.
    missed: u8,
}

impl Duty {
    /// The I/O thread reads.
    pub(super) fn watched() -> Self {
        Duty { watched: true, ..Duty::default() }
    }

    /// Callers read, and the I/O thread sleeps.
    #[cfg(all(test, loom))]
    pub(super) fn asleep() -> Self {
        Duty { quiet: QUIET, ..Duty::default() }
    }

    /// The I/O thread reads, and falls asleep as soon as it may.
    #[cfg(all(test, loom))]
    pub(super) fn drowsy() -> Self {
        Duty { quiet: QUIET, ..Duty::watched() }
    }

    /// Whether the I/O thread reads.
    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Lets the I/O thread read from now on; true if it must be called.
    #[must_use]
    pub(super) fn watch(&mut self) -> bool {
        self.quiet = 0;
        !std::mem::replace(&mut self.watched, true)
    }

    /// The same for somebody who waits: where a caller reads, he will call when he leaves.
    #[must_use]
    pub(super) fn let_read(&mut self) -> bool {
        !self.reading && self.watch()
    }

    /// The same while nothing is asked: one batch that is read by those who ask ends it.
    #[must_use]
    pub(super) fn watch_idle(&mut self) -> bool {
        let call = self.watch();
        self.quiet = QUIET - 1;
        call
    }

    /// A caller begins to read; false if another one is at it, who will call the I/O thread if he
    /// leaves while somebody waits.
    #[must_use]
    pub(super) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.reading, true)
    }

    /// The caller who reads leaves; true if the I/O thread must be called, for those who wait.
    #[must_use]
    pub(super) fn leave(&mut self, waiting: bool) -> bool {
        self.reading = false;
        if waiting {
            return self.promised == 0 && self.watch();
        }
        self.quiet = self.quiet.saturating_add(1);
        false
    }

    /// A caller will read as soon as he has written elsewhere: who leaves before need not call.
    pub(super) fn promise(&mut self) {
        self.promised += 1;
    }

    /// He begins, or will not.
    pub(super) fn keep(&mut self) {
        self.promised = self.promised.saturating_sub(1);
        self.missed = 0;
    }

    /// Whether those who promised have been missed for some looks.
    pub(super) fn is_missed(&mut self) -> bool {
        self.missed = if self.promised == 0 { 0 } else { self.missed.saturating_add(1) };
        self.missed > 2
    }

    /// Lets those who ask read for themselves, if they have done so for some time: calling the I/O
    /// thread for each answer would only be in their way. `busy`: it has something to write. True when
    /// the I/O thread need not read any more.
    pub(super) fn sleep(&mut self, waiting: bool, busy: bool) -> bool {
        if self.quiet >= QUIET && (self.reading || !waiting) && !busy {
            self.watched = false;
        }
        !self.watched
    }
}
