//! How often one token and one address may log in.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_server::Scope;
use stagedoor_tests::{Member, Stage, member::http};
use stagedoor_token::mint;

use super::{counted, in_time, trail_of};

const UPGRADE: &str = "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: stagedoor.v1\r\n";

#[tokio::test]
async fn one_tokens_login_rate_does_not_affect_others() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let login = json!({"op": "login", "token": stage.token("lobby", "anna", "host")?});
        let mut closed = None;
        for _ in 0..200 {
            let mut anna = stage.connect().await?;
            let answer = anna.ask(login.clone()).await?;
            if let Some(code) = answer["error"]["code"].as_str() {
                closed = Some((code.to_owned(), anna.closed().await?));
                break;
            }
        }
        let (code, closed) = closed.context("no login was refused")?;
        assert_eq!(
            (code.as_str(), closed.code, closed.reason.as_str()),
            ("rate_exceeded", 4103, "rate_exceeded")
        );
        let token = stage.token("lobby", "anna", "host")?;
        let head = format!("{UPGRADE}Authorization: Bearer {token}\r\n\r\n");
        let answer = http(stage.running.http, &head).await?;
        assert!(
            answer.starts_with("HTTP/1.1 429 ") && answer.contains("Retry-After: "),
            "{answer}"
        );
        assert!(answer.contains("\"rate_exceeded\""), "{answer}");
        let _ben = stage.join("lobby", "ben", "host").await?;
        let refused = counted(&backend, &trail_of(&stage, "code=rate_exceeded"), 1).await?;
        assert_eq!(refused[0]["user"], "anna");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_thousand_people_behind_one_address_get_in() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let mut seated = Vec::new();
        for number in 0..1_000 {
            seated.push(stage.join("webinar", &format!("u{number}"), "audience").await?);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_valid_token_is_accepted_despite_other_failures() -> Result<()> {
    in_time(async {
        let stage = Stage::with(|limits| {
            limits.address_logins_per_s = 1;
            limits.address_logins_burst = 5;
        })
        .await?;
        let mut codes = Vec::new();
        for _ in 0..20 {
            let mut stranger = Member::connect(stage.running.http).await?;
            codes.push(stranger.code(json!({"op": "login", "token": "nonsense"})).await?);
        }
        assert_eq!(codes[0], "token_invalid");
        assert_eq!(codes[19], "rate_exceeded");
        let _anna = stage.join("lobby", "anna", "host").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_address_has_a_login_rate_whatever_its_tokens() -> Result<()> {
    in_time(async {
        let stage = Stage::with(|limits| {
            limits.address_logins_per_s = 1;
            limits.address_logins_burst = 20;
        })
        .await?;
        let mut refused = 0;
        for number in 0..40 {
            let mut claims = stage.claims("lobby", "anna", "host")?;
            claims.jti = format!("t-{number}");
            let mut anna = stage.connect().await?;
            let login = json!({"op": "login", "token": mint(&claims, &stage.key)?});
            let answer = anna.ask(login).await?;
            refused += usize::from(answer["error"]["code"] == "rate_exceeded");
        }
        assert!((10..=20).contains(&refused), "{refused}");
        Ok(())
    })
    .await
}
