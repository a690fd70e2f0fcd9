//! `/healthz`, `/readyz` and `/metrics` on their own socket, on the loopback by default. Read-only.

use std::{fmt::Write, sync::Arc, time::Instant};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use stagedoor_relay::Relay;
use stagedoor_server::Server;

use crate::{refusals, watched::Watched};

/// Where the relay's directory comes from.
pub(crate) enum Source {
    /// From the server in this process.
    Server(Arc<Server>),
    /// From a file.
    Directory(Arc<Watched>),
}

/// What the operations endpoints report on.
pub(crate) struct Looked {
    pub(crate) source: Source,
    pub(crate) relay: Arc<Relay>,
    pub(crate) started: Instant,
}

/// The endpoints.
pub(crate) fn router(looked: Looked) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(|| async { refusals::PATH_UNKNOWN.response() })
        .method_not_allowed_fallback(|| async { refusals::METHOD_NOT_ALLOWED.response() })
        .with_state(Arc::new(looked))
}

async fn ready(State(looked): State<Arc<Looked>>) -> impl IntoResponse {
    if looked.relay.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    let ready = match &looked.source {
        Source::Server(server) => server.ready().await,
        // It serves what it loaded, however old.
        Source::Directory(_) => Ok(()),
    };
    match ready {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(State(looked): State<Arc<Looked>>) -> impl IntoResponse {
    let mut out = looked.relay.metrics();
    match &looked.source {
        Source::Server(server) => out += &server.metrics(),
        Source::Directory(watched) => directory_metrics(&mut out, watched),
    }
    let uptime_s = looked.started.elapsed().as_secs();
    let gauges = [
        ("stagedoor_uptime_seconds", "Seconds since the start.", Some(uptime_s)),
        ("process_resident_memory_bytes", "Resident memory.", resident_bytes()),
        ("process_open_fds", "Open file descriptors.", open_fds()),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        out,
        "# HELP stagedoor_build_info The version that runs.\n# TYPE stagedoor_build_info gauge\n\
         stagedoor_build_info{{version=\"{version}\"}} 1"
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out)
}

fn directory_metrics(out: &mut String, watched: &Watched) {
    let (made_ms, loads, refused) = watched.counts();
    let made_s = made_ms / 1_000;
    let _ = write!(
        out,
        "# HELP stagedoor_directory_made_seconds When the directory in use was exported, Unix seconds.\n\
         # TYPE stagedoor_directory_made_seconds gauge\nstagedoor_directory_made_seconds {made_s}\n\
         # HELP stagedoor_directory_loads_total Readings of a changed directory file, by outcome.\n\
         # TYPE stagedoor_directory_loads_total counter\n\
         stagedoor_directory_loads_total{{outcome=\"loaded\"}} {loads}\n\
         stagedoor_directory_loads_total{{outcome=\"refused\"}} {refused}\n"
    );
}

/// From `/proc`; absent on systems without it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

fn open_fds() -> Option<u64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count() as u64)
}
