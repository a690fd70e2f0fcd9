//! A stream to publish, before the relay knows it.

use std::time::Duration;

use stagedoor_wire::{
    member::{Delivery, Kind},
    name::StreamName,
    request::{self, op},
};

use crate::{error::RequestError, own::Own};

/// A stream to publish: name, kind, and what the relay does for subscribers. Pass it to [`Room::publish`](crate::Room::publish).
#[derive(Clone, Debug)]
pub struct Publish {
    name: String,
    kind: Kind,
    delivery: Option<Delivery>,
    meta: Option<String>,
    keep_ms: Option<u64>,
    history: bool,
    behind_ms: Option<u64>,
    again: bool,
}

impl Publish {
    /// A stream of this name (1 to 256 bytes of `[0-9A-Za-z_.:-]`) and kind, with the kind's usual delivery
    /// ([`Delivery::of`]).
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            delivery: None,
            meta: None,
            keep_ms: None,
            history: false,
            behind_ms: None,
            again: true,
        }
    }

    /// What the relay does with a subscriber that falls behind.
    #[must_use]
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = Some(delivery);
        self
    }

    /// Anything that subscribers should know about the stream, at most `stream_meta_bytes_max` (1,024 bytes by
    /// default).
    #[must_use]
    pub fn meta(mut self, meta: impl Into<String>) -> Self {
        self.meta = Some(meta.into());
        self
    }

    /// How long the relay keeps a frame for subscribers that are behind, at most `stream_log_age_ms_max` (5 s by
    /// default).
    #[must_use]
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep_ms = Some(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Late subscribers of a [`Delivery::Reliable`] stream begin at the oldest kept frame, not at the present.
    #[must_use]
    pub fn history(mut self) -> Self {
        self.history = true;
        self
    }

    /// How far behind a subscriber of a [`Delivery::Media`] stream may be before it jumps ahead, at most
    /// `media_behind_ms_max` (1.5 s by default).
    #[must_use]
    pub fn behind(mut self, behind: Duration) -> Self {
        self.behind_ms = Some(u64::try_from(behind.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Ends the stream for good when you lose the right to publish it. Without this it begins again by itself when
    /// you get the right back: a muted microphone is heard again when it is unmuted. Either way you get
    /// [`ClientEvent::OwnDenied`](crate::ClientEvent::OwnDenied).
    #[must_use]
    pub fn end_when_denied(mut self) -> Self {
        self.again = false;
        self
    }

    pub(crate) fn into_own(self) -> Result<Own, RequestError> {
        let Self { name, kind, delivery, meta, keep_ms, history, behind_ms, again } = self;
        let stream = StreamName::new(&name)?;
        let (op, id) = (op::Publish, 0);
        let publish =
            request::Publish { op, id, stream, kind, delivery, meta, keep_ms, history, behind_ms };
        Ok(Own::new(publish, again))
    }
}
