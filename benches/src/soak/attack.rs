//! The attack: half-open, never-reading, flooding and broken-off clients, hostile names and numbers. Each kind has a
//! rate, so that the attack is bounded and the same on every machine.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use stagedoor_load::Minter;
use stagedoor_token::AppId;
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::raw::{connect, frame, read, request, text, web_socket, write};

/// The attackers' addresses start at `127.0.0.2`, one per kind.
const FIRST_ADDRESS: u8 = 2;
/// Connections that one kind leaves open at most.
const HELD_MAX: usize = 400;
/// The longest name used, in bytes.
const LONG_BYTES: usize = 60_000;

/// What an attacker knows about the server.
pub struct Known {
    /// Where API and WebSocket listen.
    pub address: SocketAddr,
    /// The app.
    pub app: AppId,
    /// An API key with every scope, for attacks from inside: a misbehaving backend.
    pub api_key: String,
    /// The mint for hostile members.
    pub minter: Minter,
}

/// The kinds of attack, with their attempts per second.
const KINDS: [(Kind, u32); 12] = [
    (Kind::HalfHead, 20),
    (Kind::HalfBody, 20),
    (Kind::HalfLogin, 20),
    (Kind::NeverReadsApi, 10),
    (Kind::NeverReadsSeat, 5),
    (Kind::BadTokens, 50),
    (Kind::OneToken, 50),
    (Kind::NoCredential, 50),
    (Kind::LongKicks, 50),
    (Kind::LongRequests, 50),
    (Kind::BrokenOff, 50),
    (Kind::HostileWords, 50),
];

/// A kind of attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// A request head that never ends.
    HalfHead,
    /// A body that never arrives.
    HalfBody,
    /// An upgrade without a login.
    HalfLogin,
    /// Answers that are never read.
    NeverReadsApi,
    /// A seat that sends requests and never reads.
    NeverReadsSeat,
    /// Tokens that no key signed.
    BadTokens,
    /// One valid token, again and again.
    OneToken,
    /// API requests of strangers.
    NoCredential,
    /// Kicks without the right, of users with very long names.
    LongKicks,
    /// Requests of the maximum size that are refused.
    LongRequests,
    /// API acts whose client leaves before the end.
    BrokenOff,
    /// Invented methods, paths, fields and numbers.
    HostileWords,
}

/// How often each was attempted.
#[derive(Debug, Default)]
pub struct Tries(AtomicU64);

impl Tries {
    /// The count.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Attacks in all ways, or only one, until `stop`. Returns the number of attempts.
pub async fn attack(
    known: Arc<Known>,
    only: Option<Kind>,
    stop: watch::Receiver<bool>,
) -> Arc<Tries> {
    let tries = Arc::<Tries>::default();
    let mut kinds = JoinSet::new();
    for (at, (kind, per_s)) in KINDS.into_iter().enumerate() {
        if only.is_some_and(|only| only != kind) {
            continue;
        }
        let from = FIRST_ADDRESS + at as u8;
        kinds.spawn(one_kind(known.clone(), kind, per_s, from, tries.clone(), stop.clone()));
    }
    while kinds.join_next().await.is_some() {}
    tries
}

async fn one_kind(
    known: Arc<Known>,
    kind: Kind,
    per_s: u32,
    from: u8,
    tries: Arc<Tries>,
    mut stop: watch::Receiver<bool>,
) {
    let mut beat = interval(Duration::from_secs(1) / per_s);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut held: Vec<TcpStream> = Vec::new();
    for n in 0_u64.. {
        tokio::select! {
            _ = beat.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tries.0.fetch_add(1, Ordering::Relaxed);
        // The result for the attacker does not matter: a refusal is no failure.
        if let Ok(Some(open)) = once(&known, kind, from, n).await {
            held.push(open);
        }
        if held.len() > HELD_MAX {
            held.drain(..HELD_MAX / 2);
        }
    }
}

async fn once(known: &Known, kind: Kind, from: u8, n: u64) -> Result<Option<TcpStream>> {
    let to = known.address;
    match kind {
        Kind::HalfHead => held(to, from, b"GET /v1/connect HTTP/1.1\r\nHost: so").await,
        Kind::HalfBody => held(to, from, &half_body(known)).await,
        Kind::HalfLogin => Ok(Some(web_socket(to, from, None).await?)),
        Kind::NeverReadsApi => {
            let many = b"GET /v1/openapi.json HTTP/1.1\r\nHost: soak\r\n\r\n".repeat(50);
            held(to, from, &many).await
        }
        Kind::NeverReadsSeat => never_reads(known, from, n).await.map(Some),
        Kind::BadTokens => {
            let token = format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtfMSJ9.e30.{n:043}");
            web_socket(to, from, Some(&token)).await.map(|_| None)
        }
        Kind::OneToken => {
            let token = known.minter.mint("side", "again", &"audience".parse()?)?;
            web_socket(to, from, Some(&token)).await.map(|_| None)
        }
        Kind::NoCredential => {
            let head = format!("GET /v1/apps/{n} HTTP/1.1\r\nHost: soak\r\n\r\n");
            request(to, from, head.as_bytes()).await.map(|_| None)
        }
        Kind::LongKicks => long_kicks(known, from, n).await,
        Kind::LongRequests => long_requests(known, from, n).await,
        Kind::BrokenOff => broken_off(known, from, n).await,
        Kind::HostileWords => request(to, from, &hostile(known, n)).await.map(|_| None),
    }
}

async fn held(to: SocketAddr, from: u8, bytes: &[u8]) -> Result<Option<TcpStream>> {
    let mut tcp = connect(to, from).await?;
    write(&mut tcp, bytes).await?;
    Ok(Some(tcp))
}

fn api(known: &Known, method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} /v1/apps/{}{path} HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        known.app.0,
        known.api_key,
        body.len()
    )
}

fn half_body(known: &Known) -> Vec<u8> {
    let whole = api(known, "POST", "/tokens", &" ".repeat(60));
    whole.trim_end().as_bytes().iter().copied().chain(*b"\r\n\r\n{").collect()
}

async fn seat(known: &Known, from: u8, room: &str, user: &str) -> Result<TcpStream> {
    let token = known.minter.mint(room, user, &"audience".parse()?)?;
    web_socket(known.address, from, Some(&token)).await
}

async fn never_reads(known: &Known, from: u8, n: u64) -> Result<TcpStream> {
    let mut tcp = seat(known, from, "side", &format!("deaf-{}", n % 50)).await?;
    for id in 1..=40 {
        write(&mut tcp, &text(&format!(r#"{{"op":"members","id":{id}}}"#))).await?;
    }
    Ok(tcp)
}

async fn long_kicks(known: &Known, from: u8, n: u64) -> Result<Option<TcpStream>> {
    let mut tcp = seat(known, from, "side", &format!("kicker-{}", n % 10)).await?;
    let user = "k".repeat(LONG_BYTES);
    let kick = format!(r#"{{"op":"moderate","id":1,"verb":"kick","user":"{user}"}}"#);
    write(&mut tcp, &text(&kick)).await?;
    read(&mut tcp).await?;
    Ok(None)
}

async fn long_requests(known: &Known, from: u8, n: u64) -> Result<Option<TcpStream>> {
    let mut tcp = seat(known, from, "side", &format!("talker-{}", n % 10)).await?;
    for id in 0..5 {
        let unknown = format!(r#"{{"op":"sing","id":{id},"song":"{}"}}"#, "x".repeat(65_000));
        write(&mut tcp, &text(&unknown)).await?;
    }
    // No stream of this member has that number.
    write(&mut tcp, &frame(2, &[1, 0, 0xff, 0xff, 0xff, 0xff, 0])).await?;
    read(&mut tcp).await?;
    Ok(None)
}

async fn broken_off(known: &Known, from: u8, n: u64) -> Result<Option<TcpStream>> {
    let mut tcp = connect(known.address, from).await?;
    let user = format!("gone-{}", n % 20);
    let (path, body) = match n % 3 {
        0 => ("/tokens", format!(r#"{{"room":"side","user":"{user}","role":"audience"}}"#)),
        1 => ("/revocations", format!(r#"{{"target":{{"user":"{user}"}}}}"#)),
        _ => ("/rooms/side/members/nobody/kick", String::from("{}")),
    };
    write(&mut tcp, api(known, "POST", path, &body).as_bytes()).await?;
    Ok(None)
}

fn hostile(known: &Known, n: u64) -> Vec<u8> {
    let long = format!("{n}{}", "x".repeat(6_000));
    match n % 8 {
        0 => format!("M{long} /v1/apps HTTP/1.1\r\nHost: soak\r\n\r\n").into(),
        1 => format!("GET /{long} HTTP/1.1\r\nHost: soak\r\n\r\n").into(),
        2 => {
            format!("GET /v1/connect HTTP/1.1\r\nHost: soak\r\nOrigin: https://{n}.example\r\n\r\n")
                .into()
        }
        3 => format!("GET /v1/apps HTTP/1.1\r\nHost: soak\r\nX-Request-Id: {long}\r\n\r\n").into(),
        4 => api(
            known,
            "POST",
            "/api-keys",
            r#"{"name":"n","scopes":[],"ttl_s":9223372036854775808}"#,
        )
        .into(),
        5 => api(known, "POST", "/tokens", &"[".repeat(20_000)).into(),
        6 => api(known, "GET", "/audit?limit=99999999999999999999&user=%00%ff", "").into(),
        _ => format!(
            "POST /v1/apps/{n} HTTP/1.1\r\nHost: soak\r\nContent-Length: {}\r\n\r\n",
            u64::MAX
        )
        .into(),
    }
}
