//! `tokens/verify` discloses nothing about other apps.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{
    Caller, Stage,
    stage::{decode_secret, now_s},
};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};

use super::within;

async fn verify(backend: &Caller, app: AppId, token: &str) -> Result<Value> {
    let question = json!({"token": token});
    let path = format!("/v1/apps/{app}/tokens/verify");
    let mut told = backend.get(200, "POST", &path, Some(&question)).await?;
    told["now"] = Value::Null;
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn other_apps_tokens_have_an_unknown_key() -> Result<()> {
    within(
        30,
        Box::pin(async {
            let stage = Stage::start().await?;
            let operator = stage.operator();
            let backend = stage.backend(&Scope::ALL).await?;
            let made =
                operator.get(201, "POST", "/v1/apps", Some(&json!({"name": "other"}))).await?;
            let other = AppId(u32::try_from(made["app"].as_u64().context("an AppID")?)?);
            let path = format!("/v1/apps/{other}");
            let kid = made["key"]["kid"].as_str().context("a key id")?;
            let secret = decode_secret(made["key"]["secret"].as_str().context("a secret")?);
            let key = Key::hs256(other, kid, &secret, KeyState::Current)?;
            let wrong = Key::hs256(other, kid, &[1; 32], KeyState::Current)?;
            let nobodys = Key::hs256(other, "k_none", &[1; 32], KeyState::Current)?;
            let claims = Claims::builder(other, "host".parse()?)
                .room("r")
                .user("u")
                .jti("j")
                .lifetime(now_s(), 600)
                .build();
            let old = Claims { iat: 1_000, nbf: 1_000, exp: 1_600, ..claims.clone() };
            let later = Claims { nbf: now_s() + 300, ..claims.clone() };
            let odd = Claims { role: "king".parse()?, ..claims.clone() };
            let unknown = verify(&backend, stage.app, &mint(&claims, &nobodys)?).await?;
            assert_eq!(unknown["code"], "key_unknown");
            let mut tokens = vec![mint(&claims, &wrong)?];
            for claims in [&claims, &old, &later, &odd] {
                tokens.push(mint(claims, &key)?);
            }
            let seen = async || -> Result<()> {
                for token in &tokens {
                    assert_eq!(verify(&backend, stage.app, token).await?, unknown);
                }
                Ok(())
            };
            seen().await?;
            let ban = json!({"target": "app", "ban": true});
            operator.get(201, "POST", &format!("{path}/revocations"), Some(&ban)).await?;
            seen().await?;
            operator.get(200, "POST", &format!("{path}/keys/rotate"), None).await?;
            operator.get(200, "POST", &format!("{path}/keys/{kid}/retire"), None).await?;
            seen().await?;
            let own = verify(&backend, stage.app, &stage.token("r", "u", "host")?).await?;
            assert_eq!(own["code"], "ok");
            Ok(())
        }),
    )
    .await
}
