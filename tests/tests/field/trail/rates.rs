//! How often one token and one address may log in.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Stage, member::http};
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

/// A counter of the relay.
fn counter(stage: &Stage, line: &str) -> Result<u64> {
    let metrics = stage.running.relay.metrics();
    let found = metrics.lines().find_map(|found| found.strip_prefix(line)).unwrap_or(" 0");
    Ok(found.trim().parse()?)
}

#[tokio::test]
async fn failures_stop_an_address_before_its_tokens_are_read() -> Result<()> {
    in_time(async {
        let stage = Stage::with(|limits| {
            limits.login_refusals_per_s = 1;
            limits.login_refusals_burst = 5;
        })
        .await?;
        let operator = stage.operator();
        let (signed, _) = stage
            .token("lobby", "eve", "host")?
            .rsplit_once('.')
            .map_or_else(Default::default, |(signed, signature)| {
                (signed.to_owned(), signature.to_owned())
            });
        let forged = format!("{signed}.{}", "A".repeat(43));
        let begun = Instant::now();
        let mut codes = Vec::new();
        for _ in 0..60 {
            let mut stranger = stage.connect().await?;
            let answer = stranger.ask(json!({"op": "login", "token": forged})).await?;
            let error = &answer["error"];
            codes.push(error["code"].as_str().unwrap_or_default().to_owned());
            let closed = stranger.closed().await?;
            if error["code"] == "rate_limited" {
                assert_eq!((closed.code, closed.reason.as_str()), (4103, "rate_exceeded"));
                let retry_ms = error["retry_ms"].as_u64().context("when to try again")?;
                assert!((1..=1_001).contains(&retry_ms), "{retry_ms}");
            }
        }
        let looked_at = codes.iter().filter(|code| *code == "token_invalid").count() as u64;
        assert_eq!(codes[..5], vec!["token_invalid"; 5]);
        assert!(codes.iter().all(|code| code == "token_invalid" || code == "rate_limited"));
        let refilled = begun.elapsed().as_secs() + 1;
        assert!(looked_at <= 5 + refilled, "{looked_at} of 60 after {refilled} s");
        assert_eq!(counter(&stage, "stagedoor_relay_tokens_checked_total")?, looked_at);
        let refused = "stagedoor_relay_logins_refused_total{code=\"rate_limited\"}";
        assert_eq!(counter(&stage, refused)?, 60 - looked_at);

        let head = format!("{UPGRADE}Authorization: Bearer {forged}\r\n\r\n");
        let answer = http(stage.running.http, &head).await?;
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(
            answer.contains("Retry-After: ") && answer.contains("\"rate_limited\""),
            "{answer}"
        );
        let found = counted(&operator, "/v1/audit?code=rate_limited", 1).await?;
        assert!(found[0].get("user").is_none_or(Value::is_null), "{}", found[0]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_neighbour_gets_in_once_the_failures_stop() -> Result<()> {
    in_time(async {
        let stage = Stage::with(|limits| {
            limits.login_refusals_per_s = 2;
            limits.login_refusals_burst = 5;
        })
        .await?;
        let anna = stage.join("lobby", "anna", "host").await?;
        for _ in 0..8 {
            stage.connect().await?.ask(json!({"op": "login", "token": "nonsense"})).await?;
        }
        let mut ben = stage.connect().await?;
        let login = json!({"op": "login", "token": stage.token("lobby", "ben", "host")?});
        let answer = ben.ask(login.clone()).await?;
        assert_eq!(answer["error"]["code"], "rate_limited", "{answer}");
        let retry_ms = answer["error"]["retry_ms"].as_u64().context("when to try again")?;
        tokio::time::sleep(Duration::from_millis(retry_ms)).await;
        // Seats go on, and good logins take nothing from the bucket, however many there are.
        for number in 0..20 {
            stage.join("lobby", &format!("u{number}"), "audience").await?;
        }
        stage.connect().await?.ok(login).await?;
        drop(anna);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_ticket_is_good_while_the_address_is_stopped() -> Result<()> {
    in_time(async {
        let stage = Stage::with(|limits| {
            limits.login_refusals_per_s = 1;
            limits.login_refusals_burst = 3;
        })
        .await?;
        let mut claims = stage.claims("lobby", "anna", "host")?;
        claims.once = true;
        let login = json!({"op": "login", "token": mint(&claims, &stage.key)?});
        let seated = stage.connect().await?.ok(login).await?;
        for _ in 0..5 {
            stage.connect().await?.ask(json!({"op": "login", "token": "nonsense"})).await?;
        }
        let mut again = stage.connect().await?;
        again.ok(json!({"op": "login", "ticket": seated["ticket"]})).await?;
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
