//! A Stagedoor in its own process, which may be killed, short of disk, or given another wall clock.

use std::{
    fs::File,
    io::{Seek, Write},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use stagedoor_tests::{Caller, Member, binary::binary, member::PATIENCE};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

/// A process that is killed when this is dropped, and what it printed when it was up.
pub(super) struct Process {
    child: Child,
    told: Value,
    log: PathBuf,
}

/// How a process is started.
#[derive(Clone, Debug, Default)]
pub(super) struct Setting {
    environment: Vec<(&'static str, String)>,
    /// The largest file that it may write, in blocks of 1,024 bytes.
    file_blocks_max: Option<u64>,
}

impl Setting {
    pub(super) fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.environment.push((name, format!("{value}")));
        self
    }

    /// On a disk that takes no file larger than so many blocks of 1,024 bytes.
    pub(super) fn full_at(mut self, file_blocks_max: u64) -> Self {
        self.file_blocks_max = Some(file_blocks_max);
        self
    }

    /// Starts on a data folder.
    pub(super) async fn start(&self, data: &Path) -> Result<Process> {
        let mut command = match self.file_blocks_max {
            None => Command::new(binary()?),
            Some(blocks) => {
                let mut shell = Command::new("bash");
                let limit = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$0\" \"$@\"");
                shell.arg("-c").arg(limit).arg(binary()?);
                shell
            }
        };
        let here = "127.0.0.1:0";
        command.args(["dev", "--json", "--listen", here, "--operations", here, "--data"]).arg(data);
        command
            .env("STAGEDOOR_SERVER__RATE_PER_S", "100000")
            .env("STAGEDOOR_SERVER__RATE_BURST", "100000")
            .envs(self.environment.iter().map(|(name, value)| (*name, value)));
        let log = data.join("log");
        let said = File::options().create(true).append(true).open(&log)?;
        command.stdout(Stdio::piped()).stderr(said).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line).await?;
        let told = serde_json::from_str(&line).with_context(|| {
            format!("it said {line:?}: {}", std::fs::read_to_string(&log).unwrap_or_default())
        })?;
        Ok(Process { child, told, log })
    }
}

impl Process {
    /// A caller with every scope of the app.
    pub(super) fn caller(&self) -> Result<Caller> {
        let to = self.told["url"].as_str().context("a URL")?.trim_start_matches("http://");
        let credential = self.told["api_key"].as_str().context("an API key")?.into();
        Ok(Caller { to: to.parse()?, credential })
    }

    /// Below the app's own path.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/v1/apps/{}/{rest}", self.told["app"])
    }

    /// A new token.
    pub(super) async fn mint(&self, claims: Value) -> Result<String> {
        let minted = self.caller()?.get(201, "POST", &self.path("tokens"), Some(&claims)).await?;
        Ok(minted["token"].as_str().context("a token")?.to_owned())
    }

    /// A connection without a seat.
    pub(super) async fn connect(&self) -> Result<Member> {
        Member::connect(self.caller()?.to).await
    }

    /// A member in its seat.
    pub(super) async fn join(&self, room: &str, user: &str, role: &str) -> Result<Member> {
        let token = self.mint(json!({"room": room, "user": user, "role": role})).await?;
        let mut member = self.connect().await?;
        member.log_in(&token).await?;
        Ok(member)
    }

    /// What this process, and those before it on its folder, logged.
    pub(super) fn logged(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    /// What `/metrics` says.
    pub(super) async fn metrics(&self) -> Result<String> {
        self.operations("/metrics").await
    }

    /// Waits until `/readyz` says that it is ready.
    pub(super) async fn ready(&self) -> Result<()> {
        let wait = async {
            while !self.operations("/readyz").await?.starts_with("HTTP/1.1 200") {
                sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, wait).await.context("it is not ready")?
    }

    async fn operations(&self, path: &str) -> Result<String> {
        let to = self.told["operations"].as_str().context("a URL")?.trim_start_matches("http://");
        stagedoor_tests::member::http_get(to.parse()?, path).await
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<Self> {
        let id = self.child.id().context("it has ended")?.to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success());
        let status = timeout(PATIENCE, self.child.wait()).await??;
        ensure!(status.success(), "{status}");
        Ok(self)
    }

    /// Kills it, like a power cut.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }
}

/// A store that another process has locked, as a backup tool does, until this is dropped.
pub(super) struct Lock(SqliteConnection);

impl Lock {
    pub(super) async fn on(data: &Path) -> Result<Self> {
        let file = SqliteConnectOptions::new().filename(data.join("stagedoor.sqlite"));
        let mut connection = file.busy_timeout(PATIENCE).connect().await?;
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await?;
        Ok(Self(connection))
    }

    pub(super) async fn release(mut self) -> Result<()> {
        sqlx::query("ROLLBACK").execute(&mut self.0).await?;
        Ok(self.0.close().await?)
    }
}

/// A wall clock for a process: the real one, shifted by the content of a file.
pub(super) struct WallClock {
    folder: TempDir,
    shift: File,
}

/// Shifts only the wall clock, as an operator or a wrong time server does.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t none, *shift = &none;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int file = open(getenv("WALL_CLOCK_SHIFT"), O_RDONLY);
    void *page = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) shift = page;
}

int clock_gettime(clockid_t id, struct timespec *to) {
    if (!real) begin();
    int done = real(id, to);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) to->tv_sec += *shift;
    return done;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int done = clock_gettime(CLOCK_REALTIME, &now);
    to->tv_sec = now.tv_sec;
    to->tv_usec = now.tv_nsec / 1000;
    return done;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
"#;

impl WallClock {
    /// The real one, so far. Takes the C compiler that the build takes as well.
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("shim.c");
        std::fs::write(&source, SHIM)?;
        let library = folder.path().join("shim.so");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let mut command = std::process::Command::new(compiler);
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl");
        ensure!(command.status()?.success(), "the shim does not compile");
        let shift = File::create(folder.path().join("shift"))?;
        let mut wall_clock = Self { folder, shift };
        wall_clock.set(0)?;
        Ok(wall_clock)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The setting with which processes use this wall clock.
    pub(super) fn setting(&self) -> Setting {
        Setting::default()
            .with("LD_PRELOAD", self.path("shim.so").display())
            .with("WALL_CLOCK_SHIFT", self.path("shift").display())
    }

    /// Sets how far it is ahead of the real one, in seconds; negative: behind.
    pub(super) fn set(&mut self, shift_s: i64) -> Result<()> {
        self.shift.rewind()?;
        Ok(self.shift.write_all(&shift_s.to_ne_bytes())?)
    }
}
