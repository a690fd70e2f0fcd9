//! Names that strangers invent add no series to the metrics, and no lasting memory.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use stagedoor_tests::Stage;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{process::Dev, within};

/// Requests of each kind.
const INVENTED: usize = 10_000;
/// Written at once on one connection.
const AT_ONCE: usize = 50;
/// The maximum growth of memory, in bytes: a small part of what is sent.
const GROWTH_BYTES_MAX: u64 = 24 * 1_024 * 1_024;

/// An unused name of this many bytes.
fn invented(n: usize, bytes: usize) -> String {
    let name: String = n.to_string().bytes().map(|digit| char::from(digit + 17)).collect();
    name.repeat(bytes / name.len() + 1)[..bytes.max(name.len())].to_owned()
}

/// Requests that differ in what a stranger may choose, by kind.
fn request(kind: usize, n: usize) -> String {
    let word = invented(n, 12);
    let long = invented(n, 7_000);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    match kind {
        0 => format!("{long} / HTTP/1.1\r\nHost: x\r\n\r\n"),
        1 => format!("{word} /v1/apps HTTP/1.1\r\nHost: x\r\n\r\n"),
        2 => format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        3 => format!("GET /v1/apps/{n}/{word}?{word}={long} HTTP/1.1\r\nHost: {word}\r\n\r\n"),
        4 => format!(
            "GET /v1/apps HTTP/1.1\r\nHost: x\r\nX-Request-Id: {word}\r\n\
             Authorization: Bearer sd_{word}_{long}\r\n\r\n"
        ),
        5 => format!(
            "GET /v1/connect HTTP/1.1\r\nHost: x\r\nOrigin: https://{word}.example\r\n{upgrade}\r\n"
        ),
        _ => format!(
            "{word} /v1/connect HTTP/1.1\r\nHost: x\r\nOrigin: https://{word}.example\r\n{upgrade}\r\n"
        ),
    }
}

const KINDS: usize = 7;

/// Sends requests on one connection, the last one closing it, and reads all that comes.
async fn send(to: SocketAddr, requests: &[String]) -> Result<usize> {
    let mut tcp = TcpStream::connect(to).await?;
    let all = requests.concat() + "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (mut read, mut write) = tcp.split();
    let mut answers = Vec::new();
    let writing = async {
        // It may close before it has read all.
        let _ = write.write_all(all.as_bytes()).await;
    };
    let reading = async {
        let _ = read.read_to_end(&mut answers).await;
    };
    tokio::join!(writing, reading);
    Ok(String::from_utf8_lossy(&answers).matches("HTTP/1.1 ").count())
}

/// The series of Prometheus' text.
fn series(metrics: &str) -> BTreeSet<String> {
    let lines = metrics.lines().filter(|line| line.starts_with("stagedoor_"));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name.to_owned()).collect()
}

async fn flood(dev: &Dev, times: usize) -> Result<()> {
    let to = dev.http()?;
    for kind in 0..KINDS {
        for from in (0..times).step_by(AT_ONCE) {
            let requests: Vec<_> = (from..from + AT_ONCE).map(|n| request(kind, n)).collect();
            // A refused upgrade ends its connection where it is the first request.
            let answers = send(to, &requests).await?;
            ensure!(answers >= 1, "kind {kind}: no answer");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_invented_names_add_no_series_or_memory() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let variables = [("STAGEDOOR_RELAY__ORIGINS", "[\"https://ours.example\"]")];
        let dev = Dev::start(folder.path(), &variables).await?;
        // The series after each kind occurred, and the memory after the first hundreds.
        flood(&dev, 500).await?;
        let (before, bytes) =
            (series(&dev.metrics().await?), dev.metric("process_resident_memory_bytes").await?);
        flood(&dev, INVENTED).await?;
        let after = series(&dev.metrics().await?);
        let added: Vec<_> = after.difference(&before).collect();
        let such: Vec<_> = added.iter().take(5).map(|name| &name[..name.len().min(120)]).collect();
        ensure!(added.is_empty(), "{} series more, such as {such:?}", added.len());
        // Memory goes back to the system a moment after it is freed.
        let mut grown = u64::MAX;
        for _ in 0..100 {
            grown = dev.metric("process_resident_memory_bytes").await?.saturating_sub(bytes);
            if grown < GROWTH_BYTES_MAX {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("{grown} bytes more");
    })
    .await
}

#[tokio::test]
async fn every_label_is_from_a_closed_set() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for (n, method) in ["GET", "POST", "BREW", "\u{47}ET2", "PROPFIND"].into_iter().enumerate()
        {
            for path in ["/", "/v1/apps", "/v1/apps/7/keys", "/nowhere", "/v1/apps/7/nowhere"] {
                let request = format!("{method} {path}{n} HTTP/1.1\r\nHost: x\r\n\r\n");
                send(stage.running.http, &[request]).await?;
                let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
                send(stage.running.http, &[request]).await?;
            }
        }
        let metrics =
            stagedoor_tests::member::http_get(stage.running.operations, "/metrics").await?;
        let document: serde_json::Value = serde_json::from_str(&stagedoor_server::openapi())?;
        let paths = document["paths"].as_object().context("paths")?;
        let pages = [
            "/",
            "/start",
            "/room/{*path}",
            "/web/{digest}/{*name}",
            "/classroom/{*path}",
            "/v1/openapi.json",
            "/reference",
            "/assets/{digest}/{*name}",
            "none",
        ];
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
        let mut seen = 0;
        for line in metrics.lines().filter(|l| l.starts_with("stagedoor_server_requests_total{")) {
            let label = |name: &str| {
                let rest = line.split(&format!("{name}=\"")).nth(1);
                rest.and_then(|rest| rest.split('"').next()).unwrap_or_default()
            };
            let (method, route) = (label("method"), label("route"));
            assert!(methods.contains(&method), "{line}");
            assert!(pages.contains(&route) || paths.contains_key(route), "{line}");
            seen += 1;
        }
        assert!(seen > 5, "{metrics}");
        assert!(metrics.contains("method=\"other\",route=\"none\""), "{metrics}");
        Ok(())
    })
    .await
}
