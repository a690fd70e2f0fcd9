//! Log lines about refusals: one line each, a bounded number per minute, and an exact count of the rest.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use stagedoor_tests::{
    Caller, Member,
    member::{PATIENCE, http},
    stage::{decode_secret, now_s, sign},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Dev;

/// More than the lines of a minute.
const FLOOD: usize = 10_000;
/// How long its answers may take.
const FLOOD_TIMEOUT: Duration = Duration::from_secs(60);

/// An expired token of the app.
fn expired(dev: &Dev) -> String {
    let now = now_s();
    let claims = json!({
        "app": dev.told["app"], "room": "lobby", "sub": "anna", "role": "host", "iat": now - 100, "nbf": now - 100,
        "exp": now - 50, "jti": "t-expired",
    });
    sign(dev.text("kid"), &decode_secret(dev.text("secret")), &claims.to_string())
}

/// The first line of the log that has all of these.
fn line(dev: &Dev, parts: &[&str]) -> Result<String> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let logged = dev.logged()?;
        let found = logged.lines().find(|line| parts.iter().all(|part| line.contains(part)));
        match found {
            Some(line) => return Ok(line.to_owned()),
            None if Instant::now() >= patience => bail!("no line has {parts:?}:\n{logged}"),
            None => std::thread::yield_now(),
        }
    }
}

#[tokio::test]
async fn each_kind_of_refusal_is_a_line_of_the_log() -> Result<()> {
    let dev = Dev::start()?;
    let to = dev.address("url")?;
    let (app, token) = (format!("app={}", dev.app()), expired(&dev));
    let mut refused = Member::connect(to).await?;
    assert_eq!(refused.code(json!({"op": "login", "token": token})).await?, "token_expired");
    let login = ["INFO", "login refused", "code=\"token_expired\"", &app, "room=\"lobby\""];
    line(&dev, &[&login[..], &["user=\"anna\"", "jti=\"t-expired\""]].concat())?;
    let query = "GET /v1/connect?token=x HTTP/1.1\r\nHost: x\r\n\r\n";
    assert!(http(to, query).await?.starts_with("HTTP/1.1 400"));
    line(&dev, &["INFO", "upgrade refused", "code=\"query_refused\"", "127.0.0.1"])?;
    let backend = Caller { to, credential: dev.text("api_key").into() };
    let tokens = format!("/v1/apps/{}/tokens", dev.app());
    let mint = json!({"room": "hall", "user": "ben", "role": "king"});
    backend.get(422, "POST", &tokens, Some(&mint)).await?;
    let call = ["INFO", "request refused", "code=\"role_unknown\"", "/v1/apps/{app}/tokens"];
    line(&dev, &[&call[..], &[&app, "room=\"hall\""]].concat())?;
    let room = format!("/v1/apps/{}/rooms/no%20body", dev.app());
    backend.get(404, "GET", &room, None).await?;
    line(&dev, &["request refused", "code=\"room_unknown\"", &app, "room=\"no body\""])?;
    assert!(http(to, "GET / HTTP/1.1\r\n\r\n").await?.starts_with("HTTP/1.1 400"));
    line(&dev, &["INFO", "request refused", "code=\"host_invalid\"", "127.0.0.1"])?;
    assert!(!dev.logged()?.contains(&token));
    Ok(())
}

/// How many refusals the log reports: lines, and those that it counts.
fn said(logged: &str) -> Result<(usize, usize)> {
    let (mut lines, mut counted) = (0, 0);
    for line in logged.lines() {
        if line.contains("some refusals were not logged") {
            let count = line.split("count=").nth(1).context("a count")?;
            let digits = count.split(|letter: char| !letter.is_ascii_digit()).next();
            counted += digits.context("digits")?.parse::<usize>()?;
        } else if line.contains("refused") {
            lines += 1;
        }
    }
    Ok((lines, counted))
}

#[tokio::test]
async fn a_flood_of_refusals_is_few_lines_and_fully_counted() -> Result<()> {
    let dev = Dev::start()?;
    let to = dev.address("url")?;
    let stranger = "GET /v1/apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sd_x_y\r\n";
    let last = format!("{stranger}Connection: close\r\n\r\n");
    let flood = format!("{stranger}\r\n").repeat(FLOOD - 1) + &last;
    let (mut reads, mut writes) = TcpStream::connect(to).await?.into_split();
    // The write half stays open, because closing it may cost the last answer.
    let writing =
        tokio::spawn(async move { writes.write_all(flood.as_bytes()).await.map(|()| writes) });
    let mut answers = String::new();
    timeout(FLOOD_TIMEOUT, reads.read_to_string(&mut answers)).await??;
    drop(writing.await??);
    assert_eq!(answers.matches("HTTP/1.1 4").count(), FLOOD);
    let (code, logged) = dev.stop()?;
    assert_eq!(code, 0);
    let (lines, counted) = said(&logged)?;
    // Two minutes may have begun meanwhile.
    assert!((60..=120).contains(&lines), "{lines} lines");
    assert_eq!(lines + counted, FLOOD);
    Ok(())
}

#[test]
fn the_bound_of_lines_is_set_by_the_configuration() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dev = Dev::start_in(folder.path(), &[("STAGEDOOR_LOG__REFUSALS_PER_MIN", "2")])?;
    for _ in 0..5 {
        assert_eq!(dev.run_as("sd_none", &["room", "list", &dev.app()])?.code, 1);
    }
    let (_, logged) = dev.stop()?;
    let (lines, counted) = said(&logged)?;
    assert!(lines >= 2 && lines + counted == 5, "{lines} lines, {counted} counted:\n{logged}");
    assert!(lines <= 4, "{lines} lines, also when a minute ended meanwhile");
    Ok(())
}

#[test]
fn debug_logs_no_database_statements() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dev = Dev::start_in(folder.path(), &[("STAGEDOOR_LOG__LEVEL", "debug")])?;
    dev.ok("root", &["app", "create", "more"])?;
    dev.ok("root", &["audit"])?;
    let (_, logged) = dev.stop()?;
    for word in ["sqlx", "SELECT", "INSERT", "PRAGMA"] {
        let found = logged.lines().find(|line| line.contains(word));
        assert_eq!(found, None, "{word} is in the log");
    }
    Ok(())
}
