//! What was acknowledged survives the process, however it ends.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member, binary::binary};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

async fn start(data: &std::path::Path) -> Result<(Child, Value)> {
    let mut command = Command::new(binary()?);
    command
        .args(["dev", "--json", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0", "--data"])
        .arg(data);
    command
        .env("STAGEDOOR_SERVER__RATE_PER_S", "100000")
        .env("STAGEDOOR_SERVER__RATE_BURST", "100000");
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line).await?;
    Ok((child, serde_json::from_str(&line)?))
}

fn caller(told: &Value) -> Result<Caller> {
    let to = told["url"].as_str().context("a URL")?.trim_start_matches("http://").parse()?;
    Ok(Caller { to, credential: told["api_key"].as_str().context("an API key")?.into() })
}

/// Mints until the server is gone; returns the acknowledged ids.
async fn mint(caller: Caller, path: String, task: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0_u64.. {
        let body = json!({"room": "r", "user": format!("u{task}-{n}"), "role": "audience"});
        match caller.ask("POST", &path, Some(&body)).await {
            Ok(answer) if answer.status == 201 => {
                acknowledged.extend(answer.body["jti"].as_str().map(ToOwned::to_owned));
            }
            _ => break,
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_mint_is_lost_when_the_process_is_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut acknowledged = Vec::new();
    for round in 1..=3_u64 {
        let (mut child, told) = start(folder.path()).await?;
        let path = format!("/v1/apps/{}/tokens", told["app"]);
        let minting: Vec<_> = (0..4)
            .map(|task| tokio::spawn(mint(caller(&told).expect("it told"), path.clone(), task)))
            .collect();
        tokio::time::sleep(Duration::from_millis(150 + 70 * round)).await;
        child.start_kill()?;
        child.wait().await?;
        for task in minting {
            acknowledged.extend(task.await?);
        }
    }
    ensure!(acknowledged.len() > 20, "only {} mints", acknowledged.len());
    let (_child, told) = start(folder.path()).await?;
    let caller = caller(&told)?;
    let mut recorded = std::collections::HashSet::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/apps/{}/audit?kind=token.mint&limit=200{after}", told["app"]);
        let page = caller.get(200, "GET", &path, None).await?;
        let items = page["items"].as_array().context("items")?;
        recorded.extend(
            items.iter().filter_map(|record| record["jti"].as_str().map(ToOwned::to_owned)),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let lost: Vec<&String> = acknowledged.iter().filter(|jti| !recorded.contains(*jti)).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acknowledged.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apps_roles_survive_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut child, told) = start(folder.path()).await?;
    let path = format!("/v1/apps/{}/roles", told["app"]);
    let set = json!({"roles": [{"role": "chef", "rank": 9}]});
    let made = caller(&told)?.get(200, "PUT", &path, Some(&set)).await?;
    child.start_kill()?;
    child.wait().await?;
    let (_child, told) = start(folder.path()).await?;
    let caller = caller(&told)?;
    let found = caller.get(200, "GET", &path, None).await?;
    assert_eq!((&found["version"], &found["roles"]), (&json!(1), &made["roles"]));
    let mint = format!("/v1/apps/{}/tokens", told["app"]);
    let body = |role: &str| json!({"room": "r", "user": "u", "role": role});
    caller.get(201, "POST", &mint, Some(&body("chef"))).await?;
    let host = caller.ask("POST", &mint, Some(&body("host"))).await?;
    assert_eq!(host.problem(), (422, "role_unknown"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_survive_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut child, told) = start(folder.path()).await?;
    let app = format!("/v1/apps/{}", told["app"]);
    let asked = [
        json!({"target": {"user": "anna"}, "reason": "lost laptop"}),
        json!({"target": {"room_user": {"room": "r", "user": "ben"}}, "ban": true}),
    ];
    let before = caller(&told)?;
    let mint = |user: &str| json!({"room": "r", "user": user, "role": "audience"});
    let token = before.get(201, "POST", &format!("{app}/tokens"), Some(&mint("anna"))).await?;
    for asked in &asked {
        before.get(201, "POST", &format!("{app}/revocations"), Some(asked)).await?;
    }
    let listed = before.get(200, "GET", &format!("{app}/revocations"), None).await?;
    child.start_kill()?;
    child.wait().await?;
    let (_child, told) = start(folder.path()).await?;
    let after = caller(&told)?;
    assert_eq!(after.get(200, "GET", &format!("{app}/revocations"), None).await?, listed);
    let mut anna = Member::connect(after.to).await?;
    let login = json!({"op": "login", "token": token["token"]});
    assert_eq!(anna.code(login).await?, "token_revoked");
    let refused = after.ask("POST", &format!("{app}/tokens"), Some(&mint("ben"))).await?;
    assert_eq!(refused.problem(), (403, "banned"));
    let fresh = after.get(201, "POST", &format!("{app}/tokens"), Some(&mint("anna"))).await?;
    let fresh = fresh["token"].as_str().context("a token")?;
    Member::connect(after.to).await?.log_in(fresh).await.context("a token from after is hit")?;
    let third = json!({"target": {"user": "carl"}});
    let third = after.get(201, "POST", &format!("{app}/revocations"), Some(&third)).await?;
    assert_eq!(third["generation"], 3, "no number comes twice");
    Ok(())
}
