//! A refusal has a number, by which the exact reason is found.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member, Stage, stage::sign};

async fn record_of(operator: &Caller, stage: &Stage, attempt: &Value) -> Result<Value> {
    let attempt = attempt.as_str().context("a number")?;
    let good = attempt.len() == 10 && attempt.starts_with("a_");
    anyhow::ensure!(good, "{attempt}");
    let path = format!("/v1/apps/{}/audit?attempt={attempt}", stage.app);
    let mut records = operator.records(&path, 1).await?;
    assert_eq!(records.len(), 1);
    records.pop().context("a record")
}

#[tokio::test]
async fn a_refused_login_has_a_number_with_the_exact_reason() -> Result<()> {
    let stage = Stage::start().await?;
    let forged = sign(stage.key.kid(), &[1; 32], &stage.claims_with(&json!({}))?);
    let mut member = stage.connect().await?;
    let answer = member.ask(json!({"op": "login", "token": forged})).await?;
    assert_eq!(answer["error"]["code"], "token_invalid");
    let record = record_of(&stage.operator(), &stage, &answer["error"]["attempt"]).await?;
    assert_eq!((&record["kind"], &record["code"]), (&json!("door"), &json!("signature_invalid")));
    assert_eq!(record["attempt"], answer["error"]["attempt"]);
    let none = format!("/v1/apps/{}/audit?attempt=a_00000000", stage.app);
    let none = stage.operator().get(200, "GET", &none, None).await?;
    assert_eq!(none["items"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_refused_renewal_has_a_number_too_and_its_own_count() -> Result<()> {
    let stage = Stage::start().await?;
    let mut member = stage.join("lobby", "anna", "host").await?;
    let other = stage.token("lobby", "ben", "host")?;
    let answer = member.ask(json!({"op": "renew", "token": other})).await?;
    assert_eq!(answer["error"]["code"], "user_mismatch");
    let record = record_of(&stage.operator(), &stage, &answer["error"]["attempt"]).await?;
    assert_eq!(record["kind"], "seat.renew_refused");
    let count = "stagedoor_relay_renewals_refused_total{code=\"user_mismatch\"}";
    assert_eq!(stage.metric(count).await?, 1);
    let logins = "stagedoor_relay_logins_refused_total{code=\"user_mismatch\"}";
    assert!(stage.metric(logins).await.is_err(), "no login was refused");
    Ok(())
}

#[tokio::test]
async fn a_refused_handshake_has_its_number_in_the_problem() -> Result<()> {
    let stage = Stage::start().await?;
    let forged = sign(stage.key.kid(), &[1; 32], &stage.claims_with(&json!({}))?);
    let tcp = tokio::net::TcpStream::connect(stage.running.http).await?;
    let bearer = format!("Bearer {forged}");
    let fields = [("authorization", &*bearer), ("sec-websocket-protocol", "stagedoor.v1")];
    let refused = Member::connect_over(tcp, &fields).await?;
    let response = refused.err().context("a refusal")?;
    let body = response.into_body().context("a body")?;
    let problem: Value = serde_json::from_slice(&body)?;
    assert_eq!(problem["code"], "token_invalid");
    let record = record_of(&stage.operator(), &stage, &problem["attempt"]).await?;
    assert_eq!(record["code"], "signature_invalid");
    Ok(())
}
