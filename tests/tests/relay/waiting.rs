//! The waiting room: how many it holds, and how many of them one request admits.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::{App, Bus};
use stagedoor_server::Scope;
use stagedoor_tests::{Heard, Member, Stage};
use stagedoor_token::{Roles, mint};
use stagedoor_wire::limits::Limits;

/// A stage with a waiting audience, with roles and limits changed.
async fn stage(
    limits: impl FnOnce(&mut Limits),
    change: impl FnOnce(&mut Vec<Value>),
) -> Result<Stage> {
    let stage = Stage::with(limits).await?;
    let mut roles: Vec<Value> =
        Roles::built_in().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    role(&mut roles, "audience")["waits"] = true.into();
    change(&mut roles);
    set_roles(&stage, &roles).await?;
    Ok(stage)
}

async fn set_roles(stage: &Stage, roles: &[Value]) -> Result<()> {
    let roles = Roles::from_json(&serde_json::to_string(roles)?)?.into();
    let keys = vec![(&stage.key).into()];
    let (id, since_ms) = (stage.app, stage.since_ms(stage.app));
    let app = App { id, since_ms, keys, roles, second_login: None, token04: None };
    Ok(stage.running.bus.put_app(app).await?)
}

/// The role of this name.
fn role<'a>(roles: &'a mut [Value], name: &str) -> &'a mut Value {
    let at = roles.iter().position(|role| role["role"] == name).unwrap_or_default();
    &mut roles[at]
}

/// Members `name-0`, `name-1` and so on, with a role.
async fn join(stage: &Stage, name: &str, role: &str, count: usize) -> Result<Vec<Member>> {
    let mut all = Vec::new();
    for at in 0..count {
        all.push(stage.join("lobby", &format!("{name}-{at}"), role).await?);
    }
    Ok(all)
}

fn admit(whom: &Value) -> Value {
    let mut request = json!({"op": "moderate", "verb": "admit"});
    for (field, value) in whom.as_object().into_iter().flatten() {
        request[field] = value.clone();
    }
    request
}

/// The guests whose join a member heard of, up to its own next answer.
async fn joined(member: &mut Member) -> Result<Vec<String>> {
    member.ok(json!({"op": "ping"})).await?;
    let events = member.unheard().filter_map(|heard| match heard {
        Heard::Control(event) if event["ev"] == "joined" => Some(event["members"].clone()),
        _ => None,
    });
    let members = events.flat_map(|members| members.as_array().cloned().unwrap_or_default());
    let users = members.filter_map(|member| member["user"].as_str().map(ToOwned::to_owned));
    Ok(users.filter(|user| user.starts_with("a-")).collect())
}

#[tokio::test]
async fn a_waiting_room_holds_more_than_asks_max() -> Result<()> {
    let stage = stage(
        |limits| (limits.asks_max, limits.room_members_max) = (2, 9),
        |roles| role(roles, "speaker")["waits"] = false.into(),
    )
    .await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let waiting = join(&stage, "a", "audience", 5).await?;
    // Raised hands have their own bound, however many wait.
    let mut speakers = join(&stage, "s", "speaker", 3).await?;
    let ask = json!({"op": "ask", "role": "cohost"});
    speakers[0].ok(ask.clone()).await?;
    speakers[1].ok(ask.clone()).await?;
    assert_eq!(speakers[2].code(ask.clone()).await?, "asks_exceeded");
    speakers[1].ok(ask.clone()).await.context("in the place of its own")?;
    speakers[0].ok(json!({"op": "unask"})).await?;
    speakers[2].ok(ask.clone()).await.context("a place is free")?;
    assert_eq!(speakers[0].code(ask.clone()).await?, "asks_exceeded");
    anna.ok(json!({"op": "moderate", "verb": "decline", "user": "s-1"})).await?;
    speakers[0].ok(ask.clone()).await.context("another is free")?;
    drop(speakers.remove(2));
    while anna.event("ask_ended").await?["user"] != "s-2" {}
    speakers[1].ok(ask).await.context("a hand goes with its member")?;
    // The room bounds those who wait.
    let mut late = join(&stage, "z", "audience", 1).await?;
    let mut last = stage.connect().await?;
    let login = json!({"op": "login", "token": stage.token("lobby", "y", "audience")?});
    assert_eq!(last.code(login).await?, "room_full");
    assert!(late[0].code(json!({"op": "unask"})).await? == "ask_unknown" && waiting.len() == 5);
    Ok(())
}

#[tokio::test]
async fn a_host_admits_a_list_and_then_all() -> Result<()> {
    let stage = stage(|_| {}, |_| {}).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut waiting = join(&stage, "a", "audience", 5).await?;
    let list = json!({"users": ["a-3", "nobody", "a-1", "anna", "a-3"]});
    let told = anna.ok(admit(&list)).await?;
    assert_eq!(told, json!({"admitted": 2, "waiting": 0}));
    for at in [3, 1] {
        assert_eq!(waiting[at].event("grants_changed").await?["why"], "admitted", "{at}");
    }
    let again = anna.ok(admit(&list)).await?;
    assert_eq!(again, json!({"admitted": 0, "waiting": 0}), "they wait no longer");
    let all = anna.ok(admit(&json!({"all": true}))).await?;
    assert_eq!(all, json!({"admitted": 3, "waiting": 0}));
    for at in [0, 2, 4] {
        assert_eq!(waiting[at].event("grants_changed").await?["why"], "admitted", "{at}");
    }
    let mut told = joined(&mut anna).await?;
    told.sort_unstable();
    assert_eq!(told, ["a-0", "a-1", "a-2", "a-3", "a-4"]);
    let backend = stage.backend(&[Scope::AppsAdmin]).await?;
    let path = format!("/v1/apps/{}/audit?kind=moderate.admit", stage.app);
    let records = backend.records(&path, 5).await?;
    let mut users: Vec<_> = records.iter().filter_map(|record| record["user"].as_str()).collect();
    users.sort_unstable();
    assert_eq!(users, ["a-0", "a-1", "a-2", "a-3", "a-4"], "each in the trail");
    assert!(records.iter().all(|record| record["actor"] == "anna" && record["code"] == "ok"));
    Ok(())
}

#[tokio::test]
async fn a_member_without_the_right_admits_nobody() -> Result<()> {
    let stage = stage(
        |_| {},
        |roles| {
            role(roles, "cohost")["moderate"] = json!(["kick", "promote"]);
            role(roles, "speaker")["moderate"] = json!(["admit"]);
            role(roles, "speaker")["rank"] = json!(10);
            role(roles, "audience")["rank"] = json!(10);
        },
    )
    .await?;
    let mut waiting = join(&stage, "a", "audience", 2).await?;
    let mut carla = stage.join("lobby", "carla", "cohost").await?;
    for whom in [json!({"users": ["a-0"]}), json!({"all": true}), json!({"users": []})] {
        assert_eq!(carla.code(admit(&whom)).await?, "moderate_denied", "{whom}");
    }
    // A member of no higher rank has the right, but nobody to admit.
    let mut equal = stage.join("lobby", "eve", "speaker").await?;
    for whom in [json!({"users": ["a-0", "a-1"]}), json!({"all": true})] {
        let told = equal.ok(admit(&whom)).await?;
        assert_eq!(told, json!({"admitted": 0, "waiting": 0}), "{whom}");
    }
    assert_eq!(waiting[0].code(json!({"op": "unask"})).await?, "ask_unknown");
    let backend = stage.backend(&[Scope::AppsAdmin]).await?;
    let path = format!("/v1/apps/{}/audit?kind=moderate.admit", stage.app);
    // The first refusal; further ones are counted.
    let records = backend.records(&path, 1).await?;
    assert_eq!(records[0]["code"], "moderate_denied", "{records:?}");
    Ok(())
}

#[tokio::test]
async fn admit_needs_exactly_one_of_user_users_and_all() -> Result<()> {
    let stage = stage(|_| {}, |_| {}).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    for whom in [
        json!({}),
        json!({"all": false}),
        json!({"user": "bob", "all": true}),
        json!({"user": "bob", "users": ["bob"]}),
        json!({"users": ["bob"], "all": true}),
        json!({"users": "bob"}),
        json!({"users": [1]}),
        json!({"users": vec!["b"; 2_001]}),
    ] {
        assert_eq!(anna.code(admit(&whom)).await?, "request_invalid", "{whom}");
    }
    for verb in ["kick", "mute", "decline", "close"] {
        for whom in [json!({"users": ["bob"]}), json!({"all": true})] {
            let mut request = admit(&whom);
            request["verb"] = verb.into();
            assert_eq!(anna.code(request).await?, "request_invalid", "{verb} {whom}");
        }
    }
    let all = anna.ok(admit(&json!({"users": vec!["b"; 2_000]}))).await?;
    assert_eq!(all, json!({"admitted": 0, "waiting": 0}));
    Ok(())
}

#[tokio::test]
async fn one_request_admits_a_batch_and_counts_the_rest() -> Result<()> {
    let stage = stage(|limits| limits.admits_at_once_max = 2, |_| {}).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let waiting = join(&stage, "a", "audience", 5).await?;
    let users: Vec<String> = (0..4).map(|at| format!("a-{at}")).collect();
    let told = anna.ok(admit(&json!({"users": users}))).await?;
    assert_eq!(told, json!({"admitted": 2, "waiting": 2}), "of the list");
    let told = anna.ok(admit(&json!({"all": true}))).await?;
    assert_eq!(told, json!({"admitted": 2, "waiting": 1}));
    let told = anna.ok(admit(&json!({"all": true}))).await?;
    assert_eq!(told, json!({"admitted": 1, "waiting": 0}));
    assert_eq!(waiting.len(), 5);
    Ok(())
}

#[tokio::test]
async fn admitting_all_closes_nobody_for_being_slow() -> Result<()> {
    // Ninety members of more than a kilobyte each are more than may wait for a reader.
    const MEMBERS: usize = 90;
    let bound = |limits: &mut Limits| {
        (limits.outbox_bytes_max, limits.events_log_bytes_max) = (65_536, 65_536);
    };
    let stage = stage(bound, |_| {}).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut waiting = Vec::new();
    for at in 0..MEMBERS {
        let mut claims = stage.claims("lobby", &format!("a-{at}"), "audience")?;
        claims.meta = Some("m".repeat(1_024));
        let mut member = stage.connect().await?;
        member.log_in(&mint(&claims, &stage.key)?).await?;
        waiting.push(member);
        anna.event("asked").await?;
    }
    let (mut admitted, mut requests) = (0, 0);
    loop {
        let told = anna.ok(admit(&json!({"all": true}))).await?;
        admitted += told["admitted"].as_u64().context("a number")?;
        requests += 1;
        assert!(admitted + told["waiting"].as_u64().context("a number")? == MEMBERS as u64);
        if told["waiting"] == 0 {
            break;
        }
        assert_ne!(told["admitted"], 0, "each lets somebody in");
    }
    assert!(requests > 1);
    assert_eq!(joined(&mut anna).await?.len(), MEMBERS);
    for member in &mut waiting {
        member.ok(json!({"op": "ping"})).await?;
    }
    Ok(())
}

#[tokio::test]
async fn members_of_a_full_role_keep_waiting() -> Result<()> {
    let mut changed = Vec::new();
    let stage = stage(
        |_| {},
        |roles| {
            role(roles, "speaker")["caps"] = json!({"members_max": 2});
            let mut lobby = role(roles, "audience").clone();
            lobby["role"] = "foyer".into();
            roles.push(lobby);
            changed.clone_from(roles);
        },
    )
    .await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut speakers = join(&stage, "s", "speaker", 2).await?;
    for user in ["s-0", "s-1"] {
        let demote = json!({"op": "moderate", "verb": "demote", "user": user, "role": "foyer"});
        anna.ok(demote).await?;
    }
    let _other = stage.join("lobby", "otto", "speaker").await?;
    // With the role that they got, their tokens' privileges are theirs again.
    changed.retain(|role| role["role"] != "foyer");
    set_roles(&stage, &changed).await?;
    let told = anna.ok(admit(&json!({"all": true}))).await?;
    assert_eq!(told, json!({"admitted": 1, "waiting": 1}));
    let named = anna.ok(admit(&json!({"users": ["s-0", "s-1"]}))).await?;
    assert_eq!(named, json!({"admitted": 0, "waiting": 1}));
    while speakers[0].event("grants_changed").await?["role"] != "speaker" {}
    assert_eq!(speakers[1].code(json!({"op": "unask"})).await?, "ask_unknown", "it waits");
    Ok(())
}
