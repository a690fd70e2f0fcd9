//! Watches the calendar. Seats wait by the monotonic clock for times of the calendar; when that moves they
//! must reckon again, whatever they do meanwhile.

use std::time::Duration;

use stagedoor_bus::Event;

use crate::shared::Shared;

/// How often the calendar is looked at: a seat follows it within this, its ping interval aside.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Looks at the calendar until the relay goes away.
pub(crate) async fn watch(shared: &Shared) {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        look(shared);
    }
}

/// Looks at the calendar once; when it moved, every connection looks at its own times.
pub(crate) fn look(shared: &Shared) {
    let looked = shared.bus.clock().look();
    if let Some(by_ms) = looked.jump_ms {
        tracing::warn!(
            by_ms,
            "the calendar jumped; seats follow it, and nothing is deleted for being old until it has stood there"
        );
        shared.metrics.clock_jumps.add(1);
        shared.bus.tell(Event::ClockJumped { by_ms });
    }
    if looked.moved {
        wake_all(shared);
    }
}

/// Lets every connection look at its own times.
pub(crate) fn wake_all(shared: &Shared) {
    for mailbox in shared.mailboxes() {
        mailbox.mark_io_ready();
    }
}
