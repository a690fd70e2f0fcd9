//! The form of credentials: check digits, and what was given out before there were any.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};
use stagedoor_tests::stage::decode_secret;
use stagedoor_token::{Credential, CredentialKind, secret_of_text};

use super::{Open, text, within};

#[tokio::test]
async fn each_credential_made_has_its_form_and_works() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let made = open.api_key(json!({})).await?;
        let root = open.stage.operator().credential;
        for (given, kind) in
            [(text(&made["api_key"]), CredentialKind::ApiKey), (&root, CredentialKind::Root)]
        {
            assert_eq!(Credential::parse(given)?.kind(), kind);
            assert_eq!(open.tried(given).await?.0, 200);
        }
        let id = Credential::parse(text(&made["api_key"]))?.id();
        assert_eq!(made["id"], id);
        let path = format!("/v1/apps/{}/keys", open.stage.app);
        let key = open.stage.operator().get(201, "POST", &path, None).await?;
        assert_eq!(
            secret_of_text(text(&key["checked_secret"]))?,
            decode_secret(text(&key["secret"]))
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_wrong_check_is_refused_without_the_database() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let key = text(&open.api_key(json!({})).await?["api_key"]).to_owned();
        let root = open.stage.operator().credential;
        let mut database = open.database().await?;
        // From here on, each look-up of a credential is a fault.
        for table in ["api_keys", "root"] {
            let sql = format!("ALTER TABLE {table} RENAME TO away_{table}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut database).await?;
        }
        for good in [&key, &root] {
            assert_eq!(open.tried(good).await?.0, 500, "it is looked up");
            let last = if good.ends_with('0') { "1" } else { "0" };
            let mistyped = format!("{}{last}", &good[..good.len() - 1]);
            for wrong in [&*mistyped, &good[..good.len() - 1], &good.to_uppercase()] {
                assert_eq!(open.tried(wrong).await?, (401, "credential_invalid".into()), "{wrong}");
            }
        }
        Ok(())
    })
    .await
}

/// What was given out before credentials had check digits.
fn old(id: Option<&str>) -> (String, Vec<u8>) {
    let secret = URL_SAFE_NO_PAD.encode([0x5A; 32]);
    let hash = Sha256::digest(secret.as_bytes()).to_vec();
    (id.map_or_else(|| format!("sdroot_{secret}"), |id| format!("sd_{id}_{secret}")), hash)
}

#[tokio::test]
async fn credentials_without_a_check_work_until_rotated() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let made = open.api_key(json!({})).await?;
        let (new, id) = (text(&made["api_key"]), text(&made["id"]));
        let operator = open.stage.operator();
        let (old_key, hash) = old(Some(id));
        let (old_root, root_hash) = old(None);
        let mut database = open.database().await?;
        let query = sqlx::query("UPDATE api_keys SET hash = ? WHERE id = ?").bind(hash).bind(id);
        query.execute(&mut database).await?;
        assert_eq!(open.tried(new).await?.0, 401);
        assert_eq!(open.tried(&old_key).await?.0, 200);
        let path = format!("/v1/apps/{}/api-keys/{id}/rotate", open.stage.app);
        let rotated = operator.get(200, "POST", &path, None).await?;
        assert_eq!(rotated["id"], id);
        assert_eq!(open.tried(&old_key).await?.0, 401);
        assert_eq!(open.tried(text(&rotated["api_key"])).await?.0, 200);
        // A secret with a check has one spelling.
        let secret = &text(&rotated["api_key"])[22..65];
        assert_eq!(open.tried(&format!("sd_{id}_{secret}")).await?.0, 401);
        let query = sqlx::query("UPDATE root SET hash = ?, credential = NULL").bind(root_hash);
        query.execute(&mut database).await?;
        assert_eq!(open.tried(&operator.credential).await?.0, 401);
        assert_eq!(open.tried(&old_root).await?.0, 200);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_secret_is_replayed_in_neither_spelling() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let keys = format!("/v1/apps/{}/keys", open.stage.app);
        for (path, at, body) in [("/v1/apps", "/key", Some(r#"{"name":"a"}"#)), (&keys, "", None)] {
            let operator = open.stage.operator();
            let mut answers = Vec::new();
            for _ in 0..2 {
                let key = format!("Idempotency-Key: at{}\r\n", at.len());
                let answer = operator.ask_with("POST", path, &key, body).await?;
                answers.push(answer.body.pointer(at).context("a key")?.clone());
            }
            for secret in ["secret", "checked_secret"] {
                assert!(answers[0][secret].is_string(), "{answers:?}");
                assert!(answers[1][secret].is_null(), "{answers:?}");
            }
        }
        Ok(())
    })
    .await
}
