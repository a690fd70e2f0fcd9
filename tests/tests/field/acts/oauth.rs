//! Access tokens, and what is revoked by OAuth, under the acts of the field.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};
use stagedoor_bus::Bus as _;
use stagedoor_server::Scope;
use stagedoor_tests::{
    Answer, Caller, Stage,
    member::PATIENCE,
    oauth::{basic, form},
};
use tokio::{task::JoinSet, time::Instant};

use super::{Dice, child::Served, rounds, within};

const TOKEN: &str = "/oauth/token";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.body[name].as_str().unwrap_or("none");
    (answer.status, text("error"), text("code"))
}

/// The ids of the access tokens that a database holds, in order.
async fn stored(folder: &Path) -> Result<Vec<String>> {
    let file = folder.join("stagedoor.sqlite");
    let mut database = SqliteConnectOptions::new().filename(file).connect().await?;
    let rows = sqlx::query("SELECT id FROM access_tokens ORDER BY id");
    let rows = rows.fetch_all(&mut database).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// The ids in records of a kind, in order.
async fn recorded(root: &Caller, app: &Value, kind: &str, name: &str) -> Result<Vec<String>> {
    let path = format!("/v1/apps/{app}/audit?kind={kind}&limit=200");
    let told = root.get(200, "GET", &path, None).await?;
    let items = told["items"].as_array().context("records")?.iter();
    let id = |record: &Value| {
        let detail = record["detail"].as_str()?;
        let of = detail.split(' ').find_map(|part| part.strip_prefix(name))?;
        Some(of.to_owned())
    };
    let mut ids: Vec<String> =
        items.filter(|record| record["code"] == "ok").filter_map(id).collect();
    ids.sort();
    Ok(ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tokens_and_revocations_outlive_a_kill() -> Result<()> {
    within(60, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let client = served.backend()?;
        let (kept, _) = client.access_token(None).await?;
        let (ended, _) = client.access_token(None).await?;
        let revoked = client.as_client("/oauth/revoke", &[("token", &ended.credential)]).await?;
        assert_eq!(revoked.status, 200, "{}", revoked.body);
        let text = served.told["audience_token"].as_str().context("a token")?.to_owned();
        let revoked = client.as_client("/oauth/revoke", &[("token", &text)]).await?;
        assert_eq!(revoked.status, 200, "{}", revoked.body);
        served.kill().await?;
        let served = Served::start(folder.path()).await?;
        let to = served.operator()?.to;
        let kept = Caller { to, ..kept };
        kept.get(200, "GET", "/v1/me", None).await?;
        let ended = Caller { to, ..ended };
        let answer = ended.ask("GET", "/v1/me", None).await?;
        assert_eq!(answer.problem(), (401, "credential_invalid"));
        let client = Caller { to, ..client };
        let told = client.as_client("/oauth/introspect", &[("token", &text)]).await?;
        assert_eq!(told.body, serde_json::json!({"active": false}));
        served.kill().await
    })
    .await
}

/// Sends a form, and hangs up after a moment.
fn hang_up(to: SocketAddr, request: &str, after: Duration) -> std::io::Result<()> {
    let mut tcp = TcpStream::connect(to)?;
    tcp.write_all(request.as_bytes())?;
    std::thread::sleep(after);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_a_token_with_its_record() -> Result<()> {
    within(60, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let (client, mut dice) = (served.backend()?, Dice(14));
        let body = form(&[GRANT]);
        let request = format!(
            "POST {TOKEN} HTTP/1.1\r\nHost: test\r\n{}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            basic(client.id()?, &client.credential),
            body.len()
        );
        for n in 0..rounds(30) {
            // Some before the request is whole.
            let part = if n % 5 == 0 { &request[..request.len() - 7] } else { &*request };
            let (to, part, after) = (client.to, part.to_owned(), dice.moment());
            tokio::task::spawn_blocking(move || hang_up(to, &part, after)).await??;
        }
        // Nobody says when the last of them is done.
        let patience = Instant::now() + PATIENCE;
        loop {
            let before = stored(folder.path()).await?;
            let app = &served.told["app"];
            let ids = recorded(&served.operator()?, app, "access_token.create", "access_token=").await?;
            let after = stored(folder.path()).await?;
            if before == after && ids == after && !after.is_empty() {
                return Ok(());
            }
            assert!(Instant::now() < patience, "{ids:?} {after:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_stay_within_the_bound() -> Result<()> {
    within(60, async {
        let stage =
            Stage::configured(|config| config.server.access_tokens_per_client_max = 3).await?;
        let client = stage.backend(&[Scope::RoomsRead]).await?;
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let client = client.clone();
            tasks.spawn(async move { client.as_client(TOKEN, &[GRANT]).await });
        }
        let mut good = 0;
        while let Some(answer) = tasks.join_next().await {
            let answer = answer??;
            good += usize::from(answer.status == 200);
            let exceeded = (429, "temporarily_unavailable", "access_tokens_exceeded");
            assert!(answer.status == 200 || refusal(&answer) == exceeded, "{}", answer.body);
        }
        assert_eq!(good, 3);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_revoke_at_once_both_succeed() -> Result<()> {
    within(60, async {
        let stage = Stage::start().await?;
        let client = stage.backend(&[Scope::RoomsRead, Scope::TokensRevoke]).await?;
        let (access, _) = client.access_token(None).await?;
        let room = stage.token("lobby", "anna", "audience")?;
        let mut tasks = JoinSet::new();
        for text in [&access.credential, &room].into_iter().cycle().take(6) {
            let (client, text) = (client.clone(), text.clone());
            tasks
                .spawn(async move { client.as_client("/oauth/revoke", &[("token", &text)]).await });
        }
        while let Some(answer) = tasks.join_next().await {
            assert_eq!(answer??.status, 200);
        }
        assert_eq!(access.ask("GET", "/v1/me", None).await?.status, 401);
        let app = stage.app.0.into();
        let revoked = recorded(&stage.operator(), &app, "access_token.revoke", "revoked=").await?;
        assert_eq!(revoked, [access.id()?], "one of them did it");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_store_refuses_tokens_and_heals() -> Result<()> {
    within(60, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let client = served.backend()?;
        let (access, _) = client.access_token(None).await?;
        let file = folder.path().join("stagedoor.sqlite");
        let mut other = SqliteConnectOptions::new().filename(&file).connect().await?;
        let locked = other.begin_with("BEGIN EXCLUSIVE").await?;
        for (path, parameters) in [
            (TOKEN, &[GRANT][..]),
            ("/oauth/introspect", &[("token", "x")]),
            ("/oauth/revoke", &[("token", &access.credential)]),
        ] {
            let answer = client.as_client(path, parameters).await?;
            let expected = (503, "temporarily_unavailable", "store_unavailable");
            assert_eq!(refusal(&answer), expected, "{path}");
            assert!(answer.field("retry-after").is_some(), "{}", answer.head);
        }
        access.get(200, "GET", "/v1/me", None).await?;
        locked.rollback().await?;
        let patience = Instant::now() + PATIENCE;
        while client.as_client(TOKEN, &[GRANT]).await?.status != 200 {
            assert!(Instant::now() < patience, "it does not heal");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let revoked = client.as_client("/oauth/revoke", &[("token", &access.credential)]).await?;
        assert_eq!(revoked.status, 200, "{}", revoked.body);
        assert_eq!(access.ask("GET", "/v1/me", None).await?.status, 401);
        served.kill().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_and_comes_back_loses_no_token() -> Result<()> {
    within(60, async {
        let stage = Stage::configured(|config| {
            config.server.access_tokens_per_client_max = 2;
            config.server.revocation_prune_interval_s = 1;
        })
        .await?;
        let client = stage.backend(&[Scope::RoomsRead]).await?;
        let (first, _) = client.access_token(None).await?;
        let clock = stage.running.bus.clock();
        clock.put(86_400_000);
        assert_eq!(first.ask("GET", "/v1/me", None).await?.problem(), (401, "credential_expired"));
        // It asks again, which deletes nothing as long as the clock is not settled.
        let (second, _) = client.access_token(None).await?;
        second.get(200, "GET", "/v1/me", None).await?;
        clock.put(-86_400_000);
        first.get(200, "GET", "/v1/me", None).await?;
        // Jumps do not fill the store.
        let mut refused = 0;
        for _ in 0..6 {
            clock.put(86_400_000);
            let answer = client.as_client(TOKEN, &[GRANT]).await?;
            refused += usize::from(refusal(&answer).2 == "access_tokens_exceeded");
        }
        assert_eq!(refused, 4, "twice the bound is stored");
        Ok(())
    })
    .await
}
