//! Roles of an app: changed over the API, kept in versions, used by the door and the mint.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage};

async fn mint(backend: &Caller, app: &str, role: &str) -> Result<(u16, Value)> {
    let body = json!({"room": "lobby", "user": "anna", "role": role});
    let answer = backend.ask("POST", &format!("{app}/tokens"), Some(&body)).await?;
    Ok((answer.status, answer.body))
}

fn names(set: &Value) -> Vec<&str> {
    set["roles"].as_array().into_iter().flatten().filter_map(|r| r["role"].as_str()).collect()
}

#[tokio::test]
async fn an_apps_own_roles_decide_at_mint_and_door() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::AppsAdmin, Scope::TokensMint]).await?;
    let app = format!("/v1/apps/{}", stage.app.0);
    let path = format!("{app}/roles");
    let first = backend.get(200, "GET", &path, None).await?;
    assert_eq!((&first["version"], &first["actor"]), (&json!(0), &json!(null)));
    assert_eq!(names(&first), ["audience", "cohost", "host", "observer", "speaker"]);

    let set = json!({"roles": [
        {"role": "chef", "rank": 9, "publish": {"streams": ["pan"], "kinds": ["data"], "streams_max": 1}},
        {"role": "guest", "subscribe": {"streams": ["*"], "from": ["chef"]}},
    ], "version": 0});
    let made = backend.get(200, "PUT", &path, Some(&set)).await?;
    assert_eq!((&made["version"], names(&made)), (&json!(1), vec!["chef", "guest"]));
    let (status, refused) = mint(&backend, &app, "host").await?;
    assert_eq!((status, &refused["code"]), (422, &json!("role_unknown")));
    let (status, token) = mint(&backend, &app, "chef").await?;
    assert_eq!(status, 201, "{token}");
    assert_eq!(token["grants"]["publish"]["streams"], json!(["pan"]));
    let mut chef = stage.connect().await?;
    chef.log_in(token["token"].as_str().context("a token")?).await?;
    chef.publish("pan", json!({})).await?;
    let pot = json!({"op": "publish", "stream": "pot", "kind": "data"});
    assert_eq!(chef.code(pot).await?, "publish_denied");
    let host = json!({"op": "login", "token": stage.token("lobby", "ben", "host")?});
    assert_eq!(stage.connect().await?.code(host).await?, "role_unknown");
    let others = stage.operator().get(201, "POST", "/v1/apps", Some(&json!({"name": "b"}))).await?;
    let others = format!("/v1/apps/{}/roles", others["app"]);
    assert_eq!(stage.operator().get(200, "GET", &others, None).await?["version"], 0, "of one app");
    Ok(())
}

#[tokio::test]
async fn in_the_webinar_set_only_host_and_cohost_get_questions() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::AppsAdmin]).await?;
    let set: Value = serde_json::from_str(include_str!("../../../examples/roles/webinar.json"))?;
    let path = format!("/v1/apps/{}/roles", stage.app);
    backend.get(200, "PUT", &path, Some(&json!({"roles": set}))).await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut cohost = stage.join("lobby", "cleo", "cohost").await?;
    let mut speaker = stage.join("lobby", "sam", "speaker").await?;
    let mut ben = stage.join("lobby", "ben", "audience").await?;
    let mut eve = stage.join("lobby", "eve", "audience").await?;
    for member in [&mut host, &mut cohost, &mut speaker, &mut eve] {
        member.subscribe(&["*"]).await?;
    }
    let camera = json!({"op": "publish", "stream": "cam", "kind": "video"});
    assert_eq!(ben.code(camera).await?, "publish_denied");
    let question = ben.publish("questions-ben", json!({"kind": "data"})).await?;
    ben.frame(question, true, b"why?").await?;
    assert_eq!(host.next_frame().await?, (question, true, "why?".into()));
    assert_eq!(cohost.next_frame().await?, (question, true, "why?".into()));
    // What follows is the first thing that the others receive.
    let answer = host.publish("cam", json!({})).await?;
    host.frame(answer, true, b"because").await?;
    for member in [&mut speaker, &mut eve] {
        assert_eq!(member.next_frame().await?, (answer, true, "because".into()));
    }
    Ok(())
}

#[tokio::test]
async fn each_change_is_a_version_that_can_be_shown_and_restored() -> Result<()> {
    let stage = Stage::configured(|config| config.server.role_versions_max = 3).await?;
    let backend = stage.backend(&[Scope::AppsAdmin]).await?;
    let path = format!("/v1/apps/{}/roles", stage.app.0);
    let put = json!({"template": {"role": "chef", "rank": 9}});
    let one = backend.get(200, "PUT", &format!("{path}/chef"), Some(&put)).await?;
    assert_eq!((&one["version"], names(&one).len()), (&json!(1), 6));
    let chef = backend.get(200, "GET", &format!("{path}/chef"), None).await?;
    assert_eq!((&chef["version"], &chef["template"]["rank"]), (&json!(1), &json!(9)));
    let stale = backend.ask("DELETE", &format!("{path}/chef?version=0"), None).await?;
    assert_eq!(stale.problem(), (409, "version_conflict"));
    let two = backend.get(200, "DELETE", &format!("{path}/chef?version=1"), None).await?;
    assert_eq!((&two["version"], names(&two).len()), (&json!(2), 5));
    let gone = backend.ask("GET", &format!("{path}/chef"), None).await?;
    assert_eq!(gone.problem(), (404, "role_unknown"));
    let restore = format!("{path}/versions/1/restore?version=2");
    let three = backend.get(200, "POST", &restore, None).await?;
    assert_eq!((&three["version"], &three["roles"]), (&json!(3), &one["roles"]));
    let four = backend.get(200, "POST", &format!("{path}/versions/0/restore"), None).await?;
    assert_eq!((&four["version"], names(&four).len()), (&json!(4), 5));
    assert_eq!(backend.get(200, "GET", &path, None).await?["version"], 4);

    let page = backend.get(200, "GET", &format!("{path}/versions?limit=2"), None).await?;
    let numbers = |page: &Value| -> Vec<u64> {
        let items = page["items"].as_array().into_iter().flatten();
        items.filter_map(|version| version["version"].as_u64()).collect()
    };
    assert_eq!((numbers(&page), &page["next"]), (vec![4, 3], &json!("3")));
    let rest = backend.get(200, "GET", &format!("{path}/versions?after=3"), None).await?;
    assert_eq!((numbers(&rest), &rest["next"]), (vec![2], &json!(null)), "three are kept");
    let old = backend.get(200, "GET", &format!("{path}/versions/3"), None).await?;
    assert_eq!(old["roles"], one["roles"]);
    let old = backend.ask("GET", &format!("{path}/versions/1"), None).await?;
    assert_eq!(old.problem(), (404, "version_unknown"));

    let audit = format!("/v1/apps/{}/audit?kind=roles.change", stage.app.0);
    let records = backend.get(200, "GET", &audit, None).await?;
    let records = records["items"].as_array().context("records")?;
    assert_eq!(records.len(), 4);
    assert_eq!((&records[2]["detail"], &records[2]["role"]), (&json!("version=2"), &json!("chef")));
    Ok(())
}

#[tokio::test]
async fn one_of_two_changes_of_a_version_is_made() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::AppsAdmin]).await?;
    let path = format!("/v1/apps/{}/roles", stage.app.0);
    let put = |role: &str| json!({"roles": [{"role": role}], "version": 0});
    let (a, b) = (put("a"), put("b"));
    let (a, b) =
        tokio::try_join!(backend.ask("PUT", &path, Some(&a)), backend.ask("PUT", &path, Some(&b)))?;
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let role = if a.status == 200 { "a" } else { "b" };
    assert_eq!(names(&backend.get(200, "GET", &path, None).await?), [role]);
    Ok(())
}

#[tokio::test]
async fn bad_roles_are_refused_with_role_and_field() -> Result<()> {
    let stage = Stage::configured(|config| config.server.roles_max = 2).await?;
    let backend = stage.backend(&[Scope::AppsAdmin]).await?;
    let path = format!("/v1/apps/{}/roles", stage.app.0);
    for (roles, field, detail) in [
        (
            r#"[{"role":"b"},{"role":"a","publish":{"kinds":["smell"]}}]"#,
            "roles[1].publish.kinds[0]",
            "role `a`: `publish.kinds[0]` must be one of `audio`",
        ),
        (r#"[{"role":"a","rank":1,"rank":2}]"#, "roles[0].rank", "role `a`: `rank` is given twice"),
        (r#"[{"role":"a"},{"role":"a"}]"#, "roles[1].role", "`a` is given twice"),
        (r#"[{"role":"a","odd":1}]"#, "roles[0].odd", "role `a`: `odd` is not one of `role`"),
        ("[]", "roles", "1 to 2 roles"),
        (r#"[{"role":"a"},{"role":"b"},{"role":"c"}]"#, "roles", "1 to 2 roles"),
        (r#""host""#, "roles", "list of templates"),
    ] {
        let body = format!("{{\"roles\":{roles}}}");
        let answer = backend.ask_with("PUT", &path, "", Some(&body)).await?;
        assert_eq!(answer.problem(), (422, "roles_invalid"), "{roles}");
        assert_eq!(answer.body["field"], field, "{roles}");
        let told = answer.body["detail"].as_str().unwrap_or_default();
        assert!(told.contains(detail), "{roles}: {told}");
    }
    let body = r#"{"template":{"role":"a","set":["a b"]}}"#;
    let one = backend.ask_with("PUT", &format!("{path}/a"), "", Some(body)).await?;
    assert_eq!(one.problem(), (422, "roles_invalid"));
    assert_eq!(one.body["field"], "template.set[0]");
    let named = json!({"template": {"role": "b"}});
    let other = backend.ask("PUT", &format!("{path}/a"), Some(&named)).await?;
    assert_eq!(other.problem(), (422, "roles_invalid"));
    let odd = json!({"roles": [{"role": "a"}], "versoin": 1});
    let odd = backend.ask("PUT", &path, Some(&odd)).await?;
    assert_eq!(odd.problem(), (422, "body_invalid"));
    let none = backend.ask("DELETE", &format!("{path}/none"), None).await?;
    assert_eq!(none.problem(), (404, "role_unknown"));
    assert_eq!(backend.get(200, "GET", &path, None).await?["version"], 0);

    let last = json!({"roles": [{"role": "a"}]});
    backend.get(200, "PUT", &path, Some(&last)).await?;
    let last = backend.ask("DELETE", &format!("{path}/a"), None).await?;
    assert_eq!(last.problem(), (422, "roles_invalid"), "a set has a role");

    let stranger = stage.backend(&[Scope::TokensMint, Scope::RoomsModerate]).await?;
    let body = json!({"roles": [{"role": "a"}]});
    for (method, below, body) in [
        ("GET", "", None),
        ("PUT", "", Some(&body)),
        ("DELETE", "/host", None),
        ("GET", "/versions", None),
        ("POST", "/versions/0/restore", None),
    ] {
        let answer = stranger.ask(method, &format!("{path}{below}"), body).await?;
        assert_eq!(answer.problem(), (403, "scope_missing"), "{method} {below}");
    }
    Ok(())
}
