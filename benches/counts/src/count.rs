//! The counted function, found by its name.

use std::hint::black_box;

use anyhow::Result;

/// A path: its name in `benches/budget.toml`, and how to run it.
pub(crate) type Path = (&'static str, fn() -> Result<()>);

/// How often each path runs.
pub(crate) const TIMES: u32 = 200;
/// Warm-up runs, so that buffers have reached their size.
const WARM_UPS: u32 = 20;

/// Runs a path; only what happens in here is counted.
#[inline(never)]
fn counted<T>(path: impl FnOnce() -> T) -> T {
    black_box(path())
}

/// Runs a path repeatedly over the same state; `before` and `after` are not counted.
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

/// Runs a path once, because it consumes its state.
pub(crate) fn once<T>(path: impl FnOnce() -> T) -> T {
    counted(path)
}

/// Runs a path that needs no preparation and leaves nothing.
pub(crate) fn repeat_alone<T>(mut path: impl FnMut() -> T) {
    repeat(&mut (), |()| (), |()| path(), |(), _| ());
}
