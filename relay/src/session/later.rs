//! An answer that comes when what was asked for is stored. The connection goes on meanwhile, and may be gone
//! by then.

use std::sync::Arc;

use bytes::Bytes;

use super::{Denial, Session, label, refused};
use crate::{log::mailbox::Mailbox, room::Letter, shared::Shared};

/// Where it goes.
pub(super) struct Later {
    pub(super) shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    pub(super) id: u64,
}

impl Session {
    /// Where the answer to a request goes that is not answered now.
    pub(super) fn later(&self, id: u64) -> Later {
        Later { shared: self.shared.clone(), mailbox: self.seat.me.mailbox.clone(), id }
    }
}

impl Later {
    pub(super) fn answer(self, answer: Result<Bytes, Denial>) {
        let Self { shared, mailbox, id } = self;
        let frame = answer.unwrap_or_else(|Denial(refusal)| {
            shared.metrics.requests_refused.one(label(&refusal.code));
            refused(Some(id), *refusal)
        });
        mailbox.told(Letter::answer(frame), shared.limits.outbox_bytes_max);
    }
}
