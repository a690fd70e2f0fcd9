//! A key that leaked is ended by one request.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Member, Stage};
use stagedoor_token::{Claims, Key, mint};

use super::{Keys, text, within};

const SEATS: usize = 100;

async fn join(keys: &Keys, key: &Key, user: &str) -> Result<Member> {
    let claims =
        Claims { jti: format!("t-{user}"), ..keys.stage.claims("hall", user, "audience")? };
    let mut member = keys.stage.connect().await?;
    member.log_in(&mint(&claims, key)?).await?;
    Ok(member)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_ended_by_one_request() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let team = keys.key_of(&keys.make(json!({"line": "team"})).await?)?;
        let leaked = keys.stage.key.clone();
        let mut of_leaked = Vec::new();
        for n in 0..SEATS {
            of_leaked.push(join(&keys, &leaked, &format!("l{n}")).await?);
        }
        let mut other = join(&keys, &team, "other").await?;
        let token = keys.token(&leaked)?;
        let watching = of_leaked.into_iter().map(|mut member| {
            tokio::spawn(async move { anyhow::Ok((member.closed().await?.reason, Instant::now())) })
        });
        let watching: Vec<_> = watching.collect();
        let rotated = keys.rotate(json!({"compromised": true})).await?;
        let answered = Instant::now();
        assert_eq!(keys.log_in(&token).await?, "token_invalid", "from the answer on");
        assert_eq!(
            (&rotated["retired"], &rotated["retiring"]),
            (&json!(leaked.kid()), &Value::Null)
        );
        assert_eq!(rotated["seats"], SEATS);
        let mut late = Vec::new();
        for closed in watching {
            let (reason, at) = closed.await??;
            assert_eq!(reason, "token_revoked");
            late.push(at.saturating_duration_since(answered));
        }
        late.sort();
        assert!(late[SEATS * 99 / 100 - 1] < Duration::from_millis(100), "{late:?}");
        other.ok(json!({"op": "unask"})).await.map(drop).or_else(|_| anyhow::Ok(()))?;
        assert_eq!(keys.login(&team).await?, "ok", "other keys go on");
        let app = format!("/v1/apps/{}", keys.stage.app);
        let records = keys.operator.records(&format!("{app}/audit?kind=key.rotate"), 1).await?;
        assert_eq!(records.len(), 1, "one act, one record");
        assert!(text(&records[0], "detail")?.contains("compromised generation=1"));
        let revocations =
            keys.operator.get(200, "GET", &format!("{app}/revocations"), None).await?;
        let revocations = revocations["items"].as_array().context("revocations")?;
        assert_eq!(revocations.len(), 1);
        assert_eq!(revocations[0]["target"], json!({"key": leaked.kid()}));
        let added = format!("{app}/audit?kind=revocation.add");
        assert_eq!(keys.operator.records(&added, 0).await?, Vec::<Value>::new());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leak_is_ended_when_the_app_is_full() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| {
            config.server.keys_per_app_max = 2;
            config.server.revocations_per_app_max = 1;
        });
        let keys = Keys::of(stage.await?).await?;
        keys.make(json!({})).await?;
        let app = format!("/v1/apps/{}", keys.stage.app);
        let revoke = json!({"target": {"user": "u"}});
        keys.operator.get(201, "POST", &format!("{app}/revocations"), Some(&revoke)).await?;
        for _ in 0..3 {
            let rotated = keys.rotate(json!({"compromised": true})).await?;
            assert_eq!(keys.state(text(&rotated, "retired")?).await?, "retired");
        }
        Ok(())
    })
    .await
}
