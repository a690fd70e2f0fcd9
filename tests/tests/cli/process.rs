//! `dev` and `serve` as processes: what they keep, how they end, and their second socket.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use stagedoor_tests::{
    Member,
    binary::binary,
    member::{http, http_get},
};

use super::{Dev, run_with};

#[test]
fn a_second_dev_on_the_same_folder_has_the_same_app_and_key() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = Dev::start_in(folder.path(), &[])?;
    let told = first.told.clone();
    assert_eq!(first.stop()?.0, 0);
    let second = Dev::start_in(folder.path(), &[])?;
    for name in ["app", "kid", "secret", "api_key", "root"] {
        assert_eq!(second.told[name], told[name], "{name}");
    }
    assert_ne!(second.told["host_token"], told["host_token"]);
    Ok(())
}

#[tokio::test]
async fn sigterm_notifies_and_closes_members_and_exits_with_zero() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dev = Dev::start_in(folder.path(), &[("STAGEDOOR_RELAY__LIMITS__DRAIN_GRACE_MS", "300")])?;
    let mut member = Member::connect(dev.address("url")?).await?;
    member.log_in(dev.text("host_token")).await?;
    let stopping = tokio::task::spawn_blocking(move || dev.stop());
    let closing = member.event("closing").await?;
    assert_eq!(closing["next"], "now");
    assert_eq!(member.closed().await?.code, 4000);
    let (code, logged) = stopping.await??;
    assert_eq!(code, 0);
    assert!(logged.contains("stopping") && logged.contains("stopped"), "{logged}");
    Ok(())
}

#[test]
fn serve_shows_the_root_credential_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().display().to_string();
    let start = |listen: &str| {
        Command::new(binary()?)
            .args(["serve", "--data", &data, "--listen", listen, "--operations", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(anyhow::Error::from)
    };
    let mut shown = Vec::new();
    for _ in 0..2 {
        let mut child = start("127.0.0.1:0")?;
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        while !said.contains("listening") {
            said += &lines.next().context("it ended")??;
        }
        ensure!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?.success());
        said.extend(lines.map_while(std::result::Result::ok));
        assert_eq!(child.wait()?.code(), Some(0), "{said}");
        shown.push(said.contains("sdroot_"));
    }
    assert_eq!(shown, [true, false]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let output = start(&taken.local_addr()?.to_string())?.wait_with_output()?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&taken.local_addr()?.to_string()), "{said}");
    Ok(())
}

#[tokio::test]
async fn health_and_metrics_are_only_on_the_second_socket() -> Result<()> {
    let dev = Dev::start()?;
    let (public, operations) = (dev.address("url")?, dev.address("operations")?);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let here = http_get(operations, path).await?;
        assert!(here.starts_with("HTTP/1.1 200"), "{path}: {here}");
        let there = http_get(public, path).await?;
        assert!(there.starts_with("HTTP/1.1 404"), "{path}: {there}");
    }
    let posted = http(operations, "POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(posted.await?.starts_with("HTTP/1.1 405"));
    let seats = async || -> Result<String> {
        let text = http_get(operations, "/metrics").await?;
        let line = text.lines().find(|line| line.starts_with("stagedoor_relay_seats_taken "));
        Ok(line.unwrap_or_default().rsplit(' ').next().unwrap_or_default().to_owned())
    };
    assert_eq!(seats().await?, "0");
    let mut member = Member::connect(public).await?;
    member.log_in(dev.text("host_token")).await?;
    assert_eq!(seats().await?, "1");
    member.ok(serde_json::json!({"op": "leave"})).await?;
    member.closed().await?;
    assert_eq!(seats().await?, "0");
    Ok(())
}

#[test]
fn the_printed_openapi_document_is_the_specs() -> Result<()> {
    let printed = run_with(&["openapi"], &[], "")?;
    let spec = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/openapi.json");
    assert_eq!(printed.out.trim(), std::fs::read_to_string(spec)?.trim());
    Ok(())
}
