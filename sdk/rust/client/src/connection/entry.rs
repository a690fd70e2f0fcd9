//! The login, and resuming what the memory holds. All this comes before events are passed on.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use serde_json::Value;
use stagedoor_wire::{
    event::Event,
    member::Cursor,
    reply::{LoggedIn, Published, StateEntry, SubscribedTo},
    request::{self, Request, op},
};
use tokio::time::timeout;

use super::{Connection, lost};
use crate::{
    credential::Credential,
    error::ConnectError,
    heard::{End, Said, broke},
    memory::Memory,
    proof::ProofKey,
    renewal::Renewal,
    silence::Silence,
    socket::Socket,
    token::Token,
};

/// The result of a login; with a refusal, the close code that followed it.
pub(crate) type Login = Result<(Connection, LoggedIn<Value>), (ConnectError, Option<u16>)>;

fn read<T: DeserializeOwned>(value: Value) -> Result<T, ConnectError> {
    serde_json::from_value(value).map_err(ConnectError::Answer)
}

impl Connection {
    /// Logs in.
    pub(crate) async fn log_in(
        socket: Socket,
        source: Token,
        key: Option<ProofKey>,
        credential: Credential,
        room: Option<String>,
        resume: Option<Cursor>,
    ) -> Login {
        let (waiting, early) = (HashMap::new(), VecDeque::new());
        let renewal = Renewal::new(source, key);
        // Until the relay has told its intervals, the login waits as long as its socket lives.
        let silence = Silence::new(u64::MAX, u64::MAX, None, Instant::now());
        let mut connection = Self { socket, next_id: 1, waiting, renewal, early, silence };
        let login = credential.login(room, resume);
        let mut outcome = connection.ask(Request::Login(login.clone())).await;
        if let Err(ConnectError::Refused(refusal)) = &outcome
            && let Some(proof) = connection.renewal.proof(credential.text(), refusal)
        {
            let proof = proof.map_err(|error| (ConnectError::Key(error), None))?;
            let login = request::Login { proof: Some(proof), ..login };
            outcome = connection.ask(Request::Login(login)).await;
        }
        match outcome {
            Ok(value) => read(value).map(|seat| (connection, seat)).map_err(|error| (error, None)),
            Err(ConnectError::Refused(refusal)) => {
                // After a request for a proof the login may be repeated, so no close follows.
                let code = match refusal.nonce {
                    Some(_) => None,
                    None => connection.close_code().await,
                };
                Err((ConnectError::Refused(refusal), code))
            }
            Err(error) => Err((error, None)),
        }
    }

    /// Reads what completes the seat's long lists, and keeps other events for later.
    pub(crate) async fn read_rest(
        &mut self,
        seat: &mut LoggedIn<Value>,
    ) -> Result<(), ConnectError> {
        // The relay pings a silent client, so something comes within this time.
        let silence_max = Duration::from_millis(seat.ping_interval_ms + seat.pong_timeout_ms);
        while seat.more {
            let heard = timeout(silence_max, self.hear()).await;
            match heard.unwrap_or_else(|_| Err(broke())).map_err(lost)? {
                Said::Event(event) => match *event {
                    Event::Published { n: None, info } => seat.streams.push(info),
                    Event::State { n: None, key, value, version, .. } => {
                        seat.state.push(StateEntry { key: key.to_string(), value, version });
                    }
                    Event::Asked { ask } => seat.asks.push(ask),
                    Event::Listed {} => seat.more = false,
                    other => self.early.push_back(Said::Event(Box::new(other))),
                },
                other => self.early.push_back(other),
            }
        }
        Ok(())
    }

    async fn close_code(&mut self) -> Option<u16> {
        match self.hear().await {
            Err(End::Closed { code, .. }) => Some(code),
            _ => None,
        }
    }

    /// Resumes what the memory holds: own streams first, then subscriptions. Returns the names of the streams that do
    /// not continue without a gap.
    pub(crate) async fn resume(
        &mut self,
        memory: &mut Memory,
    ) -> Result<Vec<String>, ConnectError> {
        let mut anew = Vec::new();
        for (handle, publish) in memory.own.ask_all() {
            let name = publish.stream.to_string();
            match self.ask(Request::Publish(publish)).await {
                Ok(value) => drop(memory.own.began(handle, read::<Published>(value)?.stream)),
                Err(ConnectError::Refused(_)) => {
                    memory.own.refused(handle);
                    anew.push(name);
                }
                Err(error) => return Err(error),
            }
        }
        memory.due.clear();
        if memory.patterns.is_empty() {
            return Ok(anew);
        }
        let from = memory.take_cursors();
        let before: Vec<String> = from.iter().map(|from| from.stream.to_string()).collect();
        let streams: Vec<String> = memory.patterns.iter().cloned().collect();
        let subscribe =
            request::Subscribe { op: op::Subscribe, id: 0, streams: streams.clone(), from };
        match self.ask(Request::Subscribe(subscribe)).await {
            Ok(value) => {
                let found = read::<SubscribedTo>(value)?.streams;
                let there = |name: &String| found.iter().any(|found| **name == *found.info.name);
                anew.extend(before.into_iter().filter(|name| !there(name)));
                anew.extend(memory.found(&found));
            }
            Err(ConnectError::Refused(refusal)) => {
                anew.extend(before);
                if memory.granted.borrow().waiting {
                    memory.refused(streams);
                } else {
                    self.again_refused(streams, &refusal, memory).await.map_err(lost)?;
                }
            }
            Err(error) => return Err(error),
        }
        Ok(anew)
    }
}
