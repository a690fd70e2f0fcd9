//! How to connect, and where the events come.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use rustls::ClientConfig;
use tokio::sync::mpsc;

use crate::{
    driver::{Driver, Settings, seat},
    error::ConnectError,
    event::ClientEvent,
    memory::Memory,
    proof::ProofKey,
    room::Room,
    token::Token,
};

/// Events that may wait for the application.
const EVENTS_WAITING_MAX: usize = 256;
/// Requests and frames that may wait for the socket.
const COMMANDS_WAITING_MAX: usize = 64;

/// How to connect.
#[derive(Clone, Debug)]
pub struct Client(Settings);

impl Client {
    /// A client of the relay at `ws://host:port/v1/connect` or `wss://host/v1/connect`. `wss` trusts the certificates
    /// that the system trusts, unless [`Client::tls`] says otherwise.
    pub fn new(url: impl Into<String>, token: Token) -> Self {
        Self(Settings {
            url: url.into(),
            token,
            key: None,
            room: None,
            tls: None,
            silence_max: None,
            attempts_max: 100,
            events_waiting_max: EVENTS_WAITING_MAX,
            receive_buffer_bytes: None,
        })
    }

    /// The room that the token must be for.
    #[must_use]
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.0.room = Some(room.into());
        self
    }

    /// The key to which the tokens of the source are bound, if they are: each login and renewal, also after
    /// a reconnect, then proves that the member holds it.
    #[must_use]
    pub fn proof_key(mut self, key: ProofKey) -> Self {
        self.0.key = Some(key);
        self
    }

    /// What `wss` trusts, in place of the certificates that the system trusts.
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.0.tls = Some(config);
        self
    }

    /// After how long without a byte the connection counts as lost. Unless set, that is the relay's own
    /// `ping_interval_ms` and `pong_timeout_ms`, which it tells at login, and 15 s; 40 s by its defaults. After
    /// `ping_interval_ms` of silence the client asks whether the relay is there.
    #[must_use]
    pub fn silence_max(mut self, silence_max: Duration) -> Self {
        self.0.silence_max = Some(silence_max);
        self
    }

    /// How often a lost connection is tried again before the client gives up; 100 unless set, 0: never.
    #[must_use]
    pub fn attempts_max(mut self, attempts_max: u32) -> Self {
        self.0.attempts_max = attempts_max;
        self
    }

    /// How many events may wait for the application before the connection is held up; 256 unless set.
    #[must_use]
    pub fn events_waiting_max(mut self, events_waiting_max: usize) -> Self {
        self.0.events_waiting_max = events_waiting_max.max(1);
        self
    }

    /// The kernel's receive buffer; its own choice unless set.
    #[must_use]
    pub fn receive_buffer_bytes(mut self, bytes: u32) -> Self {
        self.0.receive_buffer_bytes = Some(bytes);
        self
    }

    /// Connects and takes the seat. This first time nothing is tried twice.
    pub async fn connect(self) -> Result<(Room, Events), ConnectError> {
        let mut memory = Memory::default();
        let (connection, seat) = seat(&self.0, &mut memory).await.map_err(|(error, _)| error)?;
        let (commands, commands_end) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events, events_end) = mpsc::channel(self.0.events_waiting_max);
        let granted = memory.granted.subscribe();
        let driver = Driver { settings: self.0, memory, commands: commands_end, events };
        tokio::spawn(driver.run(connection));
        Ok((Room::new(commands, seat, granted), Events(events_end)))
    }
}

/// What happens, in order. A [`Stream`], and [`Events::next`].
#[derive(Debug)]
pub struct Events(mpsc::Receiver<ClientEvent>);

impl Events {
    /// The next event; `None` after [`ClientEvent::Closed`].
    pub async fn next(&mut self) -> Option<ClientEvent> {
        self.0.recv().await
    }
}

impl Stream for Events {
    type Item = ClientEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        self.0.poll_recv(cx)
    }
}
