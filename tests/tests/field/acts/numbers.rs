//! Every number of every request, at the ends of its type and one beyond: accepted ones can be listed, others are
//! refused with a code, and nothing else breaks.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member};

use super::{child::Served, within};

/// As JSON text, because no type can hold the ones beyond.
const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "-1",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775",
    "9223372036854776",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
];

/// Where a request contains a number.
const HERE: &str = "\"#\"";

/// Bodies of requests whose numbers the document does not show, with a place for each.
fn hidden() -> Vec<(&'static str, &'static str, String)> {
    let put = "/v1/apps/{app}/roles/{role}";
    let role = |fields: &str| format!(r##"{{"template":{{"role":"guest",{fields}}}}}"##);
    let mint = |fields: &str| format!(r##"{{"room":"r","user":"v","role":"host",{fields}}}"##);
    let revoke = |fields: &str| format!(r##"{{"target":{{"user":"v"}},{fields}}}"##);
    let mut all = vec![
        ("POST", "/v1/apps", r##"{"name":"n","second_login":{"allow":"#"}}"##.into()),
        ("PATCH", "/v1/apps/{app}", r##"{"second_login":{"allow":"#"}}"##.into()),
        ("PUT", put, role(r##""rank":"#""##)),
        ("PUT", put, role(r##""publish":{"streams":["*"],"kinds":["data"],"streams_max":"#"}"##)),
        ("PUT", put, role(r##""second_login":{"allow":"#"}"##)),
        ("PUT", "/v1/apps/{app}/roles", r##"{"roles":[{"role":"host","rank":"#"}]}"##.into()),
        ("POST", "/v1/apps/{app}/tokens", mint(r##""at_exp":{"grace":"#"}"##)),
        ("POST", "/v1/apps/{app}/tokens", mint(r##""grants":{"publish":{"streams_max":"#"}}"##)),
        ("POST", "/v1/apps/{app}/revocations", revoke(r##""ban":true,"ends_at":"#""##)),
        ("POST", "/v1/apps/{app}/rooms/{room}/messages", r##"{"to":"room","data":"#"}"##.into()),
    ];
    for cap in ["members_max", "messages_per_s", "bytes_per_s", "frame_bytes_max"] {
        all.push(("PUT", put, role(&format!(r##""caps":{{"{cap}":"#"}}"##))));
        let narrowed = mint(&format!(r##""grants":{{"caps":{{"{cap}":"#"}}}}"##));
        all.push(("POST", "/v1/apps/{app}/tokens", narrowed));
    }
    for verb in ["publish", "subscribe", "send", "set", "moderate"] {
        let until = mint(&format!(r##""until":{{"{verb}":"#"}}"##));
        all.push(("POST", "/v1/apps/{app}/tokens", until));
    }
    all
}

fn is_number(schema: &Value) -> bool {
    let kinds = &schema["type"];
    kinds == "integer" || kinds.as_array().is_some_and(|kinds| kinds.contains(&json!("integer")))
}

/// What else a body with a number needs.
fn base(schema: &str) -> Result<Value> {
    Ok(match schema {
        "NewApp" | "NewOperator" => json!({"name": "n"}),
        "NewIssuer" => json!({
            "issuer": "https://id.example", "client_ids": ["a"], "algs": ["RS256"],
            "user_prefix": "n:", "user": "{sub}", "rules": [{"rooms": ["r"], "role": "host"}],
        }),
        "NewPersonal" => json!({"name": "n", "scopes": ["rooms:read"]}),
        "ApiKeyRotation" | "AppChange" | "Removal" => json!({}),
        "NewApiKey" => json!({"name": "n", "scopes": ["rooms:read"]}),
        "NewRevocation" => json!({"target": {"user": "v"}}),
        "NewRoles" => json!({"roles": [{"role": "host"}, {"role": "guest"}]}),
        "NewRole" => json!({"template": {"role": "guest"}}),
        "NewToken" => json!({"room": "r", "user": "v", "role": "host"}),
        other => anyhow::bail!("what does {other} need besides its number?"),
    })
}

/// Requests in the document that have a number in path, query or body.
fn shown() -> Result<Vec<(String, String, Option<String>)>> {
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("methods")? {
            let method = method.to_uppercase();
            let none = Vec::new();
            for parameter in operation["parameters"].as_array().unwrap_or(&none) {
                let name = parameter["name"].as_str().context("a name")?;
                if !is_number(&parameter["schema"]) {
                    continue;
                }
                let place = format!("{{{name}}}");
                if path.contains(&place) {
                    all.push((method.clone(), path.replace(&place, HERE), None));
                }
                // One name may be in both.
                if parameter["required"] != true {
                    all.push((method.clone(), format!("{path}?{name}={HERE}"), None));
                }
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let named = body["$ref"].as_str().or_else(|| body["oneOf"][0]["$ref"].as_str());
            let Some(name) = named.and_then(|named| named.rsplit('/').next()) else { continue };
            let schema = &document["components"]["schemas"][name];
            for (field, of) in schema["properties"].as_object().context("properties")? {
                if is_number(of) {
                    let mut body = base(name)?;
                    body[field] = json!("#");
                    all.push((method.clone(), path.clone(), Some(body.to_string())));
                }
            }
        }
    }
    Ok(all)
}

/// Requests every list and every view.
async fn everything_shows(root: &Caller, app: u64) -> Result<()> {
    let app = format!("/v1/apps/{app}");
    for path in
        ["", "/keys", "/api-keys", "/roles", "/roles/versions", "/revocations", "/rooms", "/audit"]
    {
        root.get(200, "GET", &format!("{app}{path}"), None).await?;
    }
    root.get(200, "GET", "/v1/apps?limit=200", None).await?;
    Ok(())
}

async fn ask(root: &Caller, app: u64, asked: &(String, String, Option<String>)) -> Result<()> {
    let (method, path, body) = asked;
    let path =
        path.replace("{app}", &app.to_string()).replace("{room}", "r").replace("{user}", "v");
    let path =
        path.replace("{generation}", "1").replace("{version}", "0").replace("{role}", "guest");
    let path = path.replace("{id}", "none").replace("{kid}", "none");
    for number in NUMBERS {
        let path = path.replace(HERE, number);
        if *method == "DELETE" && path == format!("/v1/apps/{app}") {
            continue;
        }
        let body = body.as_ref().map(|body| body.replace(HERE, number));
        let answer = root.ask_with(method, &path, "", body.as_deref()).await?;
        let told = || format!("{method} {path} {body:?}: {} {}", answer.head, answer.body);
        ensure!(answer.status < 500, "{}", told());
        ensure!(answer.status < 400 || answer.body["code"].is_string(), "{}", told());
    }
    everything_shows(root, app).await.with_context(|| format!("after {asked:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn extreme_numbers_are_stored_exactly_or_refused() -> Result<()> {
    within(240, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let root = served.operator()?;
        let mut asked = shown()?;
        ensure!(asked.len() > 50, "only {} numbers in the document", asked.len());
        asked.extend(hidden().into_iter().map(|(m, p, body)| (m.into(), p.into(), Some(body))));
        let operations: BTreeSet<_> = asked.iter().map(|(method, ..)| method.clone()).collect();
        assert_eq!(operations.len(), 5, "GET, POST, PUT, PATCH and DELETE");
        let mut apps = Vec::new();
        for asked in &asked {
            let made = root.get(201, "POST", "/v1/apps", Some(&json!({"name": "n"}))).await?;
            let app = made["app"].as_u64().context("an AppID")?;
            apps.push(app);
            let guest = json!({"template": {"role": "guest"}});
            let guests = format!("/v1/apps/{app}/roles/guest");
            root.get(200, "PUT", &guests, Some(&guest)).await?;
            ask(&root, app, asked).await?;
        }
        served.kill().await?;
        let served = Served::start(folder.path()).await?;
        let root = served.operator()?;
        for app in apps {
            everything_shows(&root, app).await?;
        }
        let host = served.told["host_token"].as_str().context("a token")?;
        Member::connect(root.to).await?.log_in(host).await.map(drop)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn lifetimes_beyond_their_limits_are_refused() -> Result<()> {
    within(60, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let (root, app) = (served.operator()?, &served.told["app"]);
        let max = stagedoor_server::Config::default();
        let keys = format!("/v1/apps/{app}/api-keys");
        let key = |s: u64| json!({"name": "n", "scopes": ["rooms:read"], "ttl_s": s});
        root.get(201, "POST", &keys, Some(&key(3_153_600_000))).await?;
        let beyond = root.ask("POST", &keys, Some(&key(3_153_600_001))).await?;
        assert_eq!(beyond.problem(), (422, "expires_invalid"));
        let bans = format!("/v1/apps/{app}/revocations");
        let now_s = stagedoor_tests::stage::now_s();
        let ban = |s: u64| json!({"target": {"user": "v"}, "ends_at": s});
        let last_s = now_s + max.revocation_ban_s_max;
        root.get(201, "POST", &bans, Some(&ban(last_s))).await?;
        let beyond = root.ask("POST", &bans, Some(&ban(last_s + 60))).await?;
        assert_eq!(beyond.problem(), (422, "revocation_invalid"));
        Ok(())
    })
    .await
}
