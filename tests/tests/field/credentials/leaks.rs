//! Leaks: what is reported and ours ends before the answer.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Member, stage::decode_secret};
use stagedoor_token::{Credential, CredentialKind, checked_secret};

use super::{Open, text, within};

impl Open {
    async fn report(&self, texts: &[&str], found_at: Option<&str>) -> Result<Vec<Value>> {
        let body = json!({"credentials": texts, "found_at": found_at});
        let answer = self.stage.operator().get(200, "POST", "/v1/leaks", Some(&body)).await?;
        Ok(answer["items"].as_array().context("items")?.clone())
    }

    async fn leaked(&self) -> Result<Vec<String>> {
        let path = "/v1/audit?kind=credential.leaked";
        let trail = self.stage.operator().get(200, "GET", path, None).await?;
        let items = trail["items"].as_array().context("items")?;
        Ok(items.iter().rev().map(|item| text(&item["detail"]).to_owned()).collect())
    }
}

#[tokio::test]
async fn a_leaked_api_key_ends_before_the_answer() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let made = open.api_key(json!({})).await?;
        let (key, id) = (text(&made["api_key"]), text(&made["id"]));
        let id_alone = Credential::make(CredentialKind::ApiKey, id, &[1; 32])?;
        let at = "https://example.com/paste/1";
        let items = open.report(&[&id_alone, "nothing of ours", key], Some(at)).await?;
        let kinds: Vec<&str> = items.iter().map(|item| text(&item["kind"])).collect();
        assert_eq!(kinds, ["unknown", "unknown", "api_key"], "only the full secret counts");
        assert_eq!((&items[2]["id"], &items[2]["state"]), (&json!(id), &json!("revoked")));
        assert_eq!(items[2]["app"], open.stage.app.0);
        assert_eq!(open.tried(key).await?, (401, "credential_invalid".into()));
        assert_eq!(open.report(&[key], None).await?[0]["state"], "ended", "still recognised");
        let told = open.leaked().await?;
        let detail = format!("kind=api_key id={id} state=revoked found_at={at}");
        assert_eq!(told, [detail, format!("kind=api_key id={id} state=ended")]);
        // Another secret makes it good again, and the leaked one is none of it.
        let path = format!("/v1/apps/{}/api-keys/{id}/rotate", open.stage.app);
        let body = json!({"overlap_s": 60});
        let rotated = open.stage.operator().get(200, "POST", &path, Some(&body)).await?;
        assert_eq!(open.tried(text(&rotated["api_key"])).await?.0, 200);
        assert_eq!(open.tried(key).await?.0, 401);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leaked_old_secret_ends_and_the_new_one_goes_on() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let made = open.api_key(json!({})).await?;
        let (old, id) = (text(&made["api_key"]), text(&made["id"]));
        let path = format!("/v1/apps/{}/api-keys/{id}/rotate", open.stage.app);
        let body = json!({"overlap_s": 3_600});
        let new = open.stage.operator().get(200, "POST", &path, Some(&body)).await?;
        let items = open.report(&[old], None).await?;
        assert_eq!((text(&items[0]["kind"]), text(&items[0]["state"])), ("api_key", "revoked"));
        assert_eq!(open.tried(old).await?.0, 401);
        assert_eq!(open.tried(text(&new["api_key"])).await?.0, 200);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leaked_root_credential_ends_with_its_report() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let key = text(&open.api_key(json!({})).await?["api_key"]).to_owned();
        let root = open.stage.operator().credential;
        let items = open.report(&[&root], None).await?;
        assert_eq!((text(&items[0]["kind"]), text(&items[0]["state"])), ("root", "revoked"));
        assert!(text(&items[0]["next"]).contains("stagedoor root reset"), "{items:?}");
        assert_eq!(items[0]["id"], Credential::parse(&root)?.id());
        assert_eq!(open.tried(&root).await?.0, 401);
        assert_eq!(open.tried(&key).await?.0, 200, "others go on");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leaked_tokens_seat_is_closed_before_the_answer() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let token = open.stage.token("lobby", "anna", "host")?;
        let mut anna = Member::connect(open.stage.running.http).await?;
        anna.log_in(&token).await?;
        let mut ben = open.stage.join("lobby", "ben", "host").await?;
        let altered = format!("{}x", &token[..token.len() - 1]);
        let items = open.report(&[&altered, &token], None).await?;
        assert_eq!(text(&items[0]["kind"]), "unknown");
        assert_eq!((text(&items[1]["kind"]), text(&items[1]["state"])), ("token", "revoked"));
        assert_eq!(items[1]["seats"], 1);
        let rooms = format!("/v1/apps/{}/rooms/lobby", open.stage.app);
        let room = open.stage.operator().get(200, "GET", &rooms, None).await?;
        assert_eq!(room["members"].as_array().map(Vec::len), Some(1), "{room}");
        let mut again = Member::connect(open.stage.running.http).await?;
        assert!(again.log_in(&token).await.is_err(), "it opens nothing");
        ben.ask(json!({"op": "ping", "id": 9})).await?;
        assert_eq!(open.report(&[&token], None).await?[0]["state"], "ended");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leaked_signing_key_is_compromised_in_each_spelling() -> Result<()> {
    within(async {
        for spelling in 0..2 {
            let open = Open::start(|_| {}).await?;
            let bytes = decode_secret(&open.stage.secret);
            let checked = checked_secret(bytes.first_chunk().context("32 bytes")?);
            let reported = [open.stage.secret.as_str(), &checked][spelling];
            let _anna = open.stage.join("lobby", "anna", "host").await?;
            let items = open.report(&[reported], None).await?;
            let found = (text(&items[0]["kind"]), text(&items[0]["state"]), text(&items[0]["id"]));
            assert_eq!(found, ("signing_key", "revoked", open.stage.key.kid()));
            assert_eq!(items[0]["seats"], 1, "its live seats are closed");
            // No token of it opens, even one that claims a later generation.
            let forged = open.stage.claims_with(&json!({"gen": 1_000_000, "jti": "t-forged"}))?;
            for token in [open.stage.token("lobby", "ben", "host")?, open.stage.sign(&forged)] {
                let mut member = Member::connect(open.stage.running.http).await?;
                assert!(member.log_in(&token).await.is_err());
            }
            let backend = open.stage.backend(&[Scope::TokensMint]).await?;
            let body = json!({"room": "lobby", "user": "carl", "role": "host"});
            let path = format!("/v1/apps/{}/tokens", open.stage.app);
            let minted = backend.get(201, "POST", &path, Some(&body)).await?;
            let mut carl = Member::connect(open.stage.running.http).await?;
            carl.log_in(text(&minted["token"])).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_report_is_bounded_and_keeps_no_credential() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let key = text(&open.api_key(json!({})).await?["api_key"]).to_owned();
        let operator = open.stage.operator();
        let many = vec!["x"; 101];
        let url = format!("https://example.com/?key={key}");
        for (body, field) in [
            (json!({"credentials": []}), "credentials"),
            (json!({"credentials": many}), "credentials"),
            (json!({"credentials": ["x".repeat(8_193)]}), "credentials"),
            (json!({"credentials": ["x"], "found_at": url}), "found_at"),
            (json!({"credentials": ["x"], "found_at": ""}), "found_at"),
            (json!({"credentials": ["x"], "found_at": "h".repeat(257)}), "found_at"),
            (
                json!({"credentials": ["secret-of-ours"], "found_at": "at/secret-of-ours"}),
                "found_at",
            ),
        ] {
            let answer = operator.ask("POST", "/v1/leaks", Some(&body)).await?;
            assert_eq!(answer.problem(), (422, "leak_invalid"), "{field}");
            assert_eq!(answer.body["field"], field);
            assert!(!answer.body.to_string().contains(&key));
        }
        assert_eq!(open.tried(&key).await?.0, 200, "nothing was done");
        let body = json!({"credentials": ["x"]});
        let answer = open.with(&key).ask("POST", "/v1/leaks", Some(&body)).await?;
        assert_eq!(answer.problem(), (403, "scope_missing"));
        open.report(&[&key], None).await?;
        let trail = operator.get(200, "GET", "/v1/audit?limit=200", None).await?.to_string();
        assert!(!trail.contains(&key) && !trail.contains(&key[22..65]));
        Ok(())
    })
    .await
}
