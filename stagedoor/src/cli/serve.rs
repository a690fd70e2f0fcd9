//! `dev` and `serve`.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use stagedoor_relay::Relay;
use stagedoor_server::{MASTER_KEY_VARIABLE, MasterKey};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::{Done, Failure, usage};
use crate::{
    assemble::start,
    config::{Config, warnings::unknown_variables},
    dev, edge, log,
};

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    /// The address of the HTTP API, the pages and the WebSocket.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The address of health and metrics.
    #[arg(long, value_name = "ADDRESS:PORT")]
    operations: Option<String>,
    /// The data folder.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Worker threads; 0 means one per core.
    #[arg(long)]
    workers: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct ServeAlone {
    #[command(flatten)]
    serve: ServeArguments,
    /// Run this part alone. A relay alone holds no secret and reaches no server: members cannot be
    /// invited, kicked or banned, and tokens for one login are refused.
    #[arg(long, value_name = "PART", requires = "directory")]
    only: Option<Part>,
    /// The directory of a relay alone, as `stagedoor directory export` writes it. It is read again
    /// when it changes.
    #[arg(long, value_name = "FILE", requires = "only")]
    directory: Option<PathBuf>,
}

/// A part that runs alone.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Part {
    /// The relay.
    Relay,
}

impl ServeAlone {
    /// The flags, under the names of the configuration.
    pub(super) fn flags(&self) -> BTreeMap<String, String> {
        self.serve.flags()
    }

    /// The directory of a relay alone.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref().filter(|_| self.only.is_some())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  stagedoor dev --data ./data")]
pub(super) struct DevArguments {
    #[command(flatten)]
    serve: ServeArguments,
    /// Start over: move the files of an earlier `dev` into a folder below the data folder.
    #[arg(long)]
    fresh: bool,
}

impl ServeArguments {
    /// The flags, under the names of the configuration.
    pub(super) fn flags(&self) -> BTreeMap<String, String> {
        let mut flags = BTreeMap::new();
        let mut set = |name: &str, value: Option<String>| {
            flags.extend(value.map(|value| (name.to_owned(), value)));
        };
        set("listen.address", self.listen.clone());
        set("listen.operations", self.operations.clone());
        set("listen.workers", self.workers.map(|workers| workers.to_string()));
        set("server.data_dir", self.data.as_ref().map(|data| data.display().to_string()));
        flags
    }
}

impl DevArguments {
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    pub(super) fn flags(&self) -> BTreeMap<String, String> {
        self.serve.flags()
    }
}

fn run(config: &Config, serve: impl AsyncFnOnce(&Config) -> Done) -> Done {
    let refusals = log::begin(&config.log);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data = %config.server.data_dir.display(),
        tls = config.relay.tls.is_some(),
        "stagedoor starts"
    );
    let variables = unknown_variables(std::env::vars_os().map(|(name, _)| name));
    for warning in variables.into_iter().chain(config.warnings()) {
        tracing::warn!("{warning}");
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.listen.workers > 0 {
        builder.worker_threads(config.listen.workers);
    }
    let runtime = builder.enable_all().build()?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = serve(config) => done,
            // It runs until everything else has ended.
            () = refusals.refill() => Ok(()),
        }
    });
    // What still hangs, perhaps in a thread, must not keep the process from ending.
    runtime.shutdown_background();
    done
}

/// `serve`.
pub(super) fn serve(config: &Config) -> Done {
    run(config, async |config| {
        let signals = Signals::hear()?;
        if MasterKey::lies_beside(&config.server.master_key, &config.server.data_dir) {
            tracing::warn!(
                "the master key lies beside what it seals: a copy of the data folder contains both; keep it elsewhere, \
                 and name it in [server.master_key]"
            );
        }
        let running = start(config).await?;
        let minutes = config.server.link_ttl_s / 60;
        let show = |root: &str, link: &str| {
            writeln!(
                std::io::stderr(),
                "The root credential, shown only once:\n\n  {root}\n\nA link that logs the first owner in once, within {minutes} \
                 minutes:\n\n  {link}\n"
            )
        };
        running.server.first_owner(show).await.map_err(anyhow::Error::from)?;
        tracing::info!(http = %running.http_at, operations = %running.operations_at, "listening");
        until_stopped(running.relay.clone(), running.stop(), signals).await
    })
}

/// `serve --only relay`. `in_vain` are settings that do nothing here.
pub(super) fn serve_relay(config: &Config, directory: &Path, in_vain: &[String]) -> Done {
    run(config, async |config| {
        for name in in_vain {
            tracing::warn!("{name}: does nothing with --only relay");
        }
        if std::env::var_os(MASTER_KEY_VARIABLE).is_some() {
            tracing::warn!(
                "{MASTER_KEY_VARIABLE} is set: a relay alone needs no secret; take it out of its environment"
            );
        }
        let signals = Signals::hear()?;
        let edge = edge::start(config, directory).await?;
        tracing::info!(http = %edge.http_at, operations = %edge.operations_at, "listening");
        until_stopped(edge.relay.clone(), edge.stop(), signals).await
    })
}

/// `dev`.
pub(super) fn dev(config: &Config, fresh: bool, json: bool) -> Done {
    if config.listen.address.starts_with("unix:") {
        return Err(usage(
            "`dev` prints URLs, so it must listen on a host and a port, not on a file",
        ));
    }
    let data = &config.server.data_dir;
    if fresh && !dev::is_ours(data) {
        let data = data.display();
        return Err(usage(&format!(
            "{data} has no dev.json, so it was not made by `dev`, which starts over only in its own folders"
        )));
    }
    run(config, async |config| {
        if let Some(aside) = fresh.then(|| dev::begin_again(data)).transpose()?.flatten() {
            tracing::info!(aside = %aside.display(), "starting over; the earlier files have been moved");
        }
        let signals = Signals::hear()?;
        dev::seal(config).await?;
        let running = start(config).await?;
        let kept = dev::keep(&running.server, &config.server.data_dir).await?;
        running.server.show_dev(kept.app());
        if let Some(classroom) = kept.classroom() {
            classroom.open(&running.server);
        }
        let shown =
            dev::show(&kept, running.http, running.operations, config.relay.tls.is_some(), json)?;
        let mut out = std::io::stdout();
        write!(out, "{shown}")?;
        out.flush()?;
        until_stopped(running.relay.clone(), running.stop(), signals).await
    })
}

/// The signals, handled before the first socket listens: whoever sees it listen may ask the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn hear() -> anyhow::Result<Self> {
        let hear = |kind| signal(kind).context("signals");
        // Once handled, the write fails with an error instead of ending the process.
        drop(hear(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self {
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
            hang_up: hear(SignalKind::hangup())?,
        })
    }
}

/// Serves until SIGTERM or SIGINT, then stops in order; a second signal stops at once. SIGHUP reloads the certificate
/// files.
async fn until_stopped(
    relay: Arc<Relay>,
    stop: impl Future<Output = bool>,
    signals: Signals,
) -> Done {
    let Signals { mut terminate, mut interrupt, mut hang_up } = signals;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => match relay.reload_tls() {
                Ok(()) => tracing::info!("certificate files loaded"),
                Err(error) => tracing::warn!(%error, "could not load the new certificate files; keeping the old ones"),
            },
        }
    }
    drop(relay);
    tracing::info!("stopping");
    tokio::select! {
        is_whole = stop => {
            if is_whole {
                tracing::info!("stopped");
            } else {
                tracing::warn!("stopped, although something still hung");
            }
            Ok(())
        }
        _ = terminate.recv() => Err(Failure::Refused(anyhow::anyhow!("stopped at once"))),
        _ = interrupt.recv() => Err(Failure::Refused(anyhow::anyhow!("stopped at once"))),
    }
}
