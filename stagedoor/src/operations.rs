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

use crate::refusals;

/// What the operations endpoints report on.
pub(crate) struct Looked {
    pub(crate) server: Arc<Server>,
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
    match looked.server.ready().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn metrics(State(looked): State<Arc<Looked>>) -> impl IntoResponse {
    let mut out = looked.relay.metrics();
    out += &looked.server.metrics();
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
