//! Bounds of API keys: each of them, and that no operation reaches around them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_relay::ClientAddress;
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Caller, Stage};

/// A stage with an API key that opens everything in its app, within these bounds.
async fn bounded(bounds: Value) -> Result<(Stage, Caller, String)> {
    let stage = Stage::start().await?;
    let key = stage.limited(&Scope::ALL, &json!({"bounds": bounds})).await?;
    let app = format!("/v1/apps/{}", stage.app);
    Ok((stage, key, app))
}

/// A token's claims, some replaced.
fn token(change: &Value) -> Value {
    let mut claims = json!({"room": "team-a-1", "user": "anna", "role": "audience", "ttl_s": 60});
    if let (Some(claims), Some(change)) = (claims.as_object_mut(), change.as_object()) {
        claims.extend(change.clone());
    }
    claims
}

fn exceeds(answer: &Answer, bound: &str) -> Result<()> {
    ensure!(answer.problem() == (403, "bounds_exceeded"), "{}", answer.body);
    ensure!(answer.body["bound"] == bound, "{}", answer.body);
    Ok(())
}

#[tokio::test]
async fn a_key_of_team_a_mints_for_its_rooms_only() -> Result<()> {
    let (stage, key, app) =
        bounded(json!({"rooms": ["team-a-*", "hall"], "label": "team-a"})).await?;
    let path = format!("{app}/tokens");
    for room in ["team-a-1", "team-a-", "hall"] {
        let minted = key.get(201, "POST", &path, Some(&token(&json!({"room": room})))).await?;
        let mut member = stage.connect().await?;
        member.log_in(minted["token"].as_str().context("a token")?).await?;
    }
    for room in ["team-b-1", "team-a", "halls", "TEAM-A-1"] {
        let refused = key.ask("POST", &path, Some(&token(&json!({"room": room})))).await?;
        exceeds(&refused, "rooms").with_context(|| room.to_owned())?;
    }
    let operator = stage.operator();
    let minted = operator.records("/v1/audit?kind=token.mint&code=ok", 3).await?;
    assert!(minted.iter().all(|record| record["detail"] == "label=team-a"), "{minted:?}");
    let refused = operator.records("/v1/audit?kind=token.mint&code=bounds_exceeded", 1).await?;
    assert_eq!(refused[0]["detail"], "label=team-a");
    let twice = operator.records("/v1/audit?kind=caller&code=bounds_exceeded", 0).await?;
    assert!(twice.is_empty(), "a refused mint has one record: {twice:?}");
    Ok(())
}

#[tokio::test]
async fn each_bound_holds_what_a_key_mints() -> Result<()> {
    let stage = Stage::start().await?;
    let path = format!("/v1/apps/{}/tokens", stage.app);
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for (bounds, bound, within, beyond) in [
        (json!({"roles": ["audience"]}), "roles", json!({}), json!({"role": "host"})),
        (json!({"rank_max": 10}), "rank_max", json!({}), json!({"role": "speaker"})),
        (json!({"ttl_s_max": 60}), "ttl_s_max", json!({}), json!({"ttl_s": 61})),
        // The app's default is longer.
        (json!({"ttl_s_max": 60}), "ttl_s_max", json!({}), json!({"ttl_s": null})),
        (json!({"once": true}), "once", json!({"once": true}), json!({})),
        (json!({"bound": true}), "bound", json!({"cnf": {"jkt": jkt}}), json!({})),
        // What the seat gets when the token expires is given too.
        (
            json!({"roles": ["host"]}),
            "roles",
            json!({"role": "host", "at_exp": "close"}),
            json!({"role": "host", "at_exp": {"demote": "audience"}}),
        ),
    ] {
        let key = stage.limited(&[Scope::TokensMint], &json!({"bounds": bounds})).await?;
        key.get(201, "POST", &path, Some(&token(&within))).await.context(bounds.to_string())?;
        let refused = key.ask("POST", &path, Some(&token(&beyond))).await?;
        exceeds(&refused, bound).with_context(|| format!("{bounds} {beyond}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_key_asks_from_its_addresses_only() -> Result<()> {
    let stage = Stage::configured(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        config.listen.client_address = ClientAddress::XForwardedFor;
    })
    .await?;
    let how = json!({"bounds": {"addresses": ["192.0.2.0/24", "2001:db8::/32"]}});
    let key = stage.limited(&[Scope::RoomsRead], &how).await?;
    let rooms = format!("/v1/apps/{}/rooms", stage.app);
    for (from, status) in [
        ("192.0.2.7", 200),
        ("2001:db8::7", 200),
        ("::ffff:192.0.2.7", 200),
        ("192.0.3.7", 403),
        ("2001:db9::7", 403),
    ] {
        let field = format!("X-Forwarded-For: {from}\r\n");
        for path in [&*rooms, "/v1/me", "/v1/apps"] {
            let answer = key.ask_with("GET", path, &field, None).await?;
            let wrong = path == "/v1/apps";
            if status == 403 {
                assert_eq!(answer.problem(), (403, "address_refused"), "{from} {path}");
            } else {
                assert_eq!(answer.status == 200, !wrong, "{from} {path}: {}", answer.body);
            }
        }
    }
    let direct = key.ask("GET", &rooms, None).await?;
    assert_eq!(direct.problem(), (403, "address_refused"), "the proxy itself");
    let path = format!("/v1/audit?app={}&kind=caller&code=address_refused", stage.app);
    stage.operator().records(&path, 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_stolen_key_does_not_use_up_its_owners_rate() -> Result<()> {
    let stage = Stage::configured(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        config.listen.client_address = ClientAddress::XForwardedFor;
        config.server.rate_per_s = 1;
        config.server.rate_burst = 2;
        config.server.refusals_per_s = 1;
        config.server.refusals_burst = 3;
    })
    .await?;
    let how = json!({"bounds": {"addresses": ["192.0.2.7"]}});
    let key = stage.limited(&[Scope::RoomsRead], &how).await?;
    let ask = async |from: &str| {
        let field = format!("X-Forwarded-For: {from}\r\n");
        anyhow::Ok(key.ask_with("GET", "/v1/me", &field, None).await?.status)
    };
    for status in [403, 403, 403, 429, 429] {
        assert_eq!(ask("198.51.100.9").await?, status);
    }
    assert_eq!((ask("192.0.2.7").await?, ask("192.0.2.7").await?), (200, 200));
    Ok(())
}

#[tokio::test]
async fn bounds_of_the_wrong_form_name_their_field() -> Result<()> {
    let stage = Stage::start().await?;
    let path = format!("/v1/apps/{}/api-keys", stage.app);
    for (bounds, field) in [
        (r#"{"rooms":["a*b"]}"#, "bounds.rooms"),
        (r#"{"room":["a"]}"#, "bounds.room"),
        (r#"{"roles":["A"]}"#, "bounds.roles"),
        (r#"{"rank_max":65536}"#, "bounds.rank_max"),
        (r#"{"ttl_s_max":null}"#, "bounds.ttl_s_max"),
        (r#"{"once":1}"#, "bounds.once"),
        (r#"{"label":"a b"}"#, "bounds.label"),
        (r#"{"addresses":["192.0.2.1/24"]}"#, "bounds.addresses"),
        ("[]", "bounds"),
        ("7", "bounds"),
    ] {
        let body = format!(r#"{{"name":"n","scopes":["rooms:read"],"bounds":{bounds}}}"#);
        let refused = stage.operator().ask_with("POST", &path, "", Some(&body)).await?;
        assert_eq!(refused.problem(), (422, "bounds_invalid"), "{bounds}: {}", refused.body);
        let named = refused.body["field"].as_str().unwrap_or_default();
        assert!(named.starts_with(field), "{bounds}: {}", refused.body);
    }
    let none = r#"{"name":"n","scopes":["rooms:read"],"bounds":null}"#;
    let made = stage.operator().ask_with("POST", &path, "", Some(none)).await?;
    assert_eq!((made.status, &made.body["bounds"]), (201, &json!({})));
    Ok(())
}

#[tokio::test]
async fn nobody_gives_bounds_wider_than_its_own() -> Result<()> {
    let own = json!({
        "rooms": ["team-a-*"], "roles": ["audience", "speaker"], "rank_max": 50, "ttl_s_max": 900,
        "once": true, "bound": true, "label": "team-a", "addresses": ["127.0.0.0/8"],
    });
    let (stage, key, app) = bounded(own.clone()).await?;
    let path = format!("{app}/api-keys");
    let new = |bounds: &Value| json!({"name": "n", "scopes": ["tokens:mint"], "bounds": bounds});
    key.get(201, "POST", &path, Some(&new(&own))).await?;
    for (field, wider) in [
        ("rooms", json!(["team-*"])),
        ("roles", json!(["audience", "host"])),
        ("rank_max", json!(51)),
        ("ttl_s_max", json!(901)),
        ("once", json!(false)),
        ("bound", json!(false)),
        ("label", json!("team-b")),
        ("addresses", json!(["0.0.0.0/0"])),
    ] {
        let mut bounds = own.clone();
        bounds[field] = wider;
        let mut absent = own.clone();
        absent.as_object_mut().context("an object")?.remove(field);
        for bounds in [bounds, absent] {
            let refused = key.ask("POST", &path, Some(&new(&bounds))).await?;
            assert_eq!(refused.problem(), (422, "bounds_too_wide"), "{bounds}: {}", refused.body);
            assert_eq!(refused.body["field"], format!("bounds.{field}"), "{bounds}");
        }
    }
    let scopes = json!({"name": "n", "scopes": ["tokens:mint"], "bounds": own});
    let poor = stage.limited(&[Scope::CredentialsManage], &json!({"bounds": own})).await?;
    let refused = poor.ask("POST", &path, Some(&scopes)).await?;
    assert_eq!(refused.problem(), (403, "scope_missing"));
    assert_eq!(refused.body["scope"], "tokens:mint");
    Ok(())
}

#[tokio::test]
async fn api_keys_beyond_ones_bounds_are_out_of_reach() -> Result<()> {
    let (stage, key, app) = bounded(json!({"rooms": ["team-a-*"]})).await?;
    let path = format!("{app}/api-keys");
    let make = async |rooms: Value| {
        let new = json!({"name": "n", "scopes": ["rooms:read"], "bounds": rooms});
        let made = stage.operator().get(201, "POST", &path, Some(&new)).await?;
        Ok::<_, anyhow::Error>(made["id"].as_str().context("an id")?.to_owned())
    };
    let own = make(json!({"rooms": ["team-a-1"]})).await?;
    let (other, whole) = (make(json!({"rooms": ["team-b-1"]})).await?, make(json!({})).await?);
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = key.get(200, "GET", &format!("{path}?limit=1{after}"), None).await?;
        seen.extend(page["items"].as_array().context("keys")?.iter().map(|key| key["id"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 2, "its own, and the one within: {seen:?}");
    assert!(seen.contains(&json!(own)));
    for id in [&other, &whole] {
        let rotated = key.ask("POST", &format!("{path}/{id}/rotate"), None).await?;
        assert_eq!(rotated.problem(), (422, "bounds_too_wide"), "{}", rotated.body);
        assert_eq!(rotated.body["field"], "bounds.rooms");
        exceeds(&key.ask("DELETE", &format!("{path}/{id}"), None).await?, "rooms")?;
    }
    let rotated = key.get(200, "POST", &format!("{path}/{own}/rotate"), None).await?;
    assert_eq!(rotated["bounds"], json!({"rooms": ["team-a-1"]}));
    assert_eq!(key.ask("DELETE", &format!("{path}/{own}"), None).await?.status, 204);
    Ok(())
}

#[tokio::test]
async fn a_bounded_key_reads_and_moderates_its_rooms_only() -> Result<()> {
    let (stage, key, app) = bounded(json!({"rooms": ["team-a-*", "hall"], "rank_max": 50})).await?;
    let mut members = Vec::new();
    for room in ["aaa", "hall", "halls", "team-a-1", "team-a-2", "team-a-3", "team-b-1"] {
        members.push(stage.join(room, "anna", "audience").await?);
    }
    let mut listed = Vec::new();
    let mut after = String::new();
    loop {
        let page = key.get(200, "GET", &format!("{app}/rooms?limit=2{after}"), None).await?;
        let items = page["items"].as_array().context("rooms")?;
        listed.extend(items.iter().map(|room| room["room"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
        assert_eq!(items.len(), 2, "pages are full");
    }
    assert_eq!(listed, ["hall", "team-a-1", "team-a-2", "team-a-3"]);
    let of = |room: &str, verb: &str| format!("{app}/rooms/{room}/members/anna/{verb}");
    let message = json!({"to": "room", "data": 1});
    let acts = |room: &str| {
        [
            ("GET", format!("{app}/rooms/{room}"), None),
            ("POST", of(room, "mute"), None),
            ("POST", of(room, "unmute"), None),
            ("POST", of(room, "role"), Some(json!({"role": "speaker"}))),
            ("POST", format!("{app}/rooms/{room}/messages"), Some(message.clone())),
            ("POST", format!("{app}/rooms/{room}/admit"), Some(json!({"all": true}))),
            ("POST", of(room, "kick"), Some(json!({"ban": true}))),
            ("POST", of(room, "kick"), None),
            ("DELETE", format!("{app}/rooms/{room}"), None),
        ]
    };
    for (method, path, body) in acts("team-b-1") {
        exceeds(&key.ask(method, &path, body.as_ref()).await?, "rooms").context(path)?;
    }
    for verb in ["admit", "decline"] {
        exceeds(&key.ask("POST", &of("team-b-1", verb), None).await?, "rooms")?;
    }
    let host = json!({"role": "host"});
    exceeds(&key.ask("POST", &of("team-a-1", "role"), Some(&host)).await?, "rank_max")?;
    for (method, path, body) in acts("team-a-1") {
        let answer = key.ask(method, &path, body.as_ref()).await?;
        assert!(answer.status < 300 || answer.status == 404, "{method} {path}: {}", answer.body);
    }
    let records = stage.operator().records("/v1/audit?kind=caller&code=bounds_exceeded", 5).await?;
    assert!(records.iter().all(|record| record["app"] == stage.app.0), "{records:?}");
    Ok(())
}

#[tokio::test]
async fn a_raised_hand_is_granted_within_the_bounds_only() -> Result<()> {
    let (stage, key, app) = bounded(json!({"roles": ["audience"]})).await?;
    let wide = stage.limited(&Scope::ALL, &json!({"bounds": {"rank_max": 50}})).await?;
    let mut anna = stage.join("lobby", "anna", "audience").await?;
    anna.ok(json!({"op": "ask", "role": "speaker"})).await?;
    let admit = format!("{app}/rooms/lobby/members/anna/admit");
    exceeds(&key.ask("POST", &admit, None).await?, "roles")?;
    let seated = key.get(200, "GET", &format!("{app}/rooms/lobby"), None).await?;
    assert_eq!(seated["members"][0]["wants"], "speaker", "the hand is still raised: {seated}");
    wide.get(200, "POST", &admit, None).await?;
    let seated = key.get(200, "GET", &format!("{app}/rooms/lobby"), None).await?;
    assert_eq!(seated["members"][0]["member"]["role"], "speaker");
    let refused = stage.operator().records("/v1/audit?code=bounds_exceeded", 1).await?;
    assert_eq!((refused.len(), &refused[0]["kind"]), (1, &json!("room.admit")));
    Ok(())
}

#[tokio::test]
async fn a_bounded_key_revokes_in_its_rooms_only() -> Result<()> {
    let (stage, key, app) = bounded(json!({"rooms": ["team-a-*"], "roles": ["audience"]})).await?;
    let path = format!("{app}/revocations");
    let user = json!({"room": "team-a-1", "user": "anna"});
    let mut generations = Vec::new();
    for target in [
        json!({"room": "team-a-1"}),
        json!({"room_user": user}),
        json!({"room_role": {"room": "team-a-1", "role": "host"}}),
    ] {
        let made = key.get(201, "POST", &path, Some(&json!({"target": target}))).await?;
        generations.push(made["generation"].clone());
    }
    for target in [
        json!({"room": "team-b-1"}),
        json!({"room_user": {"room": "team-b-1", "user": "anna"}}),
        json!({"room_role": {"room": "team-b-1", "role": "host"}}),
        json!({"jti": "t"}),
        json!({"user": "anna"}),
        json!({"role": "host"}),
        json!({"key": stage.key.kid()}),
        json!("app"),
    ] {
        let refused = key.ask("POST", &path, Some(&json!({"target": target}))).await?;
        exceeds(&refused, "rooms").with_context(|| target.to_string())?;
        let made =
            stage.operator().get(201, "POST", &path, Some(&json!({"target": target}))).await?;
        let lift = format!("{path}/{}", made["generation"]);
        exceeds(&key.ask("DELETE", &lift, None).await?, "rooms")?;
        stage.operator().ask("DELETE", &lift, None).await?;
    }
    let demote = json!({"target": {"room": "team-a-1"}, "then": {"demote": "speaker"}});
    exceeds(&key.ask("POST", &path, Some(&demote)).await?, "roles")?;
    for target in [json!({"user": "ben"}), json!("app")] {
        stage.operator().get(201, "POST", &path, Some(&json!({"target": target}))).await?;
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = key.get(200, "GET", &format!("{path}?limit=1{after}"), None).await?;
        let items = page["items"].as_array().context("revocations")?;
        seen.extend(items.iter().map(|entry| entry["generation"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.reverse();
    assert_eq!(seen, generations, "those of its rooms, on pages that begin where all do");
    let lift = key.ask("DELETE", &format!("{path}/{}", generations[0]), None).await?;
    assert_eq!(lift.status, 204);
    Ok(())
}

#[tokio::test]
async fn bounds_are_not_reached_around() -> Result<()> {
    let stage = Stage::start().await?;
    let app = format!("/v1/apps/{}", stage.app);
    let set = json!({"roles": [{"role": "audience", "rank": 1}]});
    let one = json!({"template": {"role": "audience", "rank": 1}});
    let of_app: [(&str, &str, Option<&Value>); 1] = [("PATCH", "", Some(&json!({"name": "x"})))];
    let of_roles = [
        ("PUT", "/roles", Some(&set)),
        ("PUT", "/roles/audience", Some(&one)),
        ("DELETE", "/roles/audience", None),
        ("POST", "/roles/versions/0/restore", None),
    ];
    let of_keys =
        [("POST", "/keys", None), ("POST", "/keys/rotate", None), ("POST", "/keys/k/retire", None)];
    for (bounds, app_by, roles_by, keys_by) in [
        (json!({"rooms": ["*"]}), Some("rooms"), Some("rooms"), Some("rooms")),
        (json!({"roles": ["audience"]}), None, Some("roles"), Some("roles")),
        (json!({"rank_max": 100}), None, Some("rank_max"), Some("rank_max")),
        (json!({"ttl_s_max": 900}), None, None, Some("ttl_s_max")),
        (json!({"once": true}), None, None, Some("once")),
        (json!({"bound": true}), None, None, Some("bound")),
        (json!({"label": "a"}), None, None, Some("label")),
        (json!({"addresses": ["127.0.0.1"]}), None, None, None),
    ] {
        let key = stage.limited(&[Scope::AppsAdmin], &json!({"bounds": bounds})).await?;
        let acts = of_app.iter().map(|act| (act, app_by));
        let acts = acts.chain(of_roles.iter().map(|act| (act, roles_by)));
        for ((method, path, body), by) in acts.chain(of_keys.iter().map(|act| (act, keys_by))) {
            let answer = key.ask(method, &format!("{app}{path}"), *body).await?;
            match by {
                Some(bound) => {
                    exceeds(&answer, bound).with_context(|| format!("{bounds} {path}"))?;
                }
                None => assert_ne!(answer.status, 403, "{bounds} {method} {path}: {}", answer.body),
            }
        }
        for path in ["", "/roles", "/roles/versions", "/keys", "/api-keys", "/rooms"] {
            key.get(200, "GET", &format!("{app}{path}"), None).await.context(bounds.to_string())?;
        }
        stage.operator().ask("POST", &format!("{app}/roles/versions/0/restore"), None).await?;
    }
    Ok(())
}

#[tokio::test]
async fn tokens_and_records_of_other_rooms_stay_hidden() -> Result<()> {
    let (stage, key, app) = bounded(json!({"rooms": ["team-a-*"]})).await?;
    let verify = format!("{app}/tokens/verify");
    let own = json!({"token": stage.token("team-a-1", "anna", "audience")?});
    assert_eq!(key.get(200, "POST", &verify, Some(&own)).await?["valid"], true);
    let foreign = json!({"token": stage.token("team-b-1", "ben", "audience")?});
    exceeds(&key.ask("POST", &verify, Some(&foreign)).await?, "rooms")?;
    let nonsense = key.get(200, "POST", &verify, Some(&json!({"token": "x"}))).await?;
    assert_eq!(nonsense["code"], "token_malformed");
    let operator = stage.operator();
    let mint = format!("{app}/tokens");
    for room in ["team-a-1", "team-b-1"] {
        operator.get(201, "POST", &mint, Some(&token(&json!({"room": room})))).await?;
    }
    operator.records(&format!("{app}/audit?kind=token.mint"), 2).await?;
    let (mut rooms, mut after) = (Vec::new(), String::new());
    loop {
        let page = key.get(200, "GET", &format!("{app}/audit?limit=1{after}"), None).await?;
        let items = page["items"].as_array().context("records")?;
        rooms.extend(items.iter().map(|record| record["room"].clone()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert!(!rooms.is_empty() && rooms.iter().all(|room| room == "team-a-1"), "{rooms:?}");
    Ok(())
}

#[tokio::test]
async fn keys_from_before_bounds_go_on_unbounded() -> Result<()> {
    let stage = Stage::start().await?;
    let key = stage.backend(&[Scope::TokensMint]).await?;
    let me = key.get(200, "GET", "/v1/me", None).await?;
    assert_eq!(me["bounds"], json!({}));
    let path = format!("/v1/apps/{}/tokens", stage.app);
    key.get(201, "POST", &path, Some(&token(&json!({"room": "any", "role": "host"})))).await?;
    Ok(())
}
