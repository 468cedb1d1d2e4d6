//! What the remote said comes in, and what is written here.

use super::answers::{Admitted, Victim};
use super::change::Change;
use super::slot::{Marks, pack};
use super::{Index, State, Ticket, nanos};
use crate::object::{CopyId, Object};
use object_store::path::Path;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

impl Index {
    /// A ticket, to be taken before the remote is asked about a path.
    pub(crate) fn begin(&self, path: &Path) -> Ticket {
        let mark = self.run(|state| state.fences.ask(path));
        Ticket::new(self, path, mark)
    }

    /// The remote has this object. Its copy has no chunks yet.
    pub(crate) fn admit(
        &self,
        ticket: &Ticket,
        object: &Object,
        chunk_size: u32,
        fetched: Duration,
    ) -> Admitted {
        let text = pack(object);
        self.run(|state| {
            if !state.fences.holds(ticket) || state.waits(ticket.path()) {
                return Admitted::Fenced;
            }
            state.fences.take(ticket);
            if let Some(at) = state.table.at_path(object.path.as_ref()) {
                let slot = state.table.slab.get(at);
                let copy = slot.copy;
                if slot.text == text && slot.chunk_size == chunk_size {
                    state.make(Change::Renew { copy, fetched: nanos(fetched) });
                    state.doubt_of(ticket.path(), copy);
                    if state.table.moves(at) {
                        state.make(Change::Use { copy });
                    }
                    return Admitted::Same { copy };
                }
            }
            let (copy, fetched) = (state.new_copy(), nanos(fetched));
            let mut victims = state.forget(&object.path);
            let marks = Marks::default();
            state.make(Change::Admit { copy, chunk_size, fetched, marks, text });
            state.doubt_of(ticket.path(), copy);
            victims.extend(state.make_room(copy, self.now()));
            Admitted::New { copy, victims }
        })
    }

    /// A copy that nobody sees yet and that is never a victim: for what is being written. Its chunks are
    /// intended and kept as others are. Then [`reveal`](Index::reveal), [`unsent`](Index::unsent) or
    /// [`abandon`](Index::abandon); a copy that is still staged when the index is opened is abandoned.
    pub(crate) fn stage(&self, path: &Path, chunk_size: u32) -> CopyId {
        let object = Object {
            path: path.clone(),
            size: 0,
            e_tag: None,
            version: None,
            modified: chrono::DateTime::UNIX_EPOCH,
            attributes: object_store::Attributes::new(),
        };
        let (text, marks) = (pack(&object), Marks(Marks::STAGED));
        let fetched = nanos(self.now());
        self.run(|state| {
            let copy = state.new_copy();
            state.make(Change::Admit { copy, chunk_size, fetched, marks, text });
            copy
        })
    }

    /// A staged copy is what the remote has now. If it is [`Fenced`](Admitted::Fenced), abandon it.
    pub(crate) fn reveal(
        &self,
        ticket: &Ticket,
        copy: CopyId,
        object: &Object,
        fetched: Duration,
    ) -> Admitted {
        let fetched = nanos(fetched);
        self.run(|state| {
            let fenced = !state.fences.holds(ticket) || state.waits(ticket.path());
            if fenced || state.table.at_copy(copy).is_none() {
                return Admitted::Fenced;
            }
            state.fences.take(ticket);
            let mut victims = state.forget(&object.path);
            let (marks, text) = (Marks::default(), pack(object));
            state.make(Change::Describe { copy, fetched, marks, text });
            state.doubt_of(ticket.path(), copy);
            victims.extend(state.make_room(copy, self.now()));
            Admitted::New { copy, victims }
        })
    }

    /// A staged copy is the truth from now on, and waits for the remote: never a victim until it is
    /// [`sent`](Index::sent). The victims are what it replaces, unsent copies among them. `None`: there is no
    /// such copy.
    pub(crate) fn unsent(&self, copy: CopyId, object: &Object) -> Option<Vec<Victim>> {
        let fetched = nanos(self.now());
        self.run(|state| {
            state.table.at_copy(copy)?;
            state.fences.raise(&object.path);
            let victims = state.forget(&object.path);
            let (marks, text) = (Marks(Marks::UNSENT), pack(object));
            state.make(Change::Describe { copy, fetched, marks, text });
            Some(victims)
        })
    }

    /// The remote has an unsent copy, and describes it so. `None`: something else has replaced it.
    pub(crate) fn sent(&self, copy: CopyId, object: &Object) -> Option<Vec<Victim>> {
        let (text, now) = (pack(object), self.now());
        self.run(|state| {
            let at = state.table.at_copy(copy)?;
            let slot = state.table.slab.get(at);
            if !slot.marks.has(Marks::UNSENT) || slot.path() != object.path.as_ref() {
                return None;
            }
            state.fences.raise(&object.path);
            let (marks, fetched) = (Marks::default(), nanos(now));
            state.make(Change::Describe { copy, fetched, marks, text });
            Some(state.make_room(copy, now))
        })
    }

    /// After a restart: a journal says that this copy waits for the remote. False: it is not there.
    pub(crate) fn hold(&self, copy: CopyId) -> bool {
        self.run(|state| {
            let Some(at) = state.table.at_copy(copy) else { return false };
            if state.table.slab.get(at).marks.has(Marks::STAGED) {
                return false;
            }
            state.make(Change::Mark { copy, marks: Marks(Marks::UNSENT) });
            true
        })
    }

    /// The remote said that this copy is what it has. False: something happened to the path meanwhile, or it has another
    /// copy: an older answer may have come in between.
    pub(crate) fn renew(&self, ticket: &Ticket, copy: CopyId) -> bool {
        let fetched = nanos(self.now());
        self.run(|state| {
            if !state.fences.holds(ticket) || state.waits(ticket.path()) {
                return false;
            }
            let at = state.table.at_path(ticket.path().as_ref());
            let is_it = at.is_some_and(|at| state.table.slab.get(at).copy == copy);
            if is_it {
                state.fences.take(ticket);
                state.make(Change::Renew { copy, fetched });
                state.doubt_of(ticket.path(), copy);
            }
            is_it
        })
    }

    /// The path leaves, and every ticket for it is fenced out.
    pub(crate) fn forget(&self, path: &Path) -> Vec<Victim> {
        self.run(|state| {
            state.fences.raise(path);
            state.forget(path)
        })
    }

    /// A write to the remote begins: whatever its outcome, what was asked before is not kept, and the entry is
    /// not believed until the ticket has admitted the result or was [settled](Index::settle_doubt).
    pub(crate) fn doubt(&self, path: &Path) -> Ticket {
        let mark = self.run(|state| {
            let mut doubtful = false;
            if let Some(at) = state.table.at_path(path.as_ref()) {
                let slot = state.table.slab.get(at);
                let (copy, marks) = (slot.copy, slot.marks);
                doubtful = marks.has(Marks::DOUBT);
                if !doubtful {
                    state.make(Change::Mark { copy, marks: Marks(marks.0 | Marks::DOUBT) });
                }
            }
            state.fences.write(path, doubtful)
        });
        Ticket::new(self, path, mark)
    }

    /// The write has ended without an answer, and may still happen. Until the ticket is dropped a copy of what the remote
    /// has is kept, but not believed.
    pub(crate) fn linger(&self, ticket: &Ticket) {
        self.run(|state| state.fences.linger(ticket));
    }

    /// The write did certainly not happen: the entry is as it was, unless another write is in doubt.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is of no use after this")]
    pub(crate) fn settle_doubt(&self, ticket: Ticket) {
        self.run(|state| {
            if state.fences.settle(&ticket)
                && let Some(at) = state.table.at_path(ticket.path().as_ref())
            {
                let slot = state.table.slab.get(at);
                let (copy, marks) = (slot.copy, Marks(slot.marks.0 & !Marks::DOUBT));
                state.make(Change::Mark { copy, marks });
            }
        });
    }
}

impl State {
    /// A name that nothing in local has.
    fn new_copy(&self) -> CopyId {
        loop {
            let copy = CopyId(RandomState::new().hash_one("copy"));
            // Zero is no copy.
            if copy.0 != 0 && !self.table.knows(copy) {
                return copy;
            }
        }
    }

    /// A copy of what the remote has now: if that may still change by an earlier write, the next read asks again.
    fn doubt_of(&mut self, path: &Path, copy: CopyId) {
        if self.fences.lingers(path)
            && let Some(at) = self.table.at_copy(copy)
        {
            let marks = self.table.slab.get(at).marks;
            self.make(Change::Mark { copy, marks: Marks(marks.0 | Marks::DOUBT) });
        }
    }

    /// Whether the path has a copy that the remote does not have yet: then the remote is no authority.
    pub(super) fn waits(&self, path: &Path) -> bool {
        let at = self.table.at_path(path.as_ref());
        at.is_some_and(|at| self.table.slab.get(at).marks.has(Marks::UNSENT))
    }

    pub(super) fn forget(&mut self, path: &Path) -> Vec<Victim> {
        let at = self.table.at_path(path.as_ref());
        at.map(|at| self.table.slab.get(at).copy)
            .and_then(|copy| self.leave(copy))
            .into_iter()
            .collect()
    }

    /// Takes a copy out. `None`: nothing of it lies in local.
    pub(super) fn leave(&mut self, copy: CopyId) -> Option<Victim> {
        let at = self.table.at_copy(copy)?;
        let chunks = self.table.slab.get(at).kept.clone();
        self.make(Change::Leave { copy });
        (!chunks.is_empty()).then_some(Victim { copy, chunks })
    }
}
