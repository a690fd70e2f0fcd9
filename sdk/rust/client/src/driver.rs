//! The task that owns the connection, and reconnects.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::ClientConfig;
use serde_json::Value;
use stagedoor_wire::{close::Next, reply::LoggedIn};
use tokio::sync::mpsc;

use crate::{
    backoff::delay,
    connection::{Command, Connection},
    credential::Credential,
    error::{ConnectError, RequestError, line},
    event::{ClientEvent, Closed, Reconnected},
    heard::End,
    memory::Memory,
    proof::ProofKey,
    silence::Silence,
    socket,
    token::Token,
};

/// The settings of a client.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) token: Token,
    pub(crate) key: Option<ProofKey>,
    pub(crate) room: Option<String>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) silence_max: Option<Duration>,
    pub(crate) attempts_max: u32,
    pub(crate) events_waiting_max: usize,
    pub(crate) receive_buffer_bytes: Option<u32>,
}

/// A seat, or the error and the close code that followed it.
type Seated = Result<(Connection, LoggedIn<Value>), (ConnectError, Option<u16>)>;

/// Connects and logs in: with the ticket if there is one and it is still good, otherwise with a token.
pub(crate) async fn seat(settings: &Settings, memory: &mut Memory) -> Seated {
    // The ticket is kept until a login answers: after a lost connection nobody knows whether it was used.
    if let Some(ticket) = memory.ticket.clone() {
        match log_in(settings, memory, Credential::Ticket(ticket)).await {
            Err((error, code)) if error.next(code) == Next::Token => memory.ticket = None,
            seated => return seated,
        }
    }
    let token = settings.token.get().await.map_err(|error| (ConnectError::Token(error), None))?;
    log_in(settings, memory, Credential::Token(token)).await
}

async fn log_in(settings: &Settings, memory: &mut Memory, credential: Credential) -> Seated {
    let Settings { url, token, key, room, tls, receive_buffer_bytes, .. } = settings;
    let socket = socket::connect(url, tls.as_ref(), *receive_buffer_bytes)
        .await
        .map_err(|error| (error, None))?;
    let (token, key, room) = (token.clone(), key.clone(), room.clone());
    let (mut connection, mut seat) =
        Connection::log_in(socket, token, key, credential, room, memory.events).await?;
    let (ping_interval_ms, pong_timeout_ms) = (seat.ping_interval_ms, seat.pong_timeout_ms);
    connection.silence =
        Silence::new(ping_interval_ms, pong_timeout_ms, settings.silence_max, Instant::now());
    // Before anything else is read: the ticket may be needed already.
    memory.seated(&seat);
    connection.read_rest(&mut seat).await.map_err(|error| (error, None))?;
    Ok((connection, seat))
}

/// The driver of a client's connections.
pub(crate) struct Driver {
    pub(crate) settings: Settings,
    pub(crate) memory: Memory,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: mpsc::Sender<ClientEvent>,
}

impl Driver {
    /// Runs until the last connection has ended, and reports that.
    pub(crate) async fn run(mut self, mut connection: Connection) {
        loop {
            let Self { memory, commands, events, .. } = &mut self;
            let end = connection.run(memory, commands, events).await;
            let (code, reason) = match end {
                End::Closed { code, reason } => (code, reason),
                End::LetGo => return,
            };
            tracing::debug!(code, reason, "the connection ended");
            match self.again(code, reason).await {
                Ok(next) => connection = next,
                Err(closed) => {
                    // The application may be gone.
                    let _ = self.events.send(ClientEvent::Closed(closed)).await;
                    return;
                }
            }
        }
    }

    /// Reconnects, as often as the settings and the close table allow.
    async fn again(&mut self, code: u16, reason: String) -> Result<Connection, Closed> {
        let mut closed = Closed { code, reason, next: Next::after(code) };
        for attempt in 1..=self.settings.attempts_max {
            if closed.next == Next::Stop {
                return Err(closed);
            }
            if closed.next == Next::Token {
                self.memory.ticket = None;
            }
            let delay = delay(closed.next, attempt, chance());
            let telling = self.events.send(ClientEvent::Reconnecting { attempt, delay });
            if telling.await.is_err() {
                return Err(closed);
            }
            self.wait(delay).await;
            match self.attempt().await {
                Ok(connection) => return Ok(connection),
                Err((error, code)) => {
                    tracing::debug!(error = line(&error), attempt, "reconnecting failed");
                    closed.next = error.next(code);
                    if let Some(code) = code {
                        closed.code = code;
                    }
                    closed.reason = line(&error);
                }
            }
        }
        Err(closed)
    }

    async fn attempt(&mut self) -> Result<Connection, (ConnectError, Option<u16>)> {
        let (mut connection, seat) = seat(&self.settings, &mut self.memory).await?;
        let streams_restarted =
            connection.resume(&mut self.memory).await.map_err(|error| (error, None))?;
        let events_resumed = seat.resumed == Some(true);
        let told = Reconnected { seat, events_resumed, streams_restarted };
        // If the application is gone, that is noticed when the connection runs.
        let _ = self.events.send(ClientEvent::Reconnected(Box::new(told))).await;
        Ok(connection)
    }

    /// Waits. Meanwhile requests are refused and frames of own streams are dropped.
    async fn wait(&mut self, delay: Duration) {
        let end = tokio::time::Instant::now() + delay;
        while let Ok(Some(command)) = tokio::time::timeout_at(end, self.commands.recv()).await {
            match command {
                Command::Ask(_, answered)
                | Command::Publish(_, _, answered)
                | Command::Renew(answered) => {
                    // The caller may be gone.
                    let _ = answered.send(Err(RequestError::Lost));
                }
                Command::Unpublish(handle) => drop(self.memory.own.remove(handle)),
                Command::Frame(..) => {}
            }
        }
        tokio::time::sleep_until(end).await;
    }
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}
