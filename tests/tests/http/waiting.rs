//! The waiting room, as the app's backend admits from it.

use anyhow::Result;
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage};
use stagedoor_token::Roles;

/// A stage with a waiting audience, at most two admitted at once; its backend, and the room's path.
async fn stage() -> Result<(Stage, Caller, String)> {
    let stage = Stage::with(|limits| limits.admits_at_once_max = 2).await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let mut roles: Vec<Value> =
        Roles::built_in().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    for role in &mut roles {
        role["waits"] = (role["role"] == "audience").into();
    }
    let path = format!("/v1/apps/{}/roles", stage.app);
    backend.get(200, "PUT", &path, Some(&json!({"roles": roles}))).await?;
    let room = format!("/v1/apps/{}/rooms/lobby", stage.app);
    Ok((stage, backend, room))
}

#[tokio::test]
async fn the_backend_admits_a_list_and_then_all() -> Result<()> {
    let (stage, backend, room) = stage().await?;
    let mut waiting = Vec::new();
    for user in ["ada", "ben", "cem", "dan", "eve"] {
        waiting.push(stage.join("lobby", user, "audience").await?);
    }
    let admit = format!("{room}/admit");
    let list = json!({"users": ["eve", "nobody", "eve"]});
    let told = backend.get(200, "POST", &admit, Some(&list)).await?;
    assert_eq!(told, json!({"admitted": 1, "waiting": 0}));
    assert_eq!(waiting[4].event("grants_changed").await?["why"], "admitted");
    for left in [2, 0] {
        let told = backend.get(200, "POST", &admit, Some(&json!({"all": true}))).await?;
        assert_eq!(told, json!({"admitted": 2, "waiting": left}));
    }
    for member in &mut waiting[..4] {
        assert_eq!(member.event("grants_changed").await?["why"], "admitted");
    }
    let shown = backend.get(200, "GET", &room, None).await?;
    let waits = shown["members"].as_array().into_iter().flatten();
    assert_eq!(waits.filter(|member| member["waiting"] == true).count(), 0);
    let path = format!("/v1/apps/{}/audit?kind=room.admit", stage.app);
    let records = backend.records(&path, 3).await?;
    let mut details: Vec<_> =
        records.iter().filter_map(|record| record["detail"].as_str()).collect();
    details.sort_unstable();
    let expected = ["admitted=1 waiting=0", "admitted=2 waiting=0", "admitted=2 waiting=2"];
    assert_eq!(details, expected, "one record of each request");
    Ok(())
}

#[tokio::test]
async fn admitting_needs_users_or_all_and_the_right_scope() -> Result<()> {
    let (stage, backend, room) = stage().await?;
    let _anna = stage.join("lobby", "anna", "host").await?;
    let admit = format!("{room}/admit");
    for (body, field) in [
        (json!({}), "users"),
        (json!({"all": false}), "users"),
        (json!({"users": ["bob"], "all": true}), "all"),
        (json!({"users": vec!["b"; 2_001]}), "users"),
    ] {
        let refused = backend.ask("POST", &admit, Some(&body)).await?;
        assert_eq!(refused.problem(), (422, "body_invalid"), "{body}");
        assert_eq!(refused.body["field"], field, "{body}");
    }
    let bob = json!({"users": ["bob"]});
    let told = backend.get(200, "POST", &admit, Some(&bob)).await?;
    assert_eq!(told, json!({"admitted": 0, "waiting": 0}));
    let nowhere = format!("/v1/apps/{}/rooms/nowhere/admit", stage.app);
    let refused = backend.ask("POST", &nowhere, Some(&bob)).await?;
    assert_eq!(refused.problem(), (404, "room_unknown"));
    let reader = stage.backend(&[Scope::RoomsRead]).await?;
    let refused = reader.ask("POST", &admit, Some(&json!({"all": true}))).await?;
    assert_eq!(refused.problem(), (403, "scope_missing"));
    let path = format!("/v1/apps/{}/audit?kind=room.admit", stage.app);
    let records = backend.records(&path, 2).await?;
    let mut codes: Vec<_> = records.iter().filter_map(|record| record["code"].as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["ok", "room_unknown"]);
    Ok(())
}
