//! A relay with real sockets, seen from inside, for the relay's tests.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stagedoor_bus::{Actor, App, Asked, Bus, Command, Event, LocalBus, Receivers, StoreRequest};
use stagedoor_token::{AppId, Claims, Key, KeyState, Kind, Roles, mint};
use stagedoor_wire::{CONNECT_PATH, SUBPROTOCOL, limits::Limits, request::To};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, oneshot},
    task::yield_now,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::{
    commands::answer,
    log::mailbox::Mailbox,
    port::forwarded::Proxies,
    relay::{Config, Relay},
    room::{Occupant, Room, View},
    shared::Shared,
};

pub(super) const APP: AppId = AppId(7);
/// Time after which something is considered leaked.
const GONE_WITHIN: Duration = Duration::from_secs(4);
pub(super) const ROOM: &str = "lobby";

pub(super) type Socket = WebSocketStream<TcpStream>;

/// A relay that serves.
pub(super) struct Hall {
    pub(super) shared: Arc<Shared>,
    address: SocketAddr,
    key: Key,
    stop: Option<oneshot::Sender<()>>,
    _ends: (mpsc::Receiver<Asked>, mpsc::Receiver<Event>),
}

impl Hall {
    /// With a store that accepts everything.
    pub(super) async fn open(limits: Limits) -> Self {
        let (hall, stores) = Self::open_with_store(limits).await;
        tokio::spawn(take_everything(stores));
        hall
    }

    /// With a store that the test plays.
    pub(super) async fn open_with_store(limits: Limits) -> (Self, mpsc::Receiver<StoreRequest>) {
        let (bus, Receivers { commands, events, stores, .. }) = LocalBus::new();
        let key = Key::hs256(APP, "k1", &[7; 32], KeyState::Current).expect("a key");
        let (id, keys, roles) = (APP, vec![(&key).into()], Roles::built_in());
        bus.put_app(App { id, since_ms: 1, keys, roles, second_login: None, token04: None })
            .await
            .expect("a bus");
        let config = Config { limits, ..Config::default() };
        let relay = Relay::new(config, Proxies::default(), bus).expect("a relay");
        let shared = relay.shared.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let other = Arc::new(|_, _| {});
        tokio::spawn(relay.serve(listener, other, async move { drop(stopped.await) }));
        let _ends = (commands, events);
        (Self { shared, address, key, stop: Some(stop), _ends }, stores)
    }

    /// Drops the relay.
    pub(super) fn stop(&mut self) {
        self.stop = None;
    }

    pub(super) async fn join(&self, user: &str, role: &str, ttl_s: u64) -> Socket {
        let claims = self.claims(user, role, ttl_s);
        let mut socket = self.connect().await;
        ask(&mut socket, json!({"op": "login", "token": self.mint(&claims)})).await;
        socket
    }

    pub(super) fn claims(&self, user: &str, role: &str, ttl_s: u64) -> Claims {
        let (now_s, role) = (self.shared.clock.unix_s(), role.parse().expect("a role"));
        Claims::builder(APP, role)
            .room(ROOM)
            .user(user)
            .jti(format!("t-{user}"))
            .lifetime(now_s, ttl_s)
            .build()
    }

    pub(super) fn mint(&self, claims: &Claims) -> String {
        mint(claims, &self.key).expect("a token")
    }

    pub(super) async fn connect(&self) -> Socket {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("an option");
        let tcp = socket.connect(self.address).await.expect("it listens");
        let url = format!("ws://{}{CONNECT_PATH}", self.address);
        let mut request = url.into_client_request().expect("a request");
        let protocol = HeaderValue::from_static(SUBPROTOCOL);
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        client_async(request, tcp).await.expect("an upgrade").0
    }

    pub(super) fn room(&self) -> Arc<Room> {
        self.shared.rooms.get(APP, ROOM).expect("the room")
    }

    pub(super) fn command(&self, command: Command) {
        let (answer_to, _) = oneshot::channel();
        answer(&self.shared, Asked { command, answer: answer_to });
    }

    pub(super) fn mute(&self, user: &str) {
        let (room, user, kinds) = (ROOM.into(), user.into(), vec![Kind::Audio]);
        self.command(Command::Mute { app: APP, room, user, kinds, muted: true });
    }

    pub(super) fn assign(&self, user: &str, role: &str) {
        let (room, user, role) = (ROOM.into(), user.into(), role.parse().expect("a role"));
        self.command(Command::Assign { app: APP, room, user, role, by: Actor::Root });
    }

    /// Sends 10,000 bytes.
    pub(super) fn message(&self, to: To) {
        let data = serde_json::value::to_raw_value(&"x".repeat(10_000)).expect("JSON");
        self.command(Command::Message { app: APP, room: ROOM.into(), to, topic: None, data });
    }

    /// Sends more to the room than an unread socket accepts, and waits until no task writes any more: from then on the
    /// tasks read neither requests nor letters.
    pub(super) async fn stall(&self) {
        (0..16).for_each(|_| self.message(To::Room));
        let mut quiet = 0;
        let mut before = 0;
        while quiet < 1_000 {
            yield_now().await;
            let written = self.shared.metrics.bytes_out.get();
            quiet = if written == before { quiet + 1 } else { 0 };
            before = written;
        }
    }
}

pub(super) async fn take_everything(mut stores: mpsc::Receiver<StoreRequest>) {
    while let Some(request) = stores.recv().await {
        request.stored(vec![1]);
    }
}

/// Sends a request that must succeed.
pub(super) async fn ask(socket: &mut Socket, request: Value) {
    begin(socket, request).await;
    let heard = answer_of(socket).await;
    assert!(heard["ok"].is_object(), "{heard}");
}

/// Sends a request.
pub(super) async fn begin(socket: &mut Socket, mut request: Value) {
    request["id"] = 1.into();
    socket.send(Message::text(request.to_string())).await.expect("it takes");
}

/// The answer to the last request.
async fn answer_of(socket: &mut Socket) -> Value {
    loop {
        if let Message::Text(text) = socket.next().await.expect("open").expect("a message") {
            let heard: Value = serde_json::from_str(&text).expect("JSON");
            if heard["re"] == 1 {
                return heard;
            }
        }
    }
}

/// Why the connection was closed.
pub(super) async fn close_of(socket: &mut Socket) -> String {
    loop {
        if let Message::Close(frame) = socket.next().await.expect("open").expect("a message") {
            return frame.expect("a reason").reason.to_string();
        }
    }
}

/// A member's resources, to check that they are gone.
pub(super) struct Traces {
    user: &'static str,
    mailbox: Weak<Mailbox>,
    occupants: Vec<Weak<Occupant>>,
    room: Weak<Room>,
    views: Vec<Weak<View>>,
}

impl Traces {
    pub(super) fn of(hall: &Hall, user: &'static str) -> Self {
        let room = hall.room();
        let mailbox = room.mailbox(user).expect("a member");
        let (mailbox, occupants) = (Arc::downgrade(&mailbox), Vec::new());
        let mut traces =
            Self { user, mailbox, occupants, room: Arc::downgrade(&room), views: Vec::new() };
        traces.follow(hall);
        traces
    }

    /// Also records the member's present version.
    pub(super) fn follow(&mut self, hall: &Hall) {
        let room = hall.room();
        self.occupants.extend(room.occupant(self.user).map(|occupant| Arc::downgrade(&occupant)));
        self.views.extend(room.views());
    }

    /// Whether a change of grants awaits the member's connection.
    pub(super) fn is_changing(&self) -> bool {
        self.mailbox.upgrade().is_some_and(|mailbox| mailbox.is_changing())
    }

    /// Waits until nothing of the member remains.
    pub(super) async fn member_gone(&self, how: &str) {
        let occupants = || self.occupants.iter().map(Weak::strong_count).sum::<usize>();
        gone(how, || [("mailbox", self.mailbox.strong_count()), ("occupant", occupants())]).await;
    }

    /// Waits until nothing of the room remains.
    pub(super) async fn room_gone(&self, how: &str) {
        let views = || self.views.iter().map(Weak::strong_count).sum::<usize>();
        gone(how, || [("room", self.room.strong_count()), ("view", views())]).await;
    }
}

async fn gone<const N: usize>(how: &str, counts: impl Fn() -> [(&'static str, usize); N]) {
    let wait = async {
        while counts().iter().any(|(_, count)| *count > 0) {
            yield_now().await;
        }
    };
    let waited = timeout(GONE_WITHIN, wait).await;
    assert!(waited.is_ok(), "{how}: still held: {:?}", counts());
}
