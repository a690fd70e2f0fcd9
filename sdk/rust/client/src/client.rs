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

/// Events that wait for the application at most, unless it says otherwise.
const EVENTS_WAITING_MAX: usize = 256;
/// Requests and frames that wait for the socket at most.
const COMMANDS_WAITING_MAX: usize = 64;

/// How to connect to a room: the relay's address, where tokens come from, and patience. Ends with
/// [`Client::connect`].
///
/// ```no_run
/// use stagedoor_client::{Client, Token};
///
/// # async fn my_backend() -> Result<String, std::io::Error> { Ok(String::new()) }
/// # async fn run() -> Result<(), stagedoor_client::ConnectError> {
/// let token = Token::from_fn(my_backend);
/// let (room, events) =
///     Client::new("wss://relay.example/v1/connect", token).room("lobby").attempts_max(20).connect().await?;
/// # Ok(())
/// # }
/// ```
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

    /// The room that you expect. The relay refuses a token for another one with `room_mismatch`.
    #[must_use]
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.0.room = Some(room.into());
        self
    }

    /// The key to which the source's tokens are bound. Each login and renewal then proves that you hold it.
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

    /// After how long without a byte the connection counts as lost. The default is the relay's `ping_interval_ms`
    /// and `pong_timeout_ms`, which come with the login, plus 15 s: together 40 s by the relay's defaults. The client
    /// pings after `ping_interval_ms` of silence.
    #[must_use]
    pub fn silence_max(mut self, silence_max: Duration) -> Self {
        self.0.silence_max = Some(silence_max);
        self
    }

    /// How many times in a row the client tries to reconnect before it gives up; 100 by default, and with 0 it never
    /// tries.
    #[must_use]
    pub fn attempts_max(mut self, attempts_max: u32) -> Self {
        self.0.attempts_max = attempts_max;
        self
    }

    /// How many events may wait for you before the client stops reading from the connection; 256 by default, at
    /// least 1.
    #[must_use]
    pub fn events_waiting_max(mut self, events_waiting_max: usize) -> Self {
        self.0.events_waiting_max = events_waiting_max.max(1);
        self
    }

    /// The size of the socket's receive buffer, in bytes; by default the kernel's choice.
    #[must_use]
    pub fn receive_buffer_bytes(mut self, bytes: u32) -> Self {
        self.0.receive_buffer_bytes = Some(bytes);
        self
    }

    /// Connects and logs in. Must be called within a tokio runtime. This first attempt is not repeated; later, the
    /// client reconnects by itself.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; [`ConnectError::next`] says what to do about it.
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

/// What happens, in order. Read it with [`Events::next`], or as a [`Stream`].
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
