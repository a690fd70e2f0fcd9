//! What each level opens: every operation of the document, against the table of the specification.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Operation, Stage, operations};

use super::{give, operator, service, token, within};

const SPEC: &str = include_str!("../../../../spec/team.md");
const LEVELS: [&str; 5] = ["viewer", "support", "developer", "admin", "owner"];

/// The scopes that the specification's table gives a level, with those of the levels before it.
fn of_table(level: &str) -> Vec<&'static str> {
    let mut scopes = Vec::new();
    for row in SPEC.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let (Some(name), Some(own)) = (cells.next(), cells.next()) else { continue };
        let Some(at) = LEVELS.iter().position(|level| name == format!("`{level}`")) else {
            continue;
        };
        scopes.extend(own.split('`').filter(|text| text.contains(':')));
        if LEVELS[at] == level {
            break;
        }
    }
    scopes
}

/// Whether these scopes open one, by the table alone.
fn opens(scopes: &[&str], needed: &str) -> bool {
    scopes.contains(&needed)
        || (scopes.contains(&"apps:admin") && needed != "deployment:admin")
        || (scopes.contains(&"tokens:mint") && needed == "tokens:verify")
}

async fn ask(caller: &Caller, operation: &Operation, path: &str) -> Result<(u16, String, String)> {
    let answer = caller.ask(&operation.method, path, operation.body.as_ref()).await?;
    let text = |field: &str| answer.body[field].as_str().unwrap_or_default().to_owned();
    Ok((answer.status, text("code"), text("scope")))
}

#[test]
fn the_tables_levels_rise() {
    let counts = LEVELS.map(|level| of_table(level).len());
    assert_eq!(counts, [3, 7, 11, 12, 13]);
}

#[tokio::test]
async fn each_level_opens_the_operations_of_the_table() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.server.rate_burst = 100_000).await?;
        let all = operations(stage.app.0)?;
        assert!(all.iter().filter(|operation| operation.scope.is_some()).count() > 45);
        for level in LEVELS {
            let (_, everywhere) = service(&stage, level, level).await?;
            let mut callers = vec![(everywhere, true)];
            if level != "owner" {
                let id = operator(&stage, &format!("{level} of one"), "service", "none").await?;
                give(&stage, &id, level).await?;
                callers.push((token(&stage, &id, Scope::EVERY).await?, false));
            }
            let scopes = of_table(level);
            for (caller, is_everywhere) in callers {
                for operation in &all {
                    let Operation { name, scope, .. } = operation;
                    let doomed;
                    let path = if name == "delete /v1/apps/{app}" {
                        let app = stage.running.server.create_app("doomed").await?.app;
                        doomed = format!("/v1/apps/{app}");
                        &doomed
                    } else {
                        &operation.path
                    };
                    let answer = ask(&caller, operation, path).await?;
                    let needed = scope.as_deref();
                    if name == "post /v1/session" {
                        assert_eq!((answer.0, &*answer.1), (403, "csrf_refused"));
                        continue;
                    }
                    let is_open = needed.is_none_or(|needed| opens(&scopes, needed));
                    let refused = (403, "scope_missing".into(), needed.unwrap_or_default().into());
                    if is_open {
                        assert!(!matches!(answer.0, 401 | 403), "{level} {name}: {answer:?}");
                    } else {
                        assert_eq!(answer, refused, "{level} {name}");
                    }
                    // What is of another app, or of none, stays shut to a level in one app.
                    if !is_everywhere && path.contains(&stage.app.to_string()) && needed.is_some() {
                        let other = path.replace(&stage.app.to_string(), "4294967295");
                        let answer = ask(&caller, operation, &other).await?;
                        assert_eq!(answer, refused, "{level} of one app, {name} of another");
                    }
                }
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn apps_are_listed_as_far_as_levels_reach() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let other = stage.running.server.create_app("other").await?.app;
        let third = stage.running.server.create_app("third").await?.app;
        let listed = async |caller: &Caller, query: &str| {
            let page = caller.get(200, "GET", &format!("/v1/apps{query}"), None).await?;
            let items = page["items"].as_array().context("apps")?.clone();
            let apps = items.iter().filter_map(|app| app["app"].as_u64()).collect::<Vec<_>>();
            anyhow::Ok((apps, page["next"].clone()))
        };
        let (_, everywhere) = service(&stage, "all", "viewer").await?;
        assert_eq!(listed(&everywhere, "").await?.0.len(), 3);
        let id = operator(&stage, "two", "service", "none").await?;
        give(&stage, &id, "support").await?;
        let path = format!("/v1/apps/{other}/team/two");
        stage.operator().get(200, "PUT", &path, Some(&json!({"level": "viewer"}))).await?;
        let two = token(&stage, &id, &[Scope::AppsRead]).await?;
        let mut apps = [u64::from(stage.app.0), u64::from(other)];
        apps.sort_unstable();
        assert_eq!(listed(&two, "").await?.0, apps);
        let (first, next) = listed(&two, "?limit=1").await?;
        assert_eq!((first, next.as_str()), (vec![apps[0]], Some(&*apps[0].to_string())));
        assert_eq!(listed(&two, &format!("?after={}", apps[0])).await?.0, [apps[1]]);
        let me = two.get(200, "GET", "/v1/me", None).await?;
        let of_me: Vec<u64> = me["apps"]
            .as_array()
            .context("apps")?
            .iter()
            .filter_map(|app| app["app"].as_u64())
            .collect();
        assert_eq!((me["kind"].as_str(), of_me), (Some("service"), apps.to_vec()));
        // An app that is deleted takes its levels with it, so that a later one of the same number begins empty.
        stage.operator().get(204, "DELETE", &format!("/v1/apps/{other}"), None).await?;
        let again = json!({"name": "again", "id": other});
        stage.operator().get(201, "POST", "/v1/apps", Some(&again)).await?;
        assert_eq!(listed(&two, "").await?.0, [u64::from(stage.app.0)]);
        let _ = third;
        Ok(())
    })
    .await
}
