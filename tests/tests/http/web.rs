//! The classroom as `dev` serves it: the built page in its forms, and the backend that mints by who asks.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Caller, Stage, member::http};
use stagedoor_web::CLASSROOM;

/// A stage that serves the classroom, of an app with its roles.
async fn classroom() -> Result<Stage> {
    let stage = Stage::start().await?;
    let admin = stage.backend(&[Scope::AppsAdmin]).await?;
    let roles: Value =
        serde_json::from_str(include_str!("../../../examples/roles/classroom.json"))?;
    let path = format!("/v1/apps/{}/roles", stage.app);
    admin.get(200, "PUT", &path, Some(&json!({ "roles": roles }))).await?;
    let server = &stage.running.server;
    let scopes = [Scope::TokensMint, Scope::TokensRevoke];
    let key = server.create_api_key(stage.app.0, "classroom", &scopes).await?.api_key;
    server.show_classroom(stagedoor_classroom::router(server.router(), stage.app.0, key));
    Ok(stage)
}

async fn ask(stage: &Stage, method: &str, path: &str, fields: &str) -> Result<(Answer, String)> {
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}\r\n");
    let text = http(stage.running.http, &head).await?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer")?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    let problem = serde_json::from_str(body).unwrap_or(Value::Null);
    Ok((Answer { status, head: head.into(), body: problem }, body.to_owned()))
}

/// The files that a page names.
fn files(page: &str) -> Vec<&str> {
    page.split('"').filter(|part| part.starts_with("/web/")).collect()
}

#[tokio::test]
async fn every_path_of_the_classroom_is_its_page() -> Result<()> {
    let stage = classroom().await?;
    for path in ["/", "/room/algebra", "/room/algebra/student-2", "/room/%3Cb%3E"] {
        let (answer, page) = ask(&stage, "GET", path, "").await?;
        assert_eq!((answer.status, page.as_bytes()), (200, CLASSROOM.index.plain), "{path}");
        assert_eq!(answer.field("cache-control"), Some("no-cache"));
        let devices = "camera=(self), microphone=(self), display-capture=(self)";
        assert_eq!(answer.field("permissions-policy"), Some(devices));
        assert_eq!(answer.head.matches("permissions-policy").count(), 1);
        let policy = answer.field("content-security-policy").context("a policy")?;
        assert!(policy.contains("require-trusted-types-for 'script'; trusted-types stagedoor"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(files(&page).len() > 1 && !page.contains("http"), "{page}");
    }
    for path in ["/reference", "/start"] {
        let (answer, _) = ask(&stage, "GET", path, "").await?;
        let devices = "camera=(), microphone=(), display-capture=()";
        assert_eq!(answer.field("permissions-policy"), Some(devices), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn files_of_the_classroom_never_change_under_their_path() -> Result<()> {
    let stage = classroom().await?;
    let (_, page) = ask(&stage, "GET", "/", "").await?;
    assert!(files(&page).len() > 1, "{page}");
    for path in files(&page) {
        let (answer, _) = ask(&stage, "GET", path, "").await?;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.field("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        let (old, _) = ask(&stage, "GET", &path.replace("/web/", "/web/0"), "").await?;
        assert_eq!(old.problem(), (404, "path_unknown"), "{path}");
    }
    let digest = CLASSROOM.digest;
    for name in ["nothing.js", "index.html", "../Cargo.toml", ""] {
        let (answer, _) = ask(&stage, "GET", &format!("/web/{digest}/{name}"), "").await?;
        assert_eq!(answer.problem(), (404, "path_unknown"), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_browser_gets_the_form_that_it_takes() -> Result<()> {
    let stage = classroom().await?;
    let index = &CLASSROOM.index;
    let (gzip, brotli) = (index.gzip.context("gzip")?, index.brotli.context("brotli")?);
    for (wish, coding, bytes) in [
        ("gzip, deflate, br, zstd", Some("br"), brotli),
        ("gzip, deflate", Some("gzip"), gzip),
        ("br;q=0, gzip;q=0.5", Some("gzip"), gzip),
        ("*;q=0.1", Some("br"), brotli),
        ("zstd, snappy", None, index.plain),
        ("br;q=0, gzip;q=0", None, index.plain),
        ("", None, index.plain),
    ] {
        let field = format!("Accept-Encoding: {wish}\r\n");
        let length = bytes.len().to_string();
        let mut tags = Vec::new();
        for method in ["GET", "HEAD"] {
            let (answer, body) = ask(&stage, method, "/", &field).await?;
            assert_eq!((answer.status, answer.field("content-encoding")), (200, coding), "{wish}");
            assert_eq!(answer.field("content-length"), Some(&*length), "{method} {wish}");
            assert_eq!(answer.field("vary"), Some("accept-encoding"));
            assert_eq!(body.is_empty(), method == "HEAD");
            tags.push(answer.field("etag").context("a tag")?.to_owned());
        }
        assert_eq!(tags[0], tags[1]);
        let known = format!("{field}If-None-Match: \"other\", W/{}\r\n", tags[0]);
        let (again, body) = ask(&stage, "GET", "/", &known).await?;
        assert_eq!(
            (again.status, &*body, again.field("content-encoding")),
            (304, "", None),
            "{wish}"
        );
        // Another form is another content.
        let other = if coding == Some("br") { "gzip" } else { "br" };
        let known = format!("Accept-Encoding: {other}\r\nIf-None-Match: {}\r\n", tags[0]);
        assert_eq!(ask(&stage, "GET", "/", &known).await?.0.status, 200, "{wish}");
    }
    Ok(())
}

#[test]
fn the_classroom_is_at_most_80_kb_by_brotli() {
    let files = CLASSROOM.files.iter().chain([&CLASSROOM.index]);
    let bytes: usize = files.map(|file| file.brotli.unwrap_or(file.plain).len()).sum();
    assert!((10_000..=80_000).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn without_dev_there_is_no_classroom() -> Result<()> {
    let stage = Stage::start().await?;
    let (_, page) = ask(&stage, "GET", "/", "").await?;
    assert!(page.contains("This server is up") && files(&page).is_empty());
    for path in ["/room/algebra", &format!("/web/{}/classroom.js", CLASSROOM.digest)] {
        assert_eq!(
            ask(&stage, "GET", path, "").await?.0.problem(),
            (404, "path_unknown"),
            "{path}"
        );
    }
    for act in ["token", "revoke", "let-in"] {
        let anybody = Caller { to: stage.running.http, credential: String::new() };
        let asked = json!({ "room": "algebra", "user": "teacher" });
        let answer = anybody.ask("POST", &format!("/classroom/{act}"), Some(&asked)).await?;
        assert_eq!(answer.problem(), (404, "path_unknown"), "{act}");
    }
    Ok(())
}

/// Asks the backend; the status and the text.
async fn backend(stage: &Stage, act: &str, token: &str, user: &str) -> Result<(u16, String)> {
    let body = json!({ "room": "algebra", "user": user }).to_string();
    let length = body.len();
    let head = format!(
        "POST /classroom/{act} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let text = http(stage.running.http, &head).await?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer")?;
    Ok((head.split(' ').nth(1).context("a status")?.parse()?, body.to_owned()))
}

async fn claims(stage: &Stage, token: &str) -> Result<Value> {
    let caller = stage.backend(&[Scope::TokensMint]).await?;
    let path = format!("/v1/apps/{}/tokens/verify", stage.app);
    caller.get(200, "POST", &path, Some(&json!({ "token": token }))).await
}

#[tokio::test]
async fn the_backend_mints_by_who_asks() -> Result<()> {
    let stage = classroom().await?;
    for (user, sub, role) in [
        ("teacher", "teacher", "teacher"),
        ("student", "student-1", "student"),
        ("student", "student-2", "student"),
        ("student-1", "student-1", "student"),
    ] {
        let (status, token) = backend(&stage, "token", "", user).await?;
        assert_eq!(status, 200, "{token}");
        let told = claims(&stage, &token).await?;
        let of = |name: &str| told["claims"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (told["valid"].as_bool(), of("sub"), of("role")),
            (Some(true), sub.into(), role.into())
        );
        assert!(told["seconds_left"].as_i64().is_some_and(|left| (60..=90).contains(&left)));
        assert_eq!(told["grants"]["waits"], role == "student");
    }
    for user in ["root", "Teacher", "assistant", ""] {
        assert_eq!(backend(&stage, "token", "", user).await?.0, 403, "{user}");
    }
    Ok(())
}

#[tokio::test]
async fn only_who_teaches_the_room_revokes_and_lifts() -> Result<()> {
    let stage = classroom().await?;
    let (_, teacher) = backend(&stage, "token", "", "teacher").await?;
    let (_, student) = backend(&stage, "token", "", "student-7").await?;
    let elsewhere = stage.token("physics", "teacher", "teacher")?;
    for by in ["", "x", &student, &elsewhere] {
        for act in ["revoke", "let-in"] {
            assert_eq!(backend(&stage, act, by, "student-7").await?.0, 403, "{act}");
        }
    }
    assert!(claims(&stage, &student).await?["valid"].as_bool().context("an answer")?);
    assert_eq!(backend(&stage, "revoke", &teacher, "student-7").await?.0, 204);
    assert_eq!(claims(&stage, &student).await?["code"], "token_revoked");
    assert_eq!(backend(&stage, "token", "", "student-7").await?.0, 200);

    let caller = stage.backend(&[Scope::TokensRevoke]).await?;
    let path = format!("/v1/apps/{}/revocations", stage.app);
    let target = json!({ "room_user": { "room": "algebra", "user": "student-7" } });
    caller.get(201, "POST", &path, Some(&json!({ "target": target, "ban": true }))).await?;
    let (status, told) = backend(&stage, "token", "", "student-7").await?;
    assert!(status == 403 && told.contains("banned"), "{told}");
    assert_eq!(backend(&stage, "let-in", &teacher, "student-7").await?.0, 204);
    assert_eq!(backend(&stage, "token", "", "student-7").await?.0, 200);
    Ok(())
}
