//! Requests about streams: publish, unpublish, subscribe, unsubscribe.

use bytes::Bytes;
use stagedoor_token::{Action, Grants, Pattern, Rule};
use stagedoor_wire::{
    code::ErrorCode,
    member::Delivery,
    reply::{Done, Refusal, SubscribedTo},
    request,
};

use super::{
    replies::{denied, ok, refusal},
    requester::Requester,
};
use crate::{
    log::stream::Wish,
    room::{PublishError, Publishing},
};

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, Box<Refusal>> {
    let invalid = |_| {
        refusal(
            ErrorCode::RequestInvalid,
            "a pattern must be a name, or a prefix followed by one `*`",
        )
    };
    texts.iter().map(|text| text.parse::<Pattern>().map_err(invalid)).collect()
}

impl Requester {
    pub(super) fn publish(&mut self, publish: request::Publish) -> Result<Bytes, Box<Refusal>> {
        let kind = publish.kind;
        let live = self.seat.live();
        self.allow(&Action::Publish { stream: &publish.stream, kind, live })?;
        let limits = &self.shared.limits;
        if publish.meta.as_ref().is_some_and(|meta| meta.len() > limits.stream_meta_bytes_max) {
            return Err(refusal(
                ErrorCode::TooLarge,
                "`meta` is longer than `stream_meta_bytes_max`",
            ));
        }
        if self.shared.memory.is_full(self.shared.clock.now_ms()) {
            return Err(refusal(
                ErrorCode::MemoryExceeded,
                "the relay has reached its memory limit; try again later",
            ));
        }
        let publishing = Publishing {
            name: publish.stream,
            kind: publish.kind,
            delivery: publish.delivery.unwrap_or(Delivery::of(publish.kind)),
            meta: publish.meta,
            wish: Wish { keep_ms: publish.keep_ms, history: publish.history },
            live,
        };
        let stream = self.seat.publish(publishing).map_err(|error| match error {
            PublishError::Exists => {
                refusal(ErrorCode::StreamExists, "another member publishes a stream with this name")
            }
            PublishError::Full => refusal(
                ErrorCode::StreamsExceeded,
                "the room already has `streams_per_room_max` streams",
            ),
            PublishError::Gone => refusal(ErrorCode::PublishDenied, "the member's seat is gone"),
            PublishError::Denied(rule) => denied(rule),
        })?;
        Ok(ok(publish.id, stream.published()))
    }

    pub(super) fn subscribe(
        &mut self,
        subscribe: &request::Subscribe,
        told: &mut dyn FnMut(Bytes),
    ) -> Result<Bytes, Box<Refusal>> {
        if subscribe.streams.len() > self.shared.limits.subscriptions_per_member_max {
            return Err(too_many_subscriptions());
        }
        let wanted = patterns(&subscribe.streams)?;
        let grants = self.seat.grants();
        for pattern in &wanted {
            let live = self.seat.room().stream(pattern.as_str()).filter(|_| pattern.is_exact());
            match live {
                Some(stream) => self.allow(&Action::Subscribe {
                    stream: pattern.as_str(),
                    publisher_role: &stream.info.role,
                })?,
                None => could_open(grants, pattern).map_err(denied)?,
            }
        }
        let max = self.shared.limits.subscriptions_per_member_max;
        if self.seat.subscriptions_with(&wanted) > max {
            return Err(too_many_subscriptions());
        }
        let streams = self.seat.subscribe(wanted, &subscribe.from, told);
        Ok(ok(subscribe.id, SubscribedTo { streams }))
    }

    pub(super) fn unpublish(
        &mut self,
        unpublish: &request::Unpublish,
    ) -> Result<Bytes, Box<Refusal>> {
        if self.seat.unpublish(&unpublish.stream) {
            return Ok(ok(unpublish.id, Done {}));
        }
        Err(refusal(ErrorCode::StreamUnknown, "the member publishes no stream with this name"))
    }

    pub(super) fn unsubscribe(
        &mut self,
        unsubscribe: &request::Unsubscribe,
    ) -> Result<Bytes, Box<Refusal>> {
        self.seat.unsubscribe(&patterns(&unsubscribe.streams)?);
        Ok(ok(unsubscribe.id, Done {}))
    }
}

fn too_many_subscriptions() -> Box<Refusal> {
    let message = "a member may have at most `subscriptions_per_member_max` subscriptions";
    refusal(ErrorCode::SubscriptionsExceeded, message)
}

/// Whether a pattern could match a stream that these grants allow.
fn could_open(grants: &Grants, pattern: &Pattern) -> Result<(), Rule> {
    let overlaps = |allowed: &Pattern| {
        pattern.within(allowed) || allowed.within(pattern) || pattern.matches(allowed.as_str())
    };
    if !grants.subscribe.streams.iter().any(overlaps) {
        return Err(Rule::SubscribeStreams);
    }
    if grants.subscribe.from.is_empty() {
        return Err(Rule::SubscribeFrom);
    }
    Ok(())
}
