//! A relay alone: its directory is a file that `stagedoor directory export` wrote, and it holds no secret
//! (`spec/directory.md`). The data folder is not opened, and no path of the API is served.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use axum::Router;
use stagedoor_bus::{Event, FileBus};
use stagedoor_relay::{Proxies, Relay};

use crate::{
    config::Config,
    descriptors,
    operations::Source,
    refusals,
    service::Service,
    sockets::{At, SocketFile, bind, mode},
    watched::{Stamp, Watched},
};

/// A running relay without a server.
pub(crate) struct Edge {
    pub(crate) http_at: At,
    pub(crate) operations_at: At,
    pub(crate) relay: Arc<Relay>,
    service: Service,
    _files: [Option<SocketFile>; 2],
}

/// Loads the directory, binds the sockets, and serves.
pub(crate) async fn start(config: &Config, file: &Path) -> anyhow::Result<Edge> {
    let mode = mode(&config.listen.unix_mode).context("listen.unix_mode")?;
    let (bus, commands) = FileBus::new(log);
    let watched = Arc::new(Watched::new(file, bus.clone()));
    let mut of_relay = config.relay.clone();
    descriptors::fit(&mut of_relay.limits, config.listen.operations_connections_max)?;
    let proxies = Proxies {
        trusted: config.listen.trusted_proxies.clone(),
        client_address: config.listen.client_address,
    };
    let relay = Relay::new(of_relay, proxies, bus)?;
    let answering = tokio::spawn(relay.clone().answer(commands));
    // Before the file is read: a change from then on is seen.
    let stamp = Stamp::of(file).ok();
    watched.load().await.with_context(|| format!("--directory {}", file.display()))?;
    let public = bind(&config.listen.address, mode, ("listen.address", "--listen")).await?;
    let operations =
        bind(&config.listen.operations, mode, ("listen.operations", "--operations")).await?;
    let others = vec![answering, tokio::spawn(watched.clone().watch(stamp))];
    let (sockets, source) = ((public.listening, operations.listening), Source::Directory(watched));
    let service = Service::begin(config, &relay, sockets, nothing(), source, others);
    Ok(Edge {
        http_at: public.at,
        operations_at: operations.at,
        relay,
        service,
        _files: [public.file, operations.file],
    })
}

/// The paths of a relay alone: none but `/v1/connect`, which is not the router's.
fn nothing() -> Router {
    Router::new().fallback(|| async { refusals::PATH_UNKNOWN.response() })
}

/// Events go to the log. The relay logs refusals itself.
fn log(event: Event) {
    match event {
        Event::Refused { .. } | Event::RenewRefused { .. } => {}
        Event::KeyUsed { app, kid, tokens, iat_max } => {
            tracing::info!(app = app.id.0, %kid, tokens, iat_max, "key used");
        }
        event => tracing::info!(?event, "event"),
    }
}

impl Edge {
    /// Stops accepting and closes all connections over the grace period. `false` if something did not end in time.
    pub(crate) async fn stop(self) -> bool {
        self.service.stop(async {}).await
    }
}
