//! Actors: each has a kind, and each act of the API records actor, address and request.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Operation, Stage};

use super::{all, counted, in_time, trail_of};

const SPEC: &str = include_str!("../../../../spec/audit.md");

/// Every operation of the API that needs a scope.
fn operations(app: u32) -> Result<Vec<Operation>> {
    let all = stagedoor_tests::operations(app)?;
    Ok(all.into_iter().filter(|operation| operation.scope.is_some()).collect())
}

#[tokio::test]
async fn every_missing_scope_is_recorded() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let operator = stage.operator();
        let (reader, minter) =
            (stage.backend(&[Scope::RoomsRead]).await?, stage.backend(&[Scope::TokensMint]).await?);
        let operations = operations(stage.app.0)?;
        assert!(operations.len() > 30, "{}", operations.len());
        for Operation { name, method, path, body, .. } in &operations {
            let reads = method == "GET" && path.contains("/rooms");
            let caller = if reads { &minter } else { &reader };
            let answer = caller.ask(method, path, body.as_ref()).await?;
            assert_eq!(answer.problem(), (403, "scope_missing"), "{name}: {}", answer.body);
        }
        let count = operations.len() as u64;
        let records = counted(&operator, "/v1/audit?code=scope_missing", count).await?;
        for Operation { name: operation, path, .. } in &operations {
            let found = records.iter().find(|record| {
                let detail = record["detail"].as_str().unwrap_or_default();
                detail.to_lowercase() == operation.to_lowercase()
            });
            let record = found.with_context(|| format!("{operation} is not recorded"))?;
            assert_eq!(record["actor_kind"], "api_key");
            assert_eq!(record["peer"], "127.0.0.1");
            assert!(record["request_id"].is_string() && record["actor"].is_string());
            let own = path.contains(&stage.app.0.to_string());
            assert_eq!(record["app"], if own { json!(stage.app.0) } else { Value::Null });
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn each_act_records_actor_address_and_request() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let (backend, operator) = (stage.backend(&Scope::ALL).await?, stage.operator());
        let _anna = stage.join("lobby", "anna", "host").await?;
        let mut made = Vec::new();
        for Operation { name: operation, method, path, body, .. } in operations(stage.app.0)? {
            let is_end = operation == "delete /v1/apps/{app}";
            if method == "GET" || is_end {
                continue;
            }
            let caller = if operation == "post /v1/apps" { &operator } else { &backend };
            let fields = format!("X-Request-Id: act-{}\r\n", made.len());
            let body = body.map(|body| body.to_string());
            let answer = caller.ask_with(&method, &path, &fields, body.as_deref()).await?;
            if answer.status < 300 {
                made.push((operation, format!("act-{}", made.len())));
            }
        }
        assert!(made.len() >= 12, "{made:?}");
        let records = all(&operator, "/v1/audit?from_ms=0").await?;
        let kinds = SPEC.split("## Kinds").nth(1).and_then(|text| text.split("\n## ").next());
        let kinds = kinds.context("the spec has the section")?;
        for record in &records {
            let kind = record["kind"].as_str().context("a kind")?;
            assert!(kinds.contains(&format!("`{kind}`")), "{kind} is not in the spec");
        }
        for (operation, request) in made {
            let found = records.iter().find(|record| record["request_id"] == *request);
            let record = found.with_context(|| format!("{operation} has no record"))?;
            let root = operation == "post /v1/apps";
            assert_eq!(record["actor_kind"], if root { "root" } else { "api_key" }, "{operation}");
            assert_eq!(record["peer"], "127.0.0.1", "{operation}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_user_named_root_is_not_the_operator() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let (backend, operator) = (stage.backend(&Scope::ALL).await?, stage.operator());
        let mut root = stage.join("lobby", "root", "host").await?;
        let _ben = stage.join("lobby", "ben", "audience").await?;
        root.ok(json!({"op": "moderate", "verb": "ban", "user": "ben"})).await?;
        let revoke = format!("/v1/apps/{}/revocations", stage.app);
        let target = json!({"target": {"user": "carl"}});
        operator.get(201, "POST", &revoke, Some(&target)).await?;
        let target = json!({"target": {"user": "dora"}});
        let made = backend.get(201, "POST", &revoke, Some(&target)).await?;
        assert_eq!(made["actor_kind"], "api_key");
        let by = |kind: &str| trail_of(&stage, &format!("kind=revocation.add&actor_kind={kind}"));
        for (kind, actor, user) in [("user", "root", "ben"), ("root", "root", "carl")] {
            let records = counted(&backend, &by(kind), 1).await?;
            assert_eq!((&records[0]["actor"], &records[0]["user"]), (&json!(actor), &json!(user)));
        }
        let listed = backend.get(200, "GET", &revoke, None).await?;
        let mut kinds: Vec<&str> =
            (0..3).filter_map(|n| listed["items"][n]["actor_kind"].as_str()).collect();
        // What a member does is stored beside what the API does, in whichever order.
        kinds.sort_unstable();
        assert_eq!(kinds, ["api_key", "root", "user"]);
        Ok(())
    })
    .await
}

async fn change_roles(stage: &Stage, caller: &Caller, name: &str) -> Result<()> {
    let path = format!("/v1/apps/{}/roles/{name}", stage.app);
    let role = json!({"template": {"role": name, "rank": 1}});
    let answer = caller.ask("PUT", &path, Some(&role)).await?;
    anyhow::ensure!(answer.status < 300, "{}", answer.body);
    Ok(())
}

#[tokio::test]
async fn role_versions_record_the_kind_of_actor() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let (backend, operator) = (stage.backend(&Scope::ALL).await?, stage.operator());
        change_roles(&stage, &backend, "x").await?;
        change_roles(&stage, &operator, "y").await?;
        let versions = format!("/v1/apps/{}/roles/versions", stage.app);
        let versions = backend.get(200, "GET", &versions, None).await?;
        let kind = |n: usize| versions["items"][n]["actor_kind"].clone();
        assert_eq!((kind(0), kind(1)), (json!("root"), json!("api_key")));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_kick_over_the_api_is_recorded_for_its_api_key() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let _anna = stage.join("lobby", "anna", "host").await?;
        let member = format!("/v1/apps/{}/rooms/lobby/members/anna", stage.app);
        let role = json!({"role": "speaker"});
        backend.get(200, "POST", &format!("{member}/role"), Some(&role)).await?;
        backend.get(200, "POST", &format!("{member}/kick"), None).await?;
        let key = backend.id()?;
        for kind in ["revocation.add", "room.kick", "seat.role", "room.role"] {
            let path = trail_of(&stage, &format!("kind={kind}"));
            let records = counted(&backend, &path, 1).await?;
            assert_eq!(
                (&records[0]["actor"], &records[0]["actor_kind"]),
                (&json!(key), &json!("api_key")),
                "{kind}"
            );
        }
        Ok(())
    })
    .await
}
