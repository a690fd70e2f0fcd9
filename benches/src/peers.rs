//! The servers, each on its own core: started, waited for, ended.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use stagedoor_load::{
    Dialect, Minter, Process, Target,
    server::{self, DevOutput},
};
use stagedoor_token::{AppId, Key, KeyState};
use tempfile::TempDir;

use crate::{
    check::SECRET,
    machine::root,
    tunnel::{Tunnel, certificate},
};

/// How long a server may take to start, and how long it may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The floor that writes everything new in one call.
    Floor,
    /// The floor that writes each frame in its own call.
    FloorOneByOne,
    /// Bun's own publish and subscribe.
    Bun,
    /// `nats-server`'s WebSocket listener.
    Nats,
    /// A relay on `tokio::broadcast`.
    Broadcast,
    /// Stagedoor on one worker thread, with tokens and grants.
    Stagedoor,
    /// The same with two.
    StagedoorTwo,
    /// With one worker thread and TLS.
    StagedoorTls,
}

impl Kind {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor, coalescing",
            Self::FloorOneByOne => "floor, one write each",
            Self::Bun => "Bun",
            Self::Nats => "nats-server",
            Self::Broadcast => "tokio::broadcast",
            Self::Stagedoor => "Stagedoor",
            Self::StagedoorTwo => "Stagedoor, two workers",
            Self::StagedoorTls => "Stagedoor, TLS",
        }
    }

    /// Whether it is Stagedoor, in any set-up.
    pub fn is_stagedoor(self) -> bool {
        matches!(self, Self::Stagedoor | Self::StagedoorTwo | Self::StagedoorTls)
    }

    /// The program, if it is not one of ours.
    pub fn program(self) -> Option<PathBuf> {
        let peers = root().join("target/peers");
        match self {
            Self::Bun => Some(peers.join("node_modules/.bin/bun")),
            Self::Nats => Some(peers.join("venv/bin/nats-server")),
            _ => None,
        }
    }
}

/// A running server; dropping it ends it.
pub struct Peer {
    child: Child,
    /// How to talk to it.
    pub target: Target,
    /// The tunnel to it, if it uses TLS.
    pub tunnel: Option<Tunnel>,
    /// Its HTTP API, if it has one.
    pub api: Option<Api>,
    _folder: TempDir,
}

/// An HTTP API, at the target's address.
pub struct Api {
    /// The app.
    pub app: AppId,
    /// An API key with every scope in it.
    pub key: String,
}

impl Drop for Peer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Whether server and generator can each have their own core.
pub fn can_pin() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let taskset = Command::new("taskset").arg("-V").stdout(Stdio::null()).status();
    cores > 1 && taskset.is_ok_and(|status| status.success())
}

/// Pins this program, the generator, to the second core.
pub fn pin_generator() -> Result<()> {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset").args(["-acp", "1", &pid]).stdout(Stdio::null()).status()?;
    ensure!(done.success(), "taskset could not pin the generator");
    Ok(())
}

/// Settings of a server that is measured, beyond those of one that is load-tested.
const SETTINGS: [(&str, &str); 5] = [
    ("STAGEDOOR_RELAY__LIMITS__STREAMS_PER_ROOM_MAX", "10000"),
    ("STAGEDOOR_RELAY__LIMITS__SUBSCRIPTIONS_PER_MEMBER_MAX", "10000"),
    ("STAGEDOOR_RELAY__LIMITS__REQUESTS_PER_S", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__REQUESTS_BURST", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__PING_INTERVAL_MS", "600000"),
];

/// The first line that one of our servers prints.
#[derive(Deserialize)]
struct Listens {
    address: SocketAddr,
}

/// Starts one, on these cores or where the system puts it.
pub fn start(kind: Kind, cores: Option<&str>) -> Result<Peer> {
    let folder = tempfile::tempdir()?;
    let own = std::env::current_exe()?.with_file_name("peer");
    let (program, port) = match kind.program() {
        Some(program) => (program, free_port()?),
        None if kind.is_stagedoor() => (own.with_file_name("stagedoor"), 0),
        None => (own, 0),
    };
    ensure!(program.exists(), "{} is not installed", kind.name());
    let mut command = match cores {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", cores]).arg(program);
            command
        }
        None => Command::new(program),
    };
    server::set_up_by_nothing(&mut command);
    command.current_dir(folder.path());
    arguments(kind, &mut command, folder.path(), port)?;
    let trusted = if kind == Kind::StagedoorTls {
        let (certificate, key) = certificate()?;
        let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&cert_file, certificate.pem)?;
        std::fs::write(&key_file, key)?;
        command
            .env("STAGEDOOR_RELAY__TLS__CERT", cert_file)
            .env("STAGEDOOR_RELAY__TLS__KEY", key_file);
        Some(certificate.der)
    } else {
        None
    };
    let mut child = command.spawn().with_context(|| kind.name())?;
    let reached = target(kind, &mut child, port).and_then(|(mut target, api)| {
        let tunnel = trusted.map(|der| Tunnel::dig(target.address, der)).transpose()?;
        if let Some(tunnel) = &tunnel {
            target.address = tunnel.address();
        }
        Ok((target, tunnel, api))
    });
    match reached {
        Ok((target, tunnel, api)) => Ok(Peer { child, target, tunnel, api, _folder: folder }),
        Err(error) => {
            end(&mut child);
            Err(error)
        }
    }
}

fn arguments(kind: Kind, command: &mut Command, folder: &Path, port: u16) -> Result<()> {
    match kind {
        Kind::Floor => command.arg("floor"),
        Kind::FloorOneByOne => command.arg("floor-one-by-one"),
        Kind::Broadcast => command.arg("broadcast"),
        Kind::Bun => command
            .arg(root().join("benches/peers/bun.js"))
            .env("BENCH_SECRET", URL_SAFE_NO_PAD.encode(SECRET)),
        Kind::Nats => {
            let file = folder.join("nats.conf");
            std::fs::write(&file, nats_settings(port))?;
            // It logs there.
            command.arg("-c").arg(file).stderr(Stdio::null())
        }
        Kind::Stagedoor | Kind::StagedoorTwo | Kind::StagedoorTls => {
            server::dev(command, folder, cores_of(kind));
            command.envs(SETTINGS)
        }
    };
    Ok(())
}

/// The token that `nats-server` requires: it compares it, without a signature.
const NATS_TOKEN: &str = "bench";

fn nats_settings(port: u16) -> String {
    format!(
        "listen: \"127.0.0.1:-1\"\nlogtime: false\nmax_connections: 100000\nauthorization {{ token: \
         \"{NATS_TOKEN}\" }}\nwebsocket {{ listen: \"127.0.0.1:{port}\", no_tls: true }}\n"
    )
}

/// A port that is free now.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn cores_of(kind: Kind) -> u32 {
    if kind == Kind::StagedoorTwo { 2 } else { 1 }
}

/// Waits until it listens.
fn target(kind: Kind, child: &mut Child, port: u16) -> Result<(Target, Option<Api>)> {
    if kind.is_stagedoor() {
        let told = DevOutput::hear(child)?;
        let target = told.target(child, cores_of(kind), PATIENCE)?;
        return Ok((target, Some(Api { app: told.app, key: told.api_key })));
    }
    let (address, dialect) = if kind == Kind::Nats {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_for(address)?;
        (address, Dialect::Nats { token: Some(NATS_TOKEN.into()) })
    } else {
        let mut line = String::new();
        let out = child.stdout.take().context("its output")?;
        BufReader::new(out).read_line(&mut line)?;
        let Listens { address } = serde_json::from_str(&line).context("it did not start")?;
        let key = Key::hs256(AppId(1), "bench", &SECRET, KeyState::Current)?;
        (address, Dialect::Plain { minter: Some(Minter::new(key)) })
    };
    let process = Some(Process(child.id()));
    Ok((Target { address, dialect, process, cores: cores_of(kind), patience: PATIENCE }, None))
}

/// It prints nothing once it listens, so it is polled.
fn wait_for(address: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > PATIENCE {
            bail!("nothing listens");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
