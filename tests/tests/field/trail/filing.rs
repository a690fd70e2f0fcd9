//! Which trail a record is in, and who may read it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Member, Stage};

use super::{Signing, all, counted, in_time, trail_of};

#[tokio::test]
async fn no_caller_writes_into_the_trail_of_another_app() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(|config| config.server.audit_repeat_window_s = 1).await?;
        let (backend, operator) = (stage.backend(&Scope::ALL).await?, stage.operator());
        let other = Signing::new(&stage).await?;
        let before = all(&operator, &other.trail("")).await?.len();
        let mint = json!({"room": "lobby", "user": "anna", "role": "host"});
        let revocation = json!({"target": {"user": "anna"}});
        for app in [other.app, 4_294_967_294] {
            let app = format!("/v1/apps/{app}");
            for (path, body) in [
                ("/tokens", Some(&mint)),
                ("/revocations", Some(&revocation)),
                ("/rooms/lobby/members/anna/kick", None),
                ("/rooms/lobby/members/anna/mute", None),
            ] {
                let answer = backend.ask("POST", &format!("{app}{path}"), body).await?;
                assert_eq!(answer.problem(), (403, "scope_missing"), "{path}");
            }
        }
        let answer = operator.ask("POST", "/v1/apps/4294967294/tokens", Some(&mint)).await?;
        assert_eq!(answer.problem(), (404, "app_unknown"));
        let key = backend.id()?;
        let foreign = counted(&operator, "/v1/audit?app=none&code=scope_missing", 8).await?;
        assert!(foreign.iter().all(|record| record["app"] == Value::Null));
        assert!(foreign.iter().all(|record| record["actor"] == key), "{foreign:?}");
        counted(&operator, "/v1/audit?app=none&code=app_unknown", 1).await?;
        assert_eq!(all(&operator, "/v1/audit?app=4294967294").await?, [] as [Value; 0]);
        assert_eq!(all(&operator, &other.trail("")).await?.len(), before);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn only_operators_read_records_of_no_app() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let (backend, operator) = (stage.backend(&Scope::ALL).await?, stage.operator());
        let stranger = Caller { to: stage.running.http, credential: "sd_x_y".into() };
        stranger.get(401, "GET", "/v1/apps", None).await?;
        let records = counted(&operator, "/v1/audit?kind=caller&app=none", 1).await?;
        let peer = records[0]["peer"].as_str().context("a peer")?;
        assert_eq!((&records[0]["code"], peer), (&json!("credential_invalid"), "127.0.0.1"));
        assert!(records[0]["request_id"].is_string());
        let answer = backend.ask("GET", "/v1/audit", None).await?;
        assert_eq!(answer.problem(), (403, "scope_missing"));
        let _anna = stage.join("lobby", "anna", "host").await?;
        let app = format!("/v1/audit?app={}&kind=door", stage.app);
        counted(&operator, &app, 1).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn records_are_found_by_token_actor_and_time() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let (backend, operator) = (stage.backend(&Scope::ALL).await?, stage.operator());
        let _anna = stage.join("lobby", "anna", "host").await?;
        let _ben = stage.join("lobby", "ben", "host").await?;
        let jti = stage.claims("lobby", "ben", "host")?.jti;
        counted(&backend, &trail_of(&stage, "kind=door"), 2).await?;
        let found = counted(&backend, &trail_of(&stage, &format!("jti={jti}")), 1).await?;
        assert_eq!(found[0]["user"], "ben");
        let mint = json!({"room": "lobby", "user": "carl", "role": "host"});
        let tokens = format!("/v1/apps/{}/tokens", stage.app);
        backend.get(201, "POST", &tokens, Some(&mint)).await?;
        operator.get(201, "POST", &tokens, Some(&mint)).await?;
        let key = backend.id()?;
        let by_key = all(&backend, &trail_of(&stage, &format!("actor={key}"))).await?;
        assert!(by_key.iter().all(|record| record["actor"] == key));
        assert_eq!(by_key.iter().filter(|record| record["kind"] == "token.mint").count(), 1);
        let root = all(&backend, &trail_of(&stage, "actor_kind=root&kind=token.mint")).await?;
        assert_eq!(root.len(), 1);
        let at = |record: &Value| record["at_ms"].as_u64().context("a time");
        let (first, last) = (at(&found[0])?, at(&root[0])?);
        let of = |from, to| trail_of(&stage, &format!("from_ms={from}&to_ms={to}"));
        assert!(!all(&backend, &of(first, last + 1)).await?.is_empty());
        for empty in [of(0, 1), of(last + 60_000, last + 120_000)] {
            assert_eq!(all(&backend, &empty).await?.len(), 0, "{empty}");
        }
        let bad = backend.ask("GET", &trail_of(&stage, "actor_kind=king"), None).await?;
        assert_eq!(bad.problem(), (400, "query_invalid"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_refusal_is_filed_under_the_app_of_its_key() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let (operator, other) = (stage.operator(), Signing::new(&stage).await?);
        let (of_stage, of_other) = (stage.app.0, other.app);
        let before = all(&operator, &trail_of(&stage, "")).await?.len();
        let foreign = other.token(|claims| claims["app"] = of_stage.into());
        let number = other.token(|claims| claims["sub"] = json!(7));
        let forged = format!("{}{}", &number[..number.len() - 43], "A".repeat(43));
        let header = number.split('.').next().context("a header")?;
        let no_json = stage.sign("no JSON");
        for (token, code, app, room, jti) in [
            (foreign, "app_mismatch", of_other, json!("lobby"), json!("t-signed")),
            (number.clone(), "claims_malformed", of_other, json!("lobby"), json!("t-signed")),
            (forged, "signature_invalid", of_other, Value::Null, Value::Null),
            (no_json, "claims_malformed", of_stage.into(), Value::Null, Value::Null),
        ] {
            let mut member = stage.connect().await?;
            member.ask(json!({"op": "login", "token": token})).await?;
            let path = format!("/v1/apps/{app}/audit?kind=door&code={code}");
            let found = counted(&operator, &path, 1).await?;
            assert_eq!((&found[0]["room"], &found[0]["jti"]), (&room, &jti), "{code} {found:?}");
        }
        let now = all(&operator, &trail_of(&stage, "")).await?.len();
        assert_eq!(now, before + 1, "another app's token is not in this one's trail");
        let unknown = format!(
            "{}.{}",
            header.replace(header, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Im5vbmUifQ"),
            number.split_once('.').context("claims")?.1
        );
        stage.connect().await?.ask(json!({"op": "login", "token": unknown})).await?;
        counted(&operator, "/v1/audit?app=none&code=key_unknown", 1).await?;
        Ok(())
    })
    .await
}

async fn make(operator: &Caller, id: u64) -> Result<()> {
    let new = json!({"name": "again", "id": id});
    operator.get(201, "POST", "/v1/apps", Some(&new)).await.map(drop)
}

#[tokio::test]
async fn a_recreated_app_does_not_show_the_old_ones_records() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let operator = stage.operator();
        let old = Signing::new(&stage).await?;
        let mut anna = Member::connect(stage.running.http).await?;
        anna.log_in(&old.token(|_| {})).await?;
        counted(&operator, &old.trail("kind=door"), 1).await?;
        let path = format!("/v1/apps/{}", old.app);
        operator.get(204, "DELETE", &path, None).await?;
        // At once, while the seat of the old app still ends.
        make(&operator, old.app).await?;
        drop(anna);
        let everything = format!("/v1/audit?app={}&kind=seat.left", old.app);
        counted(&operator, &everything, 1).await?;
        let shown = all(&operator, &old.trail("")).await?;
        let kinds: Vec<&str> = shown.iter().filter_map(|record| record["kind"].as_str()).collect();
        assert_eq!(kinds, ["app.create"]);
        let everything = all(&operator, &format!("/v1/audit?app={}", old.app)).await?;
        let kinds: Vec<&str> =
            everything.iter().filter_map(|record| record["kind"].as_str()).collect();
        assert!(kinds.contains(&"app.delete") && kinds.contains(&"door"), "{kinds:?}");
        operator.get(204, "DELETE", &path, None).await?;
        let answer = operator.ask("GET", &old.trail(""), None).await?;
        assert_eq!(answer.problem(), (404, "app_unknown"));
        Ok(())
    })
    .await
}
