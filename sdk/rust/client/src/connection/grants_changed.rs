//! The member's rights have changed: what is begun again of its own streams and of its subscriptions, and
//! what comes of it.

use serde::Deserialize;
use serde_json::Value;
use stagedoor_wire::{
    name::StreamName,
    reply::{Published, Refusal},
    request::{self, Request, op},
};
use tokio::sync::mpsc;

use super::{Connection, Then, Waiting};
use crate::{event::ClientEvent, heard::End, memory::Memory, renewal::Answered};

impl Connection {
    /// Reports which own streams the change has ended, and asks for those that may begin again.
    pub(super) async fn grants_changed(
        &mut self,
        memory: &mut Memory,
        events: &mpsc::Sender<ClientEvent>,
    ) -> Result<(), End> {
        let granted = memory.granted.borrow().clone();
        let change = memory.own.grants_changed(&granted.grants.publish);
        for (name, again) in change.denied {
            let told = ClientEvent::OwnDenied { name, again };
            events.send(told).await.map_err(|_| End::LetGo)?;
        }
        for (handle, publish) in change.asked {
            self.say_publish(handle, publish, None).await?;
        }
        if granted.waiting {
            return Ok(());
        }
        let due = std::mem::take(&mut memory.due).into_iter().collect();
        self.subscribe_again(due).await
    }

    /// Asks for a stream. Without `answered`, it is one that begins again.
    pub(super) async fn say_publish(
        &mut self,
        handle: u64,
        publish: request::Publish,
        answered: Option<Answered>,
    ) -> Result<(), End> {
        let then = Then::Published(handle, publish.stream.clone(), answered.is_none());
        let id = self.say(&mut Request::Publish(publish)).await?;
        let answered = answered.into_iter().collect();
        self.waiting.insert(id, Waiting { answered, then });
        Ok(())
    }

    pub(super) async fn say_unpublish(&mut self, stream: StreamName) -> Result<(), End> {
        let unpublish = request::Unpublish { op: op::Unpublish, id: 0, stream };
        self.say(&mut Request::Unpublish(unpublish)).await.map(drop)
    }

    /// A stream has begun. It is ended if its handle was dropped meanwhile.
    pub(super) async fn published(
        &mut self,
        handle: u64,
        name: StreamName,
        again: bool,
        value: &Value,
        memory: &mut Memory,
    ) -> Result<Option<ClientEvent>, End> {
        let Ok(Published { stream, .. }) = Published::deserialize(value) else { return Ok(None) };
        if memory.own.began(handle, stream) {
            return Ok(again.then_some(ClientEvent::OwnBegun { name }));
        }
        if !memory.own.has(&name) {
            self.say_unpublish(name).await?;
        }
        Ok(None)
    }

    async fn subscribe_again(&mut self, streams: Vec<String>) -> Result<(), End> {
        if streams.is_empty() {
            return Ok(());
        }
        let then = Then::SubscribedAgain(streams.clone());
        let subscribe = request::Subscribe { op: op::Subscribe, id: 0, streams, from: Vec::new() };
        let id = self.say(&mut Request::Subscribe(subscribe)).await?;
        self.waiting.insert(id, Waiting { answered: Vec::new(), then });
        Ok(())
    }

    /// The relay accepts all patterns of a request or none, so one denied pattern would keep the others out. Each half
    /// is asked for by itself; what is still denied is due at the next change of rights.
    pub(super) async fn again_refused(
        &mut self,
        mut patterns: Vec<String>,
        refusal: &Refusal,
        memory: &mut Memory,
    ) -> Result<(), End> {
        if patterns.len() == 1 || refusal.code != "subscribe_denied" {
            memory.refused(patterns);
            return Ok(());
        }
        let second = patterns.split_off(patterns.len() / 2);
        self.subscribe_again(patterns).await?;
        self.subscribe_again(second).await
    }
}
