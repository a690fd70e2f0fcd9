//! Operators: made, changed, removed; the last owner stays.

use anyhow::{Context, Result};
use futures_util::future::join_all;
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage};

use super::{change, give, operator, service, token, within};

async fn refused(
    caller: &Caller,
    (method, path): (&str, &str),
    body: Option<Value>,
    problem: (u16, &str),
) -> Result<()> {
    let answer = caller.ask(method, path, body.as_ref()).await?;
    assert_eq!(answer.problem(), problem, "{method} {path}: {}", answer.body);
    Ok(())
}

#[tokio::test]
async fn an_operator_is_made_shown_changed_and_removed() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let root = stage.operator();
        let id = operator(&stage, "maria p", "person", "none").await?;
        let shown = root.get(200, "GET", "/v1/operators/maria%20p", None).await?;
        assert_eq!((&shown["id"], &shown["level"]), (&json!(id), &Value::Null));
        give(&stage, &id, "support").await?;
        change(&stage, &id, json!({"name": "maria", "level": "viewer"})).await?;
        let shown = root.get(200, "GET", &format!("/v1/operators/{id}"), None).await?;
        assert_eq!(shown["name"], "maria");
        assert_eq!(shown["apps"], json!([{"app": stage.app.0, "level": "support"}]));
        let team = format!("/v1/apps/{}/team", stage.app);
        let listed = root.get(200, "GET", &team, None).await?;
        assert_eq!(listed["items"][0]["name"], "maria");
        let one = root.get(200, "GET", &format!("{team}/maria"), None).await?;
        assert_eq!(one["level"], "support");
        root.get(204, "DELETE", &format!("{team}/maria"), None).await?;
        refused(&root, ("GET", &format!("{team}/maria")), None, (404, "operator_unknown")).await?;
        refused(&root, ("DELETE", &format!("{team}/maria")), None, (404, "operator_unknown"))
            .await?;
        root.get(204, "DELETE", "/v1/operators/maria", None).await?;
        refused(&root, ("GET", "/v1/operators/maria"), None, (404, "operator_unknown")).await?;
        let records = root.get(200, "GET", "/v1/audit?limit=200", None).await?;
        let kinds: Vec<&str> = records["items"]
            .as_array()
            .context("records")?
            .iter()
            .filter_map(|record| record["kind"].as_str())
            .filter(|kind| kind.starts_with("operator.") || kind.starts_with("team."))
            .collect();
        let newest_first =
            ["operator.delete", "team.remove", "operator.change", "team.put", "operator.create"];
        assert_eq!(kinds, newest_first);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn bad_input_of_the_team_has_its_codes() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| {
            config.server.operators_max = 2;
            config.server.operator_apps_max = 1;
        })
        .await?;
        let root = stage.operator();
        let id = operator(&stage, "a", "person", "none").await?;
        for (body, problem) in [
            (json!({"name": ""}), (422, "name_invalid")),
            (json!({"name": "a"}), (409, "operator_exists")),
            (json!({"name": "b", "level": "king"}), (422, "level_unknown")),
            (json!({"name": "b", "kind": "robot"}), (422, "body_invalid")),
        ] {
            refused(&root, ("POST", "/v1/operators"), Some(body), problem).await?;
        }
        operator(&stage, "b", "person", "none").await?;
        let third = Some(json!({"name": "c"}));
        refused(&root, ("POST", "/v1/operators"), third, (409, "operators_exceeded")).await?;
        let path = format!("/v1/operators/{id}");
        for (body, problem) in [
            (json!({"name": "b"}), (409, "operator_exists")),
            (json!({"name": null}), (422, "body_invalid")),
            (json!({"level": "king"}), (422, "level_unknown")),
        ] {
            refused(&root, ("PATCH", &path), Some(body), problem).await?;
        }
        let team = format!("/v1/apps/{}/team", stage.app);
        for (operator, level, problem) in [
            ("a", "owner", (422, "level_unknown")),
            ("a", "none", (422, "level_unknown")),
            ("nobody", "viewer", (404, "operator_unknown")),
        ] {
            let level = Some(json!({"level": level}));
            refused(&root, ("PUT", &format!("{team}/{operator}")), level, problem).await?;
        }
        give(&stage, "a", "viewer").await?;
        give(&stage, "a", "support").await?;
        let other = stage.running.server.create_app("other").await?.app;
        let level = Some(json!({"level": "viewer"}));
        let path = format!("/v1/apps/{other}/team/a");
        refused(&root, ("PUT", &path), level.clone(), (409, "team_exceeded")).await?;
        refused(&root, ("PUT", "/v1/apps/1/team/a"), level, (404, "app_unknown")).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nobody_gives_or_takes_a_level_above_their_own() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let team = format!("/v1/apps/{}/team", stage.app);
        for (name, level) in [("low", "viewer"), ("high", "admin")] {
            let id = operator(&stage, name, "person", "none").await?;
            give(&stage, &id, level).await?;
        }
        operator(&stage, "new", "person", "none").await?;
        let manager = stage
            .backend(&[Scope::TeamManage, Scope::AppsRead, Scope::RoomsRead, Scope::UsageRead])
            .await?;
        let level = |level: &str| Some(json!({"level": level}));
        let too_high = (422, "level_too_high");
        refused(&manager, ("PUT", &format!("{team}/new")), level("support"), too_high).await?;
        refused(&manager, ("PUT", &format!("{team}/high")), level("viewer"), too_high).await?;
        refused(&manager, ("DELETE", &format!("{team}/high")), None, too_high).await?;
        manager.get(200, "PUT", &format!("{team}/new"), level("viewer").as_ref()).await?;
        manager.get(204, "DELETE", &format!("{team}/low"), None).await?;
        let bounds = json!({"bounds": {"rooms": ["a"]}});
        let bounded = stage.limited(&[Scope::AppsAdmin], &bounds).await?;
        let beyond = (403, "bounds_exceeded");
        refused(&bounded, ("PUT", &format!("{team}/new")), level("viewer"), beyond).await?;
        // Of the deployment: a token of an owner that has one scope alone.
        let (id, _) = service(&stage, "boss", "owner").await?;
        let narrow = token(&stage, &id, &[Scope::DeploymentAdmin]).await?;
        let owner = Some(json!({"name": "x", "level": "owner"}));
        refused(&narrow, ("POST", "/v1/operators"), owner, too_high).await?;
        let admin = Some(json!({"level": "admin"}));
        refused(&narrow, ("PATCH", "/v1/operators/new"), admin, too_high).await?;
        Ok(())
    })
    .await
}

/// A person who is an owner, and the credential of a service account of the same level that acts in its place.
async fn owners(stage: &Stage, names: &[&str]) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(operator(stage, name, "person", "owner").await?);
    }
    Ok(ids)
}

#[tokio::test]
async fn the_last_owner_stays() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let root = stage.operator();
        let ids = owners(&stage, &["one", "two"]).await?;
        // A service account never logs in, so it is no owner who could be the last.
        service(&stage, "robot", "owner").await?;
        root.get(204, "DELETE", "/v1/operators/one", None).await?;
        let two = format!("/v1/operators/{}", ids[1]);
        let last = (409, "last_owner");
        refused(&root, ("DELETE", &two), None, last).await?;
        refused(&root, ("PATCH", &two), Some(json!({"level": "admin"})), last).await?;
        refused(&root, ("PATCH", &two), Some(json!({"disabled": true})), last).await?;
        root.get(204, "DELETE", "/v1/operators/robot", None).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn of_owners_who_are_removed_at_once_one_stays() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let names = ["a", "b", "c", "d"];
        owners(&stage, &names).await?;
        let root = stage.operator();
        let removals = names.map(|name| {
            let root = root.clone();
            async move { root.ask("DELETE", &format!("/v1/operators/{name}"), None).await }
        });
        let mut codes = Vec::new();
        for answer in join_all(removals).await {
            let answer = answer?;
            codes.push((answer.status, answer.body["code"].as_str().map(Into::into)));
        }
        codes.sort();
        let last: (u16, Option<String>) = (409, Some("last_owner".into()));
        assert_eq!(codes, [(204, None), (204, None), (204, None), last]);
        Ok(())
    })
    .await
}
