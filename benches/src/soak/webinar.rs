//! The webinar: one publisher, an audience, every frame numbered and timed. Counts reported losses and silent losses
//! separately.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stagedoor_load::Minter;
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// The room.
pub const ROOM: &str = "webinar";
/// Frames per second, as in a video.
const FRAMES_PER_S: u64 = 30;
/// Frames from one keyframe to the next.
const KEYFRAME_INTERVAL_FRAMES: u64 = 60;
/// The size of a frame's payload, in bytes: some 300 kbit/s.
const PAYLOAD_BYTES: usize = 1_200;
/// The bytes before a data frame's payload.
const HEADER_BYTES: usize = 6;
const PATIENCE: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<TcpStream>;

/// What the audience noticed.
#[derive(Debug, Default)]
pub struct Noticed {
    /// Frames that came.
    pub frames: AtomicU64,
    /// Frames that were lost and reported.
    pub lost_told: AtomicU64,
    /// Frames that were lost silently, repeated, or out of order.
    pub lost_untold: AtomicU64,
    /// Seats that ended before the webinar.
    pub ended_early: AtomicU64,
    /// Latencies from a frame's due time to its arrival, in microseconds.
    late_us: Mutex<Vec<u32>>,
}

impl Noticed {
    /// The latency that this share of all deliveries does not exceed, in milliseconds.
    pub fn late_ms(&self, share: f64) -> f64 {
        let mut late = self.late_us.lock().unwrap_or_else(PoisonError::into_inner);
        late.sort_unstable();
        let at = ((late.len() as f64 * share).ceil() as usize).clamp(1, late.len().max(1));
        late.get(at - 1).map_or(f64::NAN, |us| f64::from(*us) / 1_000.0)
    }
}

/// A webinar that runs until it is stopped.
pub struct Webinar {
    /// What the audience noticed so far.
    pub noticed: Arc<Noticed>,
    stop: watch::Sender<bool>,
    host: JoinHandle<Result<()>>,
    audience: Vec<JoinHandle<()>>,
}

async fn join(to: SocketAddr, token: &str) -> Result<Socket> {
    let tcp = TcpStream::connect(to).await?;
    tcp.set_nodelay(true)?;
    let mut request = format!("ws://{to}/v1/connect").into_client_request()?;
    let fields = request.headers_mut();
    fields.insert("sec-websocket-protocol", "stagedoor.v1".parse()?);
    fields.insert("authorization", format!("Bearer {token}").parse()?);
    let (socket, _) = timeout(PATIENCE, client_async(request, tcp)).await??;
    Ok(socket)
}

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

/// Waits until it is time to stop, or the sender is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn publish(
    mut socket: Socket,
    begun: Instant,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let publish = json!({"op": "publish", "id": 1, "stream": "cam", "kind": "video"});
    let number = ask(&mut socket, &publish).await?["stream"].as_u64().context("a number")?;
    let number = u32::try_from(number)?.to_be_bytes();
    let mut beat = interval(Duration::from_micros(1_000_000 / FRAMES_PER_S));
    // A late frame is charged from when it was due.
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut write, mut read) = socket.split();
    let mut seq = 0_u64;
    loop {
        tokio::select! {
            due = beat.tick() => {
                let keyframe = u8::from(seq.is_multiple_of(KEYFRAME_INTERVAL_FRAMES));
                let due_us = due.into_std().saturating_duration_since(begun).as_micros() as u64;
                let mut frame = [&[1, keyframe][..], &number, &seq.to_be_bytes(), &due_us.to_be_bytes()].concat();
                frame.resize(HEADER_BYTES + PAYLOAD_BYTES, 0);
                write.send(Message::binary(frame)).await?;
                seq += 1;
            }
            heard = read.next() => ensure!(matches!(heard, Some(Ok(_))), "the host lost its seat"),
            () = stopped(&mut stop) => break,
        }
    }
    Ok(())
}

fn numbers(frame: &[u8]) -> Option<(u64, u64)> {
    let payload = frame.get(HEADER_BYTES..HEADER_BYTES + 16)?;
    let (seq, due_us) = payload.split_at(8);
    Some((u64::from_be_bytes(seq.try_into().ok()?), u64::from_be_bytes(due_us.try_into().ok()?)))
}

/// What a member expects next.
#[derive(Default)]
struct Reader {
    next: Option<u64>,
    late_us: Vec<u32>,
}

impl Reader {
    fn hear(&mut self, message: &Message, noticed: &Noticed, begun: Instant) {
        match message {
            Message::Binary(frame) => {
                let Some((seq, due_us)) = numbers(frame) else { return };
                let now_us = begun.elapsed().as_micros() as u64;
                self.late_us.push(now_us.saturating_sub(due_us) as u32);
                noticed.frames.fetch_add(1, Ordering::Relaxed);
                let due = self.next.replace(seq + 1).unwrap_or(seq);
                noticed.lost_untold.fetch_add(due.abs_diff(seq), Ordering::Relaxed);
            }
            Message::Text(text) if text.contains("\"lagged\"") => {
                let Ok(said) = serde_json::from_str::<Value>(text) else { return };
                if let Some(lost) = said["lost"].as_u64().filter(|_| said["ev"] == "lagged") {
                    noticed.lost_told.fetch_add(lost, Ordering::Relaxed);
                    self.next = self.next.map(|next| next + lost);
                }
            }
            _ => {}
        }
    }
}

async fn attend(
    mut socket: Socket,
    noticed: Arc<Noticed>,
    begun: Instant,
    mut stop: watch::Receiver<bool>,
) {
    let mut reader = Reader::default();
    loop {
        tokio::select! {
            heard = socket.next() => match heard {
                Some(Ok(message)) => reader.hear(&message, &noticed, begun),
                _ => {
                    noticed.ended_early.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            },
            () = stopped(&mut stop) => break,
        }
    }
    noticed.late_us.lock().unwrap_or_else(PoisonError::into_inner).append(&mut reader.late_us);
}

impl Webinar {
    /// Starts it: the audience first, then the host.
    pub async fn begin(to: SocketAddr, minter: &Minter, audience: usize) -> Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (noticed, begun) = (Arc::<Noticed>::default(), Instant::now());
        let mut seats = Vec::new();
        for at in 0..audience {
            let token = minter.mint(ROOM, &format!("audience-{at}"), &"audience".parse()?)?;
            let mut socket = join(to, &token).await?;
            ask(&mut socket, &json!({"op": "subscribe", "id": 1, "streams": ["cam"]})).await?;
            seats.push(tokio::spawn(attend(socket, noticed.clone(), begun, stopped.clone())));
        }
        let socket = join(to, &minter.mint(ROOM, "host", &"host".parse()?)?).await?;
        let host = tokio::spawn(publish(socket, begun, stopped));
        Ok(Self { noticed, stop, host, audience: seats })
    }

    /// Ends it, and returns what the audience noticed.
    pub async fn end(self) -> Result<Arc<Noticed>> {
        // The receivers may be gone already.
        let _ = self.stop.send(true);
        for seat in self.audience {
            seat.await?;
        }
        self.host.await??;
        Ok(self.noticed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(seq: u64) -> Message {
        Message::binary([&[0; HEADER_BYTES][..], &seq.to_be_bytes(), &[0; 8]].concat())
    }

    #[test]
    fn silent_losses_are_told_from_reported_ones() {
        let (noticed, begun) = (Noticed::default(), Instant::now());
        let mut reader = Reader::default();
        for message in [
            frame(5),
            frame(6),
            Message::text(r#"{"ev":"lagged","stream":1,"lost":3,"seq":10}"#),
            frame(10),
            frame(12),
        ] {
            reader.hear(&message, &noticed, begun);
        }
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        assert_eq!((count(&noticed.frames), count(&noticed.lost_told)), (4, 3));
        assert_eq!(count(&noticed.lost_untold), 1);
    }
}
