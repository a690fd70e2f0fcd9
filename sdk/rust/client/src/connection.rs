//! One connection, from login to close. Sends requests, matches answers, passes events on. Whether to reconnect is
//! decided elsewhere.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::Value;
use stagedoor_wire::{
    event::Event,
    frame::FrameHeader,
    member::Subscribed,
    name::StreamName,
    reply::{Refusal, Renewed, SubscribedTo},
    request::{self, Request, op},
};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    error::{Cause, ConnectError, RequestError},
    event::{ClientEvent, Frame},
    heard::{End, Said, broke, said},
    memory::Memory,
    own::Own,
    renewal::{Answered, Renewal},
    silence::{Next, Silence},
    socket::Socket,
};

mod entry;
mod grants_changed;

/// What a handle asks of the driver.
pub(crate) enum Command {
    /// Send a request; its `id` is set here.
    Ask(Box<Request>, Answered),
    /// Begin a stream; the handle's number is the application's.
    Publish(u64, Box<Own>, Answered),
    /// End an own stream.
    Unpublish(u64),
    /// Send a frame of an own stream; the flag is that of a keyframe.
    Frame(u64, bool, Bytes),
    /// Renew the token with a new one of the source.
    Renew(Answered),
}

/// A connection in its seat.
pub(crate) struct Connection {
    socket: Socket,
    next_id: u64,
    waiting: HashMap<u64, Waiting>,
    renewal: Renewal,
    /// What came before events could be passed on.
    early: VecDeque<Said>,
    pub(crate) silence: Silence,
}

/// What to do with an answer besides passing it on.
enum Then {
    Nothing,
    Subscribed(Vec<String>),
    Unsubscribed(Vec<String>),
    /// Patterns that a reconnect could not resume were asked for again.
    SubscribedAgain(Vec<String>),
    /// With the handle, and whether it was asked for again.
    Published(u64, StreamName, bool),
    /// With whether the relay has had its proof.
    Renewed(bool),
}

struct Waiting {
    answered: Vec<Answered>,
    then: Then,
}

fn respond(answered: Vec<Answered>, outcome: &Result<Value, RequestError>) {
    for answered in answered {
        // The caller may be gone.
        let _ = answered.send(outcome.clone());
    }
}

fn found(value: &Value) -> Vec<Subscribed> {
    SubscribedTo::deserialize(value).map(|to| to.streams).unwrap_or_default()
}

fn lost(end: End) -> ConnectError {
    match end {
        End::Closed { code, reason } => ConnectError::Closed { code, reason },
        End::LetGo => ConnectError::Closed { code: 0, reason: String::new() },
    }
}

impl Connection {
    async fn hear(&mut self) -> Result<Said, End> {
        match self.socket.next().await {
            Some(Ok(message)) => said(message),
            Some(Err(_)) | None => Err(broke()),
        }
    }

    async fn say(&mut self, request: &mut Request) -> Result<u64, End> {
        let id = self.next_id;
        self.next_id += 1;
        request.set_id(id);
        let text = serde_json::to_string(request).map_err(|_| broke())?;
        self.socket.send(Message::text(text)).await.map_err(|_| broke())?;
        Ok(id)
    }

    /// Sends a request before events are passed on; events that come meanwhile are kept.
    async fn ask(&mut self, mut request: Request) -> Result<Value, ConnectError> {
        let id = self.say(&mut request).await.map_err(lost)?;
        loop {
            match self.hear().await.map_err(lost)? {
                Said::Reply(re, outcome) if re == id => {
                    return outcome.map_err(ConnectError::from);
                }
                other => self.early.push_back(other),
            }
        }
    }

    /// Runs until the connection ends. Requests that still wait then end with [`RequestError::Lost`].
    pub(crate) async fn run(
        mut self,
        memory: &mut Memory,
        commands: &mut mpsc::Receiver<Command>,
        events: &mpsc::Sender<ClientEvent>,
    ) -> End {
        while let Some(said) = self.early.pop_front() {
            if let Err(end) = self.handle(said, memory, events).await {
                return end;
            }
        }
        self.silence.heard(Instant::now());
        loop {
            let patience = match self.silence.next(Instant::now()) {
                Next::Wait(patience) => patience,
                Next::Ask => match self.ping().await {
                    Ok(()) => continue,
                    Err(end) => return end,
                },
                Next::Lost => return End::Closed { code: 0, reason: "silence".into() },
            };
            let step = tokio::select! {
                heard = tokio::time::timeout(patience, self.socket.next()) => match heard {
                    Ok(Some(Ok(message))) => {
                        self.silence.heard(Instant::now());
                        match said(message) {
                            Ok(said) => self.handle(said, memory, events).await,
                            Err(end) => Err(end),
                        }
                    }
                    Ok(Some(Err(_)) | None) => Err(broke()),
                    Err(_) => Ok(()),
                },
                command = commands.recv() => match command {
                    Some(command) => self.carry_out(command, memory).await,
                    None => Err(End::LetGo),
                },
                given = self.renewal.given() => self.renew(given, events).await,
            };
            if let Err(end) = step {
                if matches!(end, End::LetGo) {
                    // The relay notices either way.
                    let _ = self.socket.close(None).await;
                }
                return end;
            }
        }
    }

    async fn handle(
        &mut self,
        said: Said,
        memory: &mut Memory,
        events: &mpsc::Sender<ClientEvent>,
    ) -> Result<(), End> {
        let event = match said {
            Said::Nothing => return Ok(()),
            Said::Reply(re, outcome) => match self.answer(re, outcome, memory).await? {
                Some(told) => told,
                None => return Ok(()),
            },
            Said::Event(event) => {
                memory.event(&event);
                self.renewal.event(&event);
                ClientEvent::Room(*event)
            }
            Said::Frame(header, payload) => match memory.frame(header.stream) {
                Some((stream, seq)) => {
                    ClientEvent::Frame(Frame { stream, seq, keyframe: header.keyframe, payload })
                }
                None => return Ok(()),
            },
        };
        let changed = matches!(
            event,
            ClientEvent::Renewed(_) | ClientEvent::Room(Event::GrantsChanged { .. })
        );
        events.send(event).await.map_err(|_| End::LetGo)?;
        if changed { self.grants_changed(memory, events).await } else { Ok(()) }
    }

    /// Renews with the token that the source gave.
    async fn renew(
        &mut self,
        given: Result<String, Cause>,
        events: &mpsc::Sender<ClientEvent>,
    ) -> Result<(), End> {
        match given {
            Ok(token) => self.say_renew(token, None).await,
            Err(error) => {
                let failed = self.renew_failed(RequestError::Token(error));
                events.send(failed).await.map_err(|_| End::LetGo)
            }
        }
    }

    async fn say_renew(&mut self, token: String, proof: Option<String>) -> Result<(), End> {
        let then = Then::Renewed(proof.is_some());
        let renew = request::Renew { op: op::Renew, id: 0, token, proof };
        let id = self.say(&mut Request::Renew(renew)).await?;
        self.waiting.insert(id, Waiting { answered: Vec::new(), then });
        Ok(())
    }

    /// A renewal was refused: repeats it with the proof that the relay asks for, or reports it.
    async fn renew_refused(
        &mut self,
        proven: bool,
        refusal: Refusal,
    ) -> Result<Option<ClientEvent>, End> {
        let failed = match self.renewal.proof_again(&refusal).filter(|_| !proven) {
            Some(Ok((token, proof))) => {
                self.say_renew(token, Some(proof)).await?;
                return Ok(None);
            }
            Some(Err(error)) => RequestError::Key(error),
            None => refusal.into(),
        };
        Ok(Some(self.renew_failed(failed)))
    }

    fn renew_failed(&mut self, failed: RequestError) -> ClientEvent {
        respond(self.renewal.end(), &Err(failed.clone()));
        ClientEvent::RenewFailed(failed)
    }

    /// Matches an answer. Returns the event that it causes besides.
    async fn answer(
        &mut self,
        re: u64,
        outcome: Result<Value, Refusal>,
        memory: &mut Memory,
    ) -> Result<Option<ClientEvent>, End> {
        let Some(Waiting { mut answered, then }) = self.waiting.remove(&re) else {
            return Ok(None);
        };
        let mut told = None;
        match (&outcome, then) {
            (Err(refusal), Then::Renewed(proven)) => {
                return self.renew_refused(proven, refusal.clone()).await;
            }
            (Ok(value), Then::Subscribed(patterns)) => {
                memory.subscribed(patterns, &found(value));
            }
            (Ok(value), Then::SubscribedAgain(patterns)) => {
                let streams = found(value);
                memory.subscribed(patterns, &streams);
                told =
                    (!streams.is_empty()).then(|| ClientEvent::Room(Event::Subscribed { streams }));
            }
            (Err(refusal), Then::SubscribedAgain(patterns)) => {
                self.again_refused(patterns, refusal, memory).await?;
            }
            (Ok(_), Then::Unsubscribed(patterns)) => memory.unsubscribed(&patterns),
            (Ok(value), Then::Published(handle, name, again)) => {
                told = self.published(handle, name, again, value, memory).await?;
            }
            (Err(_), Then::Published(handle, _, true)) => memory.own.refused(handle),
            (Err(_), Then::Published(handle, ..)) => drop(memory.own.remove(handle)),
            (Ok(value), Then::Renewed(_)) => {
                answered = self.renewal.end();
                let renewed = serde_json::from_value::<Renewed<Value>>(value.clone()).ok();
                told = renewed.map(|renewed| ClientEvent::Renewed(memory.renewed(renewed)));
            }
            _ => {}
        }
        respond(answered, &outcome.map_err(RequestError::from));
        Ok(told)
    }

    /// Pings the relay; any answer ends the silence.
    async fn ping(&mut self) -> Result<(), End> {
        self.say(&mut Request::Ping(request::Ping { op: op::Ping, id: 0 })).await.map(drop)
    }

    async fn carry_out(&mut self, command: Command, memory: &mut Memory) -> Result<(), End> {
        match command {
            Command::Ask(mut request, answered) => {
                let then = match request.as_ref() {
                    Request::Subscribe(subscribe) => Then::Subscribed(subscribe.streams.clone()),
                    Request::Unsubscribe(unsubscribe) => {
                        Then::Unsubscribed(unsubscribe.streams.clone())
                    }
                    _ => Then::Nothing,
                };
                let id = self.say(&mut request).await?;
                self.waiting.insert(id, Waiting { answered: vec![answered], then });
            }
            Command::Renew(answered) => self.renewal.begin(Some(answered)),
            Command::Publish(handle, own, answered) => {
                let request = own.publish.clone();
                memory.own.insert(handle, *own);
                self.say_publish(handle, request, Some(answered)).await?;
            }
            Command::Unpublish(handle) => {
                if let Some(own) = memory.own.remove(handle)
                    && own.is_live()
                {
                    self.say_unpublish(own.publish.stream).await?;
                }
            }
            Command::Frame(handle, keyframe, payload) => {
                if let Some(stream) = memory.own.number(handle) {
                    let mut frame = FrameHeader { keyframe, stream }.to_bytes().to_vec();
                    frame.extend_from_slice(&payload);
                    self.socket.send(Message::binary(frame)).await.map_err(|_| broke())?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for (_, waiting) in self.waiting.drain() {
            respond(waiting.answered, &Err(RequestError::Lost));
        }
    }
}
