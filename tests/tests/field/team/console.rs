//! The console's door: a cookie opens `/console/v1` and nothing else, for pages of the server's own alone.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Stage, operations};

use super::{Browser, OWN, field, link, operator, person, service, within};

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default().into())
}

#[tokio::test]
async fn a_cookie_opens_no_path_of_v1_and_a_bearer_none_of_the_console() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.server.refusals_burst = 10_000).await?;
        let (_, browser) = person(&stage, "maria", "owner").await?;
        let (_, robot) = service(&stage, "robot", "owner").await?;
        let callers = [stage.operator(), stage.backend(&[Scope::AppsAdmin]).await?, robot];
        let all = operations(stage.app.0)?;
        let mut tried = 0;
        for operation in all.iter().filter(|operation| operation.needs_caller) {
            let (method, path) = (&*operation.method, &*operation.path);
            if path.starts_with("/oauth/") {
                continue;
            }
            let by_cookie = browser.ask(method, path, operation.body.as_ref()).await?;
            assert_eq!(code(&by_cookie), (401, "credential_missing".into()), "{}", operation.name);
            for caller in &callers {
                let fields = if method == "GET" { "" } else { OWN };
                let body = operation.body.as_ref().map(ToString::to_string);
                let path = format!("/console{path}");
                let answer = caller.ask_with(method, &path, fields, body.as_deref()).await?;
                let missing = (401, "session_missing".to_owned());
                assert_eq!(code(&answer), missing, "{} by a bearer", operation.name);
            }
            tried += 1;
        }
        assert!(tried > 50, "{tried}");
        Ok(())
    })
    .await
}

/// Where a request can come from that is no page of the server's own, and one field of ours is missing or another.
const FOREIGN: [&str; 11] = [
    "",
    "Content-Type: application/json\r\nX-Stagedoor-Console: 1\r\n",
    "Sec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n",
    "Sec-Fetch-Site: same-origin\r\nX-Stagedoor-Console: 1\r\nContent-Type: text/plain\r\n",
    "Sec-Fetch-Site: same-site\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n",
    "Sec-Fetch-Site: cross-site\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n",
    "Sec-Fetch-Site: none\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n",
    "Origin: http://test:1\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n",
    "Origin: null\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n",
    "Origin: https://test\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n",
    "Sec-Fetch-Site: cross-site\r\nOrigin: http://test\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n",
];

#[tokio::test]
async fn no_act_of_another_page_is_carried_out_with_a_good_cookie() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.server.refusals_burst = 10_000).await?;
        let (_, browser) = person(&stage, "maria", "owner").await?;
        let all = operations(stage.app.0)?;
        let app = format!("/v1/apps/{}", stage.app);
        let state = async || {
            let root = stage.operator();
            let mut state = Vec::new();
            for path in [&*app, &format!("{app}/keys"), &format!("{app}/roles"), "/v1/operators"] {
                state.push(root.get(200, "GET", path, None).await?);
            }
            anyhow::Ok(state)
        };
        let before = state().await?;
        let mut tried = 0;
        for operation in all.iter().filter(|one| one.needs_caller && one.method != "GET") {
            if operation.path.starts_with("/oauth/") {
                continue;
            }
            let path = format!("/console{}", operation.path);
            for fields in FOREIGN {
                let body = operation.body.as_ref();
                // Without a kind of its own the harness gives a body one.
                let body = body.filter(|_| fields.contains("Content-Type"));
                let answer = browser.ask_with(&operation.method, &path, fields, body).await?;
                let refused = (403, "csrf_refused".to_owned());
                assert_eq!(code(&answer), refused, "{} with {fields:?}", operation.name);
                tried += 1;
            }
        }
        assert!(tried > 300, "{tried}");
        assert_eq!(state().await?, before, "nothing changed");
        // The same acts are done for a page of our own, by either field.
        let new = json!({"name": "made here"});
        let made = browser.ask("POST", "/console/v1/operators", Some(&new)).await?;
        assert_eq!(made.status, 201, "{}", made.body);
        let by_origin =
            "Origin: http://test\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n";
        let new = json!({"name": "made there"});
        let made = browser.ask_with("POST", "/console/v1/operators", by_origin, Some(&new)).await?;
        assert_eq!(made.status, 201, "{}", made.body);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn another_page_logs_nobody_in_and_uses_no_link_up() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let id = operator(&stage, "maria", "person", "viewer").await?;
        let secret = link(&stage, &id).await?;
        let body = json!({"link": secret});
        for fields in FOREIGN.iter().filter(|fields| fields.contains("Content-Type")) {
            let answer =
                Browser::new(&stage).ask_with("POST", "/v1/session", fields, Some(&body)).await?;
            assert_eq!(code(&answer), (403, "csrf_refused".into()), "{fields:?}");
        }
        let mut browser = Browser::new(&stage);
        assert_eq!(browser.log_in(&secret).await?.status, 201);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_consoles_answers_are_of_its_own_origin_and_never_stored() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (_, browser) = person(&stage, "maria", "viewer").await?;
        let answer = browser.ask("GET", "/console/v1/apps", None).await?;
        assert_eq!(answer.status, 200);
        assert_eq!(field(&answer, "cross-origin-resource-policy").as_deref(), Some("same-origin"));
        assert_eq!(field(&answer, "cache-control").as_deref(), Some("no-store"));
        assert!(field(&answer, "access-control-allow-origin").is_none());
        for (path, problem) in [
            ("/console/v1/nothing", (404, "path_unknown")),
            ("/console", (404, "path_unknown")),
            ("/console/", (404, "path_unknown")),
            ("/console/v1", (404, "path_unknown")),
            ("/console/console/v1/me", (404, "path_unknown")),
            ("/console/v1/../v1/me", (404, "path_unknown")),
        ] {
            assert_eq!(browser.ask("GET", path, None).await?.problem(), problem, "{path}");
        }
        let stranger = Browser::new(&stage).ask("GET", "/console/v1/me", None).await?;
        assert_eq!(code(&stranger), (401, "session_missing".into()));
        let asked = field(&stranger, "www-authenticate").context("a challenge")?;
        assert!(
            asked.starts_with("Cookie "),
            "no scheme that a browser asks its user about: {asked}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_tls_beyond_this_machine_nobody_signs_in() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.listen.address = "0.0.0.0:0".into()).await?;
        let to = std::net::SocketAddr::from(([127, 0, 0, 1], stage.running.http.port()));
        let mut browser = Browser::new(&stage);
        browser.caller.to = to;
        let refused = browser.log_in("sdlnk_x").await?;
        assert_eq!(code(&refused), (403, "tls_required".into()));
        browser.cookie = "stagedoor-dev=x; __Host-stagedoor=x".into();
        let refused = browser.ask("GET", "/console/v1/me", None).await?;
        assert_eq!(code(&refused), (401, "session_missing".into()), "no cookie is read at all");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn behind_a_proxy_with_tls_the_cookie_is_of_the_host_alone() -> Result<()> {
    within(async {
        let url = "https://stagedoor.example";
        let stage = Stage::configured(|config| {
            config.server.public_url = url.parse().ok();
        })
        .await?;
        let id = operator(&stage, "maria", "person", "viewer").await?;
        let path = format!("/v1/operators/{id}/links");
        let made = stage.operator().get(201, "POST", &path, None).await?;
        let secret = made["link"].as_str().context("a link")?;
        assert_eq!(made["url"], format!("{url}/login#{secret}"));
        let mut browser = Browser::new(&stage);
        let begun = browser.log_in(secret).await?;
        let set = field(&begun, "set-cookie").context("a cookie")?;
        assert!(set.starts_with("__Host-stagedoor=") && set.ends_with("; Secure"), "{set}");
        assert!(!set.contains("Domain") && set.contains("; Path=/;"), "{set}");
        assert_eq!(browser.ask("GET", "/console/v1/me", None).await?.status, 200);
        let value = browser.cookie.split_once('=').map_or("", |(_, value)| value).to_owned();
        browser.cookie = format!("stagedoor-dev={value}");
        let refused = browser.ask("GET", "/console/v1/me", None).await?;
        assert_eq!(code(&refused), (401, "session_missing".into()));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn root_ends_once_an_owner_is_there_where_that_is_asked_for() -> Result<()> {
    within(async {
        let stage =
            Stage::configured(|config| config.server.root = stagedoor_server::RootUse::Off).await?;
        let root = stage.operator();
        root.get(200, "GET", "/v1/me", None).await?;
        let new = json!({"name": "maria", "level": "owner"});
        let made = root.get(201, "POST", "/v1/operators", Some(&new)).await?;
        let refused = root.ask("GET", "/v1/me", None).await?;
        assert_eq!(refused.problem(), (401, "credential_invalid"));
        let _: Value = made;
        Ok(())
    })
    .await
}
