//! One connection, from login to close. After `driver`, before `renewal`. Sends what is asked, matches
//! answers, passes events on; never decides whether to come back.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use stagedoor_wire::{
    event::Event,
    frame::FrameHeader,
    member::Cursor,
    reply::{LoggedIn, Outcome, Published, Refusal, Renewed, Reply, SubscribedTo},
    request::{self, Request, op},
};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    error::{AskError, ConnectError},
    event::{ClientEvent, Frame},
    memory::{Memory, Own},
    renewal::{Answered, Renewal},
    socket::Socket,
    token::Token,
};

/// What a handle asks of the driver.
pub(crate) enum Command {
    /// A request; its `id` is set here.
    Ask(Box<Request>, Answered),
    /// Begin a stream; the handle's number is the application's.
    Publish(u64, Box<request::Publish>, Answered),
    /// End a stream of the member's own.
    Unpublish(u64),
    /// A frame of a stream of the member's own.
    Frame(u64, bool, Bytes),
    /// Ask the source for a new token, and go on with it.
    Renew(Answered),
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The relay closed, or the connection broke (code 0).
    Closed { code: u16, reason: String },
    /// The application let go of every handle.
    LetGo,
}

/// A connection in its seat.
pub(crate) struct Connection {
    socket: Socket,
    next_id: u64,
    waiting: HashMap<u64, Waiting>,
    renewal: Renewal,
    /// What was heard before there was anybody to tell.
    early: VecDeque<Said>,
}

/// What logs in.
pub(crate) enum Pass {
    /// The source's token.
    Token(String),
    /// What the last login gave in its place.
    Ticket(String),
}

/// What is to be done with an answer besides passing it on.
enum Then {
    Nothing,
    Subscribed(Vec<String>),
    Unsubscribed(Vec<String>),
    Published(u64),
    Renewed,
}

struct Waiting {
    answered: Vec<Answered>,
    then: Then,
}

fn tell(answered: Vec<Answered>, outcome: &Result<Value, AskError>) {
    for answered in answered {
        // Who asked may be gone.
        let _ = answered.send(outcome.clone());
    }
}

fn broke() -> End {
    End::Closed { code: 0, reason: String::new() }
}

fn lost(end: End) -> ConnectError {
    match end {
        End::Closed { code, reason } => ConnectError::Closed { code, reason },
        End::LetGo => ConnectError::Closed { code: 0, reason: String::new() },
    }
}

/// One message of the relay.
enum Said {
    Reply(u64, Result<Value, Refusal>),
    Event(Box<Event<Value>>),
    Frame(FrameHeader, Bytes),
    Nothing,
}

#[derive(Deserialize)]
struct Head {
    ev: Option<String>,
}

fn said(message: Message) -> Result<Said, End> {
    match message {
        Message::Text(text) => {
            let head: Head = serde_json::from_str(&text).map_err(|_| broke())?;
            if head.ev.is_some() {
                // An event that this version does not know is passed over.
                return Ok(serde_json::from_str(&text)
                    .map_or(Said::Nothing, |event| Said::Event(Box::new(event))));
            }
            let reply: Reply<Value> = serde_json::from_str(&text).map_err(|_| broke())?;
            let outcome = match reply.outcome {
                Outcome::Ok(value) => Ok(value),
                Outcome::Error(refusal) => Err(refusal),
            };
            Ok(reply.re.map_or(Said::Nothing, |re| Said::Reply(re, outcome)))
        }
        Message::Binary(bytes) => {
            let (header, payload) = FrameHeader::parse(&bytes).map_err(|_| broke())?;
            Ok(Said::Frame(header, bytes.slice_ref(payload)))
        }
        Message::Close(frame) => Err(frame.map_or_else(broke, |frame| End::Closed {
            code: frame.code.into(),
            reason: frame.reason.to_string(),
        })),
        _ => Ok(Said::Nothing),
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, ConnectError> {
    serde_json::from_value(value)
        .map_err(|error| ConnectError::Socket(format!("an answer does not read: {error}")))
}

/// What a login came to; with a refusal, the close code that followed it.
pub(crate) type Login = Result<(Connection, LoggedIn<Value>), (ConnectError, Option<u16>)>;

impl Connection {
    /// Takes the seat.
    pub(crate) async fn log_in(
        socket: Socket,
        source: Token,
        pass: Pass,
        room: Option<String>,
        resume: Option<Cursor>,
    ) -> Login {
        let (waiting, early) = (HashMap::new(), VecDeque::new());
        let renewal = Renewal::new(source);
        let mut connection = Self { socket, next_id: 1, waiting, renewal, early };
        let (token, ticket) = match pass {
            Pass::Token(token) => (Some(token), None),
            Pass::Ticket(ticket) => (None, Some(ticket)),
        };
        let login = request::Login {
            op: op::Login,
            id: 0,
            token,
            ticket,
            proof: None,
            room,
            user: None,
            resume,
        };
        match connection.ask(Request::Login(login)).await {
            Ok(value) => read(value).map(|seat| (connection, seat)).map_err(|error| (error, None)),
            Err(ConnectError::Refused(refusal)) => {
                let code = match connection.hear().await {
                    Err(End::Closed { code, .. }) => Some(code),
                    _ => None,
                };
                Err((ConnectError::Refused(refusal), code))
            }
            Err(error) => Err((error, None)),
        }
    }

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

    /// Asks, before events are passed on to anybody; those that come meanwhile are kept.
    async fn ask(&mut self, mut request: Request) -> Result<Value, ConnectError> {
        let id = self.say(&mut request).await.map_err(lost)?;
        loop {
            match self.hear().await.map_err(lost)? {
                Said::Reply(re, outcome) if re == id => {
                    return outcome.map_err(ConnectError::Refused);
                }
                other => self.early.push_back(other),
            }
        }
    }

    /// Takes up again what the memory holds: own streams first, then subscriptions. Returns the names of
    /// the streams that did not go on without a gap.
    pub(crate) async fn take_up(
        &mut self,
        memory: &mut Memory,
    ) -> Result<Vec<String>, ConnectError> {
        let mut anew = Vec::new();
        for own in memory.own.values_mut() {
            own.number = None;
            match self.ask(Request::Publish(own.publish.clone())).await {
                Ok(value) => own.number = Some(read::<Published>(value)?.stream),
                Err(ConnectError::Refused(_)) => anew.push(own.publish.stream.to_string()),
                Err(error) => return Err(error),
            }
        }
        if memory.patterns.is_empty() {
            return Ok(anew);
        }
        let from = memory.take_cursors();
        let before: Vec<String> = from.iter().map(|from| from.stream.to_string()).collect();
        let streams = memory.patterns.iter().cloned().collect();
        let subscribe = request::Subscribe { op: op::Subscribe, id: 0, streams, from };
        match self.ask(Request::Subscribe(subscribe)).await {
            Ok(value) => {
                let found = read::<SubscribedTo>(value)?.streams;
                let there = |name: &String| found.iter().any(|found| **name == *found.info.name);
                anew.extend(before.into_iter().filter(|name| !there(name)));
                anew.extend(memory.found(&found));
            }
            Err(ConnectError::Refused(_)) => anew.extend(before),
            Err(error) => return Err(error),
        }
        Ok(anew)
    }

    /// Runs until the connection ends. Requests that wait then are told that it was lost.
    pub(crate) async fn run(
        mut self,
        memory: &mut Memory,
        commands: &mut mpsc::Receiver<Command>,
        events: &mpsc::Sender<ClientEvent>,
        silence_max: Duration,
    ) -> End {
        while let Some(said) = self.early.pop_front() {
            if let Err(end) = self.take(said, memory, events).await {
                return end;
            }
        }
        loop {
            let step = tokio::select! {
                heard = tokio::time::timeout(silence_max, self.socket.next()) => match heard {
                    Ok(Some(Ok(message))) => match said(message) {
                        Ok(said) => self.take(said, memory, events).await,
                        Err(end) => Err(end),
                    },
                    Ok(Some(Err(_)) | None) => Err(broke()),
                    Err(_) => Err(End::Closed { code: 0, reason: "silence".into() }),
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

    async fn take(
        &mut self,
        said: Said,
        memory: &mut Memory,
        events: &mpsc::Sender<ClientEvent>,
    ) -> Result<(), End> {
        let event = match said {
            Said::Nothing => return Ok(()),
            Said::Reply(re, outcome) => match self.answer(re, outcome, memory) {
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
        events.send(event).await.map_err(|_| End::LetGo)
    }

    /// Renews with what the source gave.
    async fn renew(
        &mut self,
        given: Result<String, String>,
        events: &mpsc::Sender<ClientEvent>,
    ) -> Result<(), End> {
        let answered = self.renewal.take_waiting();
        match given {
            Ok(token) => {
                let renew = request::Renew { op: op::Renew, id: 0, token, proof: None };
                let id = self.say(&mut Request::Renew(renew)).await?;
                self.waiting.insert(id, Waiting { answered, then: Then::Renewed });
                Ok(())
            }
            Err(error) => {
                let failed = AskError::Token(error);
                tell(answered, &Err(failed.clone()));
                events.send(ClientEvent::RenewFailed(failed)).await.map_err(|_| End::LetGo)
            }
        }
    }

    /// Matches an answer; what the application is to hear of it besides who asked.
    fn answer(
        &mut self,
        re: u64,
        outcome: Result<Value, Refusal>,
        memory: &mut Memory,
    ) -> Option<ClientEvent> {
        let Waiting { answered, then } = self.waiting.remove(&re)?;
        let mut told = None;
        match (&outcome, then) {
            (Ok(value), Then::Subscribed(patterns)) => {
                if let Ok(found) = serde_json::from_value::<SubscribedTo>(value.clone()) {
                    memory.found(&found.streams);
                }
                memory.patterns.extend(patterns);
            }
            (Ok(_), Then::Unsubscribed(patterns)) => memory.unsubscribed(&patterns),
            (Ok(value), Then::Published(handle)) => {
                let published = serde_json::from_value::<Published>(value.clone()).ok();
                if let Some(own) = memory.own.get_mut(&handle) {
                    own.number = published.map(|published| published.stream);
                }
            }
            (Err(_), Then::Published(handle)) => drop(memory.own.remove(&handle)),
            (Ok(value), Then::Renewed) => {
                let renewed = serde_json::from_value::<Renewed<Value>>(value.clone()).ok();
                told = renewed.map(|renewed| ClientEvent::Renewed(memory.renewed(renewed)));
            }
            (Err(refusal), Then::Renewed) => {
                told = Some(ClientEvent::RenewFailed(AskError::Refused(refusal.clone())));
            }
            _ => {}
        }
        tell(answered, &outcome.map_err(AskError::Refused));
        told
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
            Command::Publish(handle, publish, answered) => {
                memory.own.insert(handle, Own { publish: (*publish).clone(), number: None });
                let id = self.say(&mut Request::Publish(*publish)).await?;
                let then = Then::Published(handle);
                self.waiting.insert(id, Waiting { answered: vec![answered], then });
            }
            Command::Unpublish(handle) => {
                if let Some(own) = memory.own.remove(&handle)
                    && own.number.is_some()
                {
                    let unpublish =
                        request::Unpublish { op: op::Unpublish, id: 0, stream: own.publish.stream };
                    self.say(&mut Request::Unpublish(unpublish)).await?;
                }
            }
            Command::Frame(handle, keyframe, payload) => {
                if let Some(stream) = memory.own.get(&handle).and_then(|own| own.number) {
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
            tell(waiting.answered, &Err(AskError::Lost));
        }
    }
}
