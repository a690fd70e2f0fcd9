//! What is counted: the inside of [`counted`], by its name.

use std::hint::black_box;

use anyhow::Result;

/// A path: its name in `benches/budget.toml`, and how it is run.
pub(crate) type Path = (&'static str, fn() -> Result<()>);

/// How often each path is run.
pub(crate) const TIMES: u32 = 200;
/// How often before that, so that buffers have grown to what they need.
const WARM_UPS: u32 = 20;

/// Runs a path; the counter counts in here and nowhere else.
#[inline(never)]
fn counted<T>(path: impl FnOnce() -> T) -> T {
    black_box(path())
}

/// Runs a path over the same state again and again; `before` and `after` are not counted.
pub(crate) fn repeat<S, T>(
    state: &mut S,
    mut before: impl FnMut(&mut S),
    mut path: impl FnMut(&mut S) -> T,
    mut after: impl FnMut(&mut S, T),
) {
    for time in 0..WARM_UPS + TIMES {
        before(state);
        let came = if time < WARM_UPS { path(state) } else { counted(|| path(state)) };
        after(state, came);
    }
}

/// Runs a path once, over a state that it uses up.
pub(crate) fn once<T>(path: impl FnOnce() -> T) -> T {
    counted(path)
}

/// Runs a path that needs nothing before and leaves nothing.
pub(crate) fn repeat_alone<T>(mut path: impl FnMut() -> T) {
    repeat(&mut (), |()| (), |()| path(), |(), _| ());
}
