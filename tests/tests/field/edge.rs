//! Strangers, proxies and operators at the edge: connections, addresses, files and stopping.

// A test's future is on its own stack, and nobody waits beside it.
#![allow(clippy::large_futures)]

#[path = "edge/addresses.rs"]
mod addresses;
#[path = "edge/callers.rs"]
mod callers;
#[path = "edge/folder.rs"]
mod folder;
#[path = "edge/hanging.rs"]
mod hanging;
#[path = "edge/process.rs"]
mod process;
#[path = "edge/proxies.rs"]
mod proxies;
#[path = "edge/series.rs"]
mod series;
#[path = "edge/stopping.rs"]
mod stopping;
#[path = "edge/upgrades.rs"]
mod upgrades;

use std::{future::Future, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long a whole test may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(90);

/// Fails a test that hangs.
async fn within<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(TEST_TIMEOUT, test).await.context("the test hung")?
}

/// One answer on a persistent connection: its head, and its body by `Content-Length`.
async fn one_answer(io: &mut (impl AsyncRead + Unpin)) -> Result<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.with_context(|| String::from_utf8_lossy(&head).into_owned())?);
        if head.len() > 65_536 {
            bail!("no end of a head");
        }
    }
    let head = String::from_utf8(head)?;
    let length = field(&head, "content-length").map_or(Ok(0), str::parse::<usize>)?;
    let mut body = vec![0; length];
    io.read_exact(&mut body).await?;
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}

/// A header field.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The status of a head.
fn status(head: &str) -> Result<u16> {
    Ok(head.split(' ').nth(1).context("a status")?.parse()?)
}
