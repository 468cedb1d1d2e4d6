//! A process that dies at a certain step, without dying: from then on nothing is written or read, and what lay on
//! disk in that moment is set aside.

use object_store::{Error, Result};
use std::fmt;
use std::path::Path;
use std::sync::Mutex;

/// The steps of one process. A step is the moment before a write to a store, or the one after it.
pub(crate) struct Life {
    course: Mutex<Course>,
}

struct Course {
    steps: usize,
    last: Option<usize>,
    dead: bool,
    set_aside: Option<Box<dyn FnOnce() + Send>>,
}

impl Life {
    /// It counts its steps, and goes on for ever.
    pub(crate) fn endless() -> Self {
        Life::new(None, || {})
    }

    /// It dies at this step, counted from 0. What lies on disk is set aside in that moment, before any other step.
    pub(crate) fn until(step: usize, set_aside: impl FnOnce() + Send + 'static) -> Self {
        Life::new(Some(step), set_aside)
    }

    fn new(last: Option<usize>, set_aside: impl FnOnce() + Send + 'static) -> Self {
        let set_aside = Some(Box::new(set_aside) as Box<dyn FnOnce() + Send>);
        Life { course: Mutex::new(Course { steps: 0, last, dead: false, set_aside }) }
    }

    pub(crate) fn steps(&self) -> usize {
        self.course.lock().unwrap().steps
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.course.lock().unwrap().dead
    }

    /// Dies now, if it has not already.
    pub(crate) fn end(&self) {
        self.course.lock().unwrap().die();
    }

    pub(crate) fn step(&self) -> Result<()> {
        let mut course = self.course.lock().unwrap();
        if course.last == Some(course.steps) {
            course.die();
        }
        course.steps += 1;
        course.state()
    }

    pub(crate) fn is_alive(&self) -> Result<()> {
        self.course.lock().unwrap().state()
    }
}

impl Course {
    fn die(&mut self) {
        self.dead = true;
        if let Some(set_aside) = self.set_aside.take() {
            set_aside();
        }
    }

    fn state(&self) -> Result<()> {
        match self.dead {
            false => Ok(()),
            true => Err(Error::Generic { store: "Life", source: "the process is dead".into() }),
        }
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life").field("steps", &self.steps()).finish_non_exhaustive()
    }
}

/// Copies a folder with all that is in it; what goes while it is being copied is left out, as by a kill.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            let _ = std::fs::copy(from, to);
        }
    }
}
