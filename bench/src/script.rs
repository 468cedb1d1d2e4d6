//! What a cached function's body does in the herd and under torture. All systems cache these two bodies.

use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A boxed answer: what calling a cached async function gives.
pub type Answer = Pin<Box<dyn Future<Output = u64> + Send>>;

/// How the body behaves. One scene per process: it is set once, before the first call.
#[derive(Debug, Clone, Copy)]
pub enum Scene {
    /// Takes this long.
    Slow(Duration),
    /// The first computation takes this long and panics; later ones succeed at once.
    FirstPanics(Duration),
    /// Calls the cached function with the next smaller key.
    Deep,
    /// Calls the cached function with its own key.
    OwnKey,
}

/// The cached functions under test, for the recursive scenes.
#[derive(Debug, Clone, Copy)]
pub struct Again {
    pub thread: Option<fn(u64) -> u64>,
    pub task: Option<fn(u64) -> Answer>,
}

static SCENE: OnceLock<(Scene, Again)> = OnceLock::new();
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Sets the scene for this process.
pub fn set(scene: Scene, again: Again) {
    assert!(SCENE.set((scene, again)).is_ok(), "one scene per process");
}

/// Computations begun so far.
pub fn runs() -> usize {
    RUNS.load(Ordering::SeqCst)
}

/// What the body computes.
pub fn value(key: u64) -> u64 {
    key.wrapping_mul(3)
}

fn begin() -> (usize, Scene, Again) {
    let (scene, again) = *SCENE.get().expect("the scene is set");
    (RUNS.fetch_add(1, Ordering::SeqCst) + 1, scene, again)
}

/// The body of a sync function.
pub fn body(key: u64) -> u64 {
    let (run, scene, again) = begin();
    let call = |key| (again.thread.expect("called as a sync function"))(key);
    match scene {
        Scene::Slow(long) => std::thread::sleep(long),
        Scene::FirstPanics(long) if run == 1 => {
            std::thread::sleep(long);
            panic!("the first computation panics");
        }
        Scene::FirstPanics(_) => {}
        Scene::Deep if key == 0 => {}
        Scene::Deep => assert_eq!(call(key - 1), value(key - 1), "the inner call's value"),
        Scene::OwnKey => return call(key),
    }
    value(key)
}

/// The body of an async function.
pub async fn body_async(key: u64) -> u64 {
    let (run, scene, again) = begin();
    let call = |key| (again.task.expect("called as an async function"))(key);
    match scene {
        Scene::Slow(long) => tokio::time::sleep(long).await,
        Scene::FirstPanics(long) if run == 1 => {
            tokio::time::sleep(long).await;
            panic!("the first computation panics");
        }
        Scene::FirstPanics(_) => {}
        Scene::Deep if key == 0 => {}
        Scene::Deep => assert_eq!(call(key - 1).await, value(key - 1), "the inner call's value"),
        Scene::OwnKey => return call(key).await,
    }
    value(key)
}
