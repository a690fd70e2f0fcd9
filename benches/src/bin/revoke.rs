//! How fast a revocation reaches live seats: 10,000 seats in 100 rooms, each with a host and a cohost that publish at a
//! steady rate and an audience that reads, revoked over the HTTP API. Measured from the API's answer to the last frame
//! that a revoked seat still gets, to its close, and to the last frame from a revoked publisher. The close gives the
//! upper bound that frames at intervals cannot show. Seats that are not revoked must lose nothing, and must still
//! receive after the last revocation. `cargo xtask bench revoke`.

use std::{
    collections::HashMap,
    io::{Read, Write},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stagedoor_benches::peers::{self, Api, Kind};
use stagedoor_load::{Dialect, Minter, Target};
use stagedoor_token::RoleName;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{interval, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// The goal for the 99th percentile of revoked seats, in milliseconds.
const GOAL_MS: f64 = 100.0;
/// The bytes before a data frame's payload.
const HEADER_BYTES: usize = 6;
const PATIENCE: Duration = Duration::from_secs(20);

/// Revocations of live seats.
#[derive(Parser)]
struct Arguments {
    /// Number of rooms.
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Seats per room, including a host and a cohost.
    #[arg(long, default_value_t = 100)]
    seats: usize,
    /// Frames per second of each publisher.
    #[arg(long, default_value_t = 5)]
    rate: u64,
    /// The margin of the revocations, in seconds: with one the goal must be missed, or the benchmark measures nothing.
    #[arg(long, default_value_t = 0)]
    margin: u64,
    /// Exit with 1 if a goal is missed.
    #[arg(long)]
    check: bool,
}

/// An audience seat as its reader sees it. Times are microseconds since the beginning.
#[derive(Default)]
struct Seat {
    /// When the last frame from anybody arrived.
    frame_us: AtomicU64,
    /// When the last frame of the host arrived.
    host_us: AtomicU64,
    /// When it was closed.
    closed_us: AtomicU64,
    /// The close code, once closed.
    code: AtomicU64,
    /// Missing frames.
    lost: AtomicU64,
}

type Socket = WebSocketStream<TcpStream>;

struct Room {
    name: String,
    audience: Vec<Arc<Seat>>,
    /// They publish until they are stopped or closed.
    publishers: Vec<JoinHandle<()>>,
}

async fn connect(target: &Target, token: &str) -> Result<Socket> {
    let tcp = TcpStream::connect(target.address).await?;
    tcp.set_nodelay(true)?;
    let mut request = format!("ws://{}/v1/connect", target.address).into_client_request()?;
    let fields = request.headers_mut();
    fields.insert("sec-websocket-protocol", "stagedoor.v1".parse()?);
    fields.insert("authorization", format!("Bearer {token}").parse()?);
    let (socket, _) = timeout(PATIENCE, client_async(request, tcp)).await??;
    Ok(socket)
}

/// Sends a request, and waits for the answer.
async fn ask(socket: &mut Socket, request: &Value) -> Result<Value> {
    socket.send(Message::text(request.to_string())).await?;
    loop {
        let message = timeout(PATIENCE, socket.next()).await?.context("closed")??;
        if let Message::Text(text) = message {
            let said: Value = serde_json::from_str(&text)?;
            if said["re"] == request["id"] {
                ensure!(said.get("ok").is_some(), "{request} was answered {said}");
                return Ok(said["ok"].clone());
            }
        }
    }
}

/// Publishes `marker` and a rising number.
async fn publisher(mut socket: Socket, marker: u8, rate: u64) -> Result<JoinHandle<()>> {
    let name = if marker == HOST { "host" } else { "cohost" };
    let publish =
        json!({"op": "publish", "id": 1, "stream": name, "kind": "data", "delivery": "reliable"});
    let number = ask(&mut socket, &publish).await?["stream"].as_u64().context("a number")?;
    let header = [&[1, 0][..], &u32::try_from(number)?.to_be_bytes()].concat();
    Ok(tokio::spawn(async move {
        let mut beat = interval(Duration::from_micros(1_000_000 / rate.max(1)));
        let (mut write, mut read) = socket.split();
        let mut seq = 0_u32;
        loop {
            tokio::select! {
                _ = beat.tick() => {
                    let payload = [&header[..], &[marker], &seq.to_be_bytes()].concat();
                    if write.send(Message::binary(payload)).await.is_err() { return }
                    seq += 1;
                }
                heard = read.next() => if !matches!(heard, Some(Ok(_))) { return },
            }
        }
    }))
}

const HOST: u8 = 1;
const COHOST: u8 = 2;

/// Reads until it is closed.
async fn listen(mut socket: Socket, seat: Arc<Seat>, begun: Instant) {
    let mut next: HashMap<u8, u32> = HashMap::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(frame) => {
                let Some((marker, seq)) = payload(&frame) else { continue };
                let now_us = begun.elapsed().as_micros() as u64;
                seat.frame_us.store(now_us, Ordering::Relaxed);
                if marker == HOST {
                    seat.host_us.store(now_us, Ordering::Relaxed);
                }
                let due = next.insert(marker, seq + 1).unwrap_or(seq);
                if due != seq {
                    seat.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Message::Close(frame) => {
                let code = frame.map_or(1_005_u16, |frame| frame.code.into());
                seat.closed_us.store(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
                seat.code.store(u64::from(code), Ordering::Release);
                return;
            }
            _ => {}
        }
    }
}

fn payload(frame: &[u8]) -> Option<(u8, u32)> {
    let payload = frame.get(HEADER_BYTES..)?;
    let (marker, seq) = payload.split_first()?;
    Some((*marker, u32::from_be_bytes(seq.try_into().ok()?)))
}

async fn open(
    target: &Target,
    minter: &Minter,
    name: String,
    arguments: &Arguments,
    begun: Instant,
) -> Result<Room> {
    let role = |text: &str| -> Result<RoleName> { Ok(text.parse()?) };
    let mut publishers = Vec::new();
    for (text, marker) in [("host", HOST), ("cohost", COHOST)] {
        let token = minter.mint(&name, &format!("{text}-{name}"), &role(text)?)?;
        publishers.push(publisher(connect(target, &token).await?, marker, arguments.rate).await?);
    }
    let mut audience = Vec::new();
    for at in 2..arguments.seats {
        let token = minter.mint(&name, &format!("u{at}-{name}"), &role("audience")?)?;
        let mut socket = connect(target, &token).await?;
        ask(&mut socket, &json!({"op": "subscribe", "id": 1, "streams": ["*"]})).await?;
        let seat = Arc::<Seat>::default();
        tokio::spawn(listen(socket, seat.clone(), begun));
        audience.push(seat);
    }
    Ok(Room { name, audience, publishers })
}

/// One revocation over the API, with the times of request and answer. In its own thread, because the one that reads the
/// seats may be busy, and an answer noticed late would make everything else look early.
async fn revoke(api: &Api, target: &Target, body: &Value, begun: Instant) -> Result<Times> {
    let body = body.to_string();
    let request = format!(
        "POST /v1/apps/{}/revocations HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        api.app.0,
        api.key,
        body.len()
    );
    let address = target.address;
    let asking = tokio::task::spawn_blocking(move || {
        let mut tcp = std::net::TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let now_us = || begun.elapsed().as_micros() as u64;
        let asked_us = now_us();
        tcp.write_all(request.as_bytes())?;
        let mut buffer = [0; 4_096];
        let n = tcp.read(&mut buffer)?;
        let answered_us = now_us();
        let head = String::from_utf8_lossy(&buffer[..n]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 201"), "the API answered {head}");
        Ok(Times { asked_us, answered_us })
    });
    asking.await?
}

/// Of one revocation.
#[derive(Clone, Copy)]
struct Times {
    asked_us: u64,
    answered_us: u64,
}

/// Times in milliseconds, sorted.
struct Late(Vec<f64>);

impl Late {
    fn of(us: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut ms: Vec<f64> =
            us.map(|(last, answered)| last.saturating_sub(answered) as f64 / 1_000.0).collect();
        ms.sort_by(f64::total_cmp);
        Self(ms)
    }

    fn quantile(&self, quantile: f64) -> f64 {
        let at = ((self.0.len() as f64 * quantile).ceil() as usize).clamp(1, self.0.len().max(1));
        self.0.get(at - 1).copied().unwrap_or(f64::NAN)
    }
}

async fn closed(seats: &[Arc<Seat>]) -> Result<()> {
    let begun = Instant::now();
    while !seats.iter().all(|seat| seat.code.load(Ordering::Acquire) == 4_205) {
        ensure!(begun.elapsed() < PATIENCE, "a revoked seat was not closed with 4205");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Waits until each got a frame that arrived after now, and checks that none was closed or missed one.
async fn unharmed(seats: &[Arc<Seat>], begun: Instant) -> Result<()> {
    let since_us = begun.elapsed().as_micros() as u64;
    let asked = Instant::now();
    while !seats.iter().all(|seat| seat.frame_us.load(Ordering::Relaxed) > since_us) {
        ensure!(
            asked.elapsed() < PATIENCE,
            "a seat that was not revoked no longer receives frames"
        );
        sleep(Duration::from_millis(5)).await;
    }
    let lost: u64 = seats.iter().map(|seat| seat.lost.load(Ordering::Relaxed)).sum();
    ensure!(lost == 0, "seats that were not revoked lost {lost} frames");
    ensure!(
        seats.iter().all(|seat| seat.code.load(Ordering::Relaxed) == 0),
        "a seat that was not revoked was closed"
    );
    Ok(())
}

/// A seat's last frame or close, with the revocation that caused it.
struct Ended {
    last_us: u64,
    close_us: u64,
    times: Times,
}

fn ended(seats: &[Arc<Seat>], times: Times) -> impl Iterator<Item = Ended> {
    seats.iter().map(move |seat| Ended {
        last_us: seat.frame_us.load(Ordering::Relaxed),
        close_us: seat.closed_us.load(Ordering::Relaxed),
        times,
    })
}

/// The rows of one kind of revocation. Those from the request are an upper bound for the others.
fn rows(what: &str, ended: &[Ended]) -> Vec<(String, Late)> {
    let row = |name: &str, times: &dyn Fn(&Ended) -> (u64, u64)| {
        (format!("{what}: {name}"), Late::of(ended.iter().map(times)))
    };
    vec![
        row("answer to last frame", &|ended| (ended.last_us, ended.times.answered_us)),
        row("answer to close", &|ended| (ended.close_us, ended.times.answered_us)),
        row("request to close", &|ended| (ended.close_us, ended.times.asked_us)),
    ]
}

async fn measure(arguments: &Arguments) -> Result<Vec<(String, Late)>> {
    let peer = peers::start(Kind::Stagedoor, Some("0"))?;
    let (target, api) = (&peer.target, peer.api.as_ref().context("an API")?);
    let Dialect::Stagedoor(minter) = &target.dialect else { anyhow::bail!("not Stagedoor") };
    let begun = Instant::now();
    let mut rooms = Vec::new();
    for at in 0..arguments.rooms {
        rooms.push(open(target, minter, format!("room-{at}"), arguments, begun).await?);
    }
    let all: Vec<_> = rooms.iter().flat_map(|room| room.audience.iter().cloned()).collect();
    unharmed(&all, begun).await?;
    let body = |hits: Value| match arguments.margin {
        0 => json!({"target": hits}),
        margin => json!({"target": hits, "margin_s": margin}),
    };
    let rest = rooms.split_off(rooms.len() / 2);
    let mut by_room = Vec::new();
    for room in &rooms {
        let times = revoke(api, target, &body(json!({"room": room.name})), begun).await?;
        closed(&room.audience).await?;
        by_room.extend(ended(&room.audience, times));
    }
    let mut publishers = Vec::new();
    for room in &rest {
        let hits = json!({"user": format!("host-{}", room.name)});
        let times = revoke(api, target, &body(hits), begun).await?;
        sleep(Duration::from_millis(300)).await;
        let last = room.audience.iter().map(|seat| seat.host_us.load(Ordering::Relaxed)).max();
        publishers.push((last.unwrap_or_default(), times.answered_us));
    }
    let left: Vec<_> = rest.iter().flat_map(|room| room.audience.iter().cloned()).collect();
    unharmed(&left, begun).await?;
    let times = revoke(api, target, &body(json!({"role": "audience"})), begun).await?;
    closed(&left).await?;
    let by_role: Vec<_> = ended(&left, times).collect();
    for room in rooms.iter().chain(&rest) {
        room.publishers.iter().for_each(JoinHandle::abort);
    }
    let mut late = rows("a room", &by_room);
    late.push(("a publisher: answer to its last frame".into(), Late::of(publishers.into_iter())));
    late.extend(rows("a role, all rooms", &by_role));
    Ok(late)
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if peers::can_pin() {
        peers::pin_generator()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let late = runtime.block_on(measure(&arguments))?;
    let mut out = std::io::stdout();
    let (rooms, seats) = (arguments.rooms, arguments.seats * arguments.rooms);
    writeln!(out, "{seats} seats in {rooms} rooms, milliseconds after the API's answer; 0: none")?;
    let mut good = true;
    for (what, late) in &late {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|quantile| late.quantile(quantile));
        // The goal concerns frames; a close is reported as their upper bound.
        good &= !what.ends_with("last frame") || p99 <= GOAL_MS;
        let count = late.0.len();
        writeln!(out, "{what:<50} {count:>6} seats  p50 {p50:.1}  p99 {p99:.1}  max {max:.1}")?;
    }
    writeln!(
        out,
        "p99 to the last frame at most {GOAL_MS} ms: {}",
        if good { "met" } else { "missed" }
    )?;
    Ok(if arguments.check && !good { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
