//! Hanging clients keep the process neither from stopping nor from accepting others.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    one_answer,
    process::{self, Dev},
    within,
};

/// A request whose body does not come.
async fn hang(to: SocketAddr, root: &str) -> Result<TcpStream> {
    let mut tcp = TcpStream::connect(to).await?;
    let head = format!(
        "POST /v1/apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {root}\r\n\
         Content-Type: application/json\r\nContent-Length: 60\r\n\r\n{{"
    );
    tcp.write_all(head.as_bytes()).await?;
    Ok(tcp)
}

#[tokio::test]
async fn a_hanging_request_does_not_delay_the_stop() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let variables = [
            ("STAGEDOOR_LISTEN__STOP_TIMEOUT_MS", "1000"),
            ("STAGEDOOR_RELAY__LIMITS__DRAIN_GRACE_MS", "500"),
        ];
        let dev = Dev::start(folder.path(), &variables).await?;
        let root = dev.told["root"].as_str().context("the root credential")?.to_owned();
        let _hanging = [hang(dev.http()?, &root).await?, hang(dev.operations()?, &root).await?];
        let mut never_read = TcpStream::connect(dev.http()?).await?;
        never_read
            .write_all(&b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200))
            .await?;
        let mut half = TcpStream::connect(dev.operations()?).await?;
        half.write_all(b"GET /met").await?;
        let mut member = Member::connect(dev.http()?).await?;
        member.log_in(dev.told["host_token"].as_str().context("a token")?).await?;
        let begun = Instant::now();
        dev.signal("TERM")?;
        let ended = dev.ended().await?;
        let took = begun.elapsed();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(took < Duration::from_millis(500 + 1_000 + 500), "{took:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_members_the_stop_is_immediate() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let dev = Dev::start(folder.path(), &[]).await?;
        let root = dev.caller("root")?;
        root.get(200, "GET", "/v1/apps", None).await?;
        let mut idle = Vec::new();
        for (to, path) in [(dev.http()?, "/"), (dev.operations()?, "/metrics")] {
            let mut tcp = TcpStream::connect(to).await?;
            tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await?;
            one_answer(&mut tcp).await?;
            idle.push(tcp);
        }
        let mut member = Member::connect(dev.http()?).await?;
        member.log_in(dev.told["host_token"].as_str().context("a token")?).await?;
        member.ok(json!({"op": "leave"})).await?;
        member.closed().await?;
        drop(member);
        let begun = Instant::now();
        dev.signal("TERM")?;
        let ended = dev.ended().await?;
        let took = begun.elapsed();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(took < Duration::from_secs(1), "{took:?}");
        Ok(())
    })
    .await
}

/// A client that hangs in one of several ways; `n` chooses.
async fn hanging(to: SocketAddr, n: usize) -> Option<TcpStream> {
    let mut tcp = TcpStream::connect(to).await.ok()?;
    let said: &[u8] = match n % 4 {
        0 => b"",
        1 => b"GET /v1/conn",
        2 => b"POST /v1/apps HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n{",
        _ => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    tcp.write_all(said).await.ok()?;
    Some(tcp)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_files_and_many_hanging_somebody_logs_in() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let data = folder.path().display().to_string();
        let variables = [
            ("STAGEDOOR_HTTP__HEAD_TIMEOUT_MS", "1000"),
            ("STAGEDOOR_HTTP__BODY_TIMEOUT_MS", "1000"),
            ("STAGEDOOR_RELAY__LIMITS__LOGIN_TIMEOUT_MS", "1000"),
        ];
        let binary = stagedoor_tests::binary::binary()?.display().to_string();
        let mut limited = tokio::process::Command::new("sh");
        limited.args(["-c", "ulimit -n 200; exec \"$0\" \"$@\"", &binary]);
        limited.args(process::on_own_ports("dev", &data));
        let dev = Dev::of(process::own(limited, &variables)).await?;
        let to = dev.http()?;
        let mut held = Vec::new();
        for n in 0..1_500 {
            held.extend(hanging(to, n).await);
        }
        let token = dev.told["host_token"].as_str().context("a token")?;
        let begun = Instant::now();
        let mut member = loop {
            let mut member = match Member::connect(to).await {
                Ok(member) => member,
                Err(_) if begun.elapsed() < Duration::from_secs(15) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if member.log_in(token).await.is_ok() {
                break member;
            }
        };
        assert_eq!(member.ok(json!({"op": "members"})).await?["count"], 1);
        let files = dev.metric("process_open_fds").await?;
        assert!(files < 200, "{files}");
        let root = dev.caller("root")?;
        let created: Value = loop {
            let answer = Caller::ask(&root, "GET", "/v1/apps", None).await;
            match answer {
                Ok(answer) if answer.status == 200 => break answer.body,
                _ if begun.elapsed() < Duration::from_secs(15) => {}
                other => anyhow::bail!("{other:?}"),
            }
        };
        assert!(created["items"].is_array());
        dev.signal("TERM")?;
        let ended = dev.ended().await?;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let complaints = ended.err.matches("accepting failed").count();
        assert!(complaints <= 3, "{complaints} lines of the log: {}", ended.err);
        drop(held);
        Ok(())
    })
    .await
}
