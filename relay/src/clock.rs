//! Watches the wall clock. Seats wait for wall-clock times on the monotonic clock, and must recompute these waits when
//! the wall clock jumps.

use std::time::Duration;

use stagedoor_bus::Event;

use crate::shared::Shared;

/// How often the wall clock is checked: seats follow a jump within this, apart from their ping interval.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Checks the wall clock until the relay is dropped.
pub(crate) async fn watch(shared: &Shared) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        look(shared);
    }
}

/// Checks the wall clock once; if it jumped, every connection recomputes its deadlines.
pub(crate) fn look(shared: &Shared) {
    let looked = shared.bus.clock().look();
    if let Some(by_ms) = looked.jump_ms {
        tracing::warn!(
            by_ms,
            "the wall clock jumped; seats follow it, but nothing is deleted for its age until the clock has settled"
        );
        shared.metrics.clock_jumps.add(1);
        shared.bus.emit(Event::ClockJumped { by_ms });
    }
    if looked.moved {
        wake_all(shared);
    }
}

/// Makes every connection recompute its deadlines.
pub(crate) fn wake_all(shared: &Shared) {
    for mailbox in shared.mailboxes() {
        mailbox.mark_io_ready();
    }
}
