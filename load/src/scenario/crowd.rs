//! What scenarios share: one publisher and its subscribers, and the warm-up. Pure.

use std::time::Duration;

use crate::{dialect::Who, error::LoadError};

/// Members of a run, each with a connection of this one process.
pub(super) const MEMBERS_MAX: usize = 1_000_000;

/// One publisher and its subscribers.
pub(super) fn crowd(subscribers: usize, delivery: &'static str) -> Result<Vec<Who>, LoadError> {
    if !(1..=MEMBERS_MAX).contains(&subscribers) {
        return Err(LoadError::Option(format!(
            "from 1 to {MEMBERS_MAX} members besides the publisher"
        )));
    }
    let publisher = Who {
        room: "fanout".into(),
        user: "publisher".into(),
        publishes: true,
        hears: false,
        delivery,
        receive_buffer_bytes: None,
    };
    let subscriber =
        |at| Who { user: format!("u{at}"), publishes: false, hears: true, ..publisher.clone() };
    Ok([publisher.clone()].into_iter().chain((0..subscribers).map(subscriber)).collect())
}

/// The warm-up before measuring: a fourth of the time, so that buffers and caches reach their normal state.
pub(super) fn warm_up(time: Duration) -> Duration {
    time / 4
}
