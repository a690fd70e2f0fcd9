//! Last use: what relays report about keys, and rotated keys that still sign.

use std::time::Duration;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_bus::{AppLife, Bus as _, Event};
use stagedoor_tests::Stage;
use stagedoor_token::{Claims, mint};

use super::{Keys, text, within};

/// Reports a use, as a relay does once a minute.
fn report(keys: &Keys, kid: &str, tokens: u64, iat_max: u64) {
    let id = keys.stage.app;
    let app = AppLife { id, since_ms: keys.stage.since_ms(id) };
    keys.stage.running.bus.emit(Event::KeyUsed { app, kid: kid.into(), tokens, iat_max });
}

/// Waits until so many tokens of a key are noted.
async fn noted(keys: &Keys, kid: &str, tokens: u64) -> Result<Value> {
    let wait = async {
        loop {
            let key = keys.listed(kid).await?;
            if key["tokens_verified"] == tokens {
                return anyhow::Ok(key);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.context("not noted")?
}

#[tokio::test]
async fn the_list_says_when_a_key_was_last_used() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let kid = keys.stage.key.kid().to_owned();
        assert_eq!(keys.listed(&kid).await?["last_used_ms"], Value::Null);
        let before_ms = keys.now_ms();
        let now_s = before_ms / 1_000;
        report(&keys, &kid, 3, now_s);
        report(&keys, "k_unknown", 3, now_s);
        report(&keys, &kid, 4, now_s - 60);
        let key = noted(&keys, &kid, 7).await?;
        assert_eq!(key["last_iat"], now_s, "the newest");
        assert!(key["last_used_ms"].as_u64().context("a time")? >= before_ms);
        assert_eq!(key["retiring_used_ms"], Value::Null);
        keys.put(31 * 86_400_000);
        assert_eq!(keys.listed(&kid).await?["tokens_verified"], 0, "of the last 30 days");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_relay_reports_by_itself_which_keys_it_took() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.relay.keys_used_interval_ms = 100).await?;
        let keys = Keys::of(stage).await?;
        let (old, claims) = (keys.stage.key.clone(), keys.stage.claims("lobby", "anna", "host")?);
        let before_ms = keys.now_ms();
        for iat in [claims.iat - 9, claims.iat, claims.iat - 5] {
            let claims = Claims { iat, nbf: iat, exp: iat + 600, ..claims.clone() };
            assert_eq!(keys.log_in(&mint(&claims, &old)?).await?, "ok");
        }
        let used = noted(&keys, old.kid(), 3).await?;
        assert_eq!(used["last_iat"], claims.iat, "the newest");
        assert!(used["last_used_ms"].as_u64().context("a time")? >= before_ms);

        // Not one that was refused before its key was proven.
        let forged = keys.stage.token("lobby", "anna", "host")?;
        let (signed, _) = forged.rsplit_once('.').context("a token")?;
        let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 32]));
        assert_eq!(keys.log_in(&forged).await?, "token_invalid");
        let rotated = keys.rotate(json!({"alg": "EdDSA"})).await?;
        let new = keys.key_of(&rotated["created"])?;
        assert_eq!(keys.login(&new).await?, "ok");
        noted(&keys, new.kid(), 1).await?;
        assert_eq!(keys.listed(old.kid()).await?["tokens_verified"], 3);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_rotated_key_that_still_signs_is_found_once() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let kid = keys.stage.key.kid().to_owned();
        keys.rotate(json!({})).await?;
        let rotated_s = keys.listed(&kid).await?["retiring_ms"].as_u64().context("a time")? / 1_000;
        report(&keys, &kid, 1, rotated_s);
        let key = noted(&keys, &kid, 1).await?;
        assert_eq!(key["retiring_used_ms"], Value::Null, "old tokens are as they should be");
        report(&keys, &kid, 1, rotated_s + 1);
        let key = noted(&keys, &kid, 2).await?;
        let found_ms = key["retiring_used_ms"].as_u64().context("found")?;
        report(&keys, &kid, 1, rotated_s + 2);
        assert_eq!(noted(&keys, &kid, 3).await?["retiring_used_ms"], found_ms, "once");
        let path = format!("/v1/apps/{}/audit?kind=key.retiring_used", keys.stage.app);
        let records = keys.operator.records(&path, 1).await?;
        assert_eq!(records.len(), 1);
        assert!(text(&records[0], "detail")?.contains(&kid));
        let counted = r#"stagedoor_server_audit_records_total{kind="key.retiring_used"}"#;
        assert_eq!(keys.stage.metric(counted).await?, 1);
        Ok(())
    })
    .await
}
