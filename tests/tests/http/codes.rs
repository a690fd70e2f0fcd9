//! The index of codes: each code in any answer, with where it occurs and what to change.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use anyhow::{Context, Result};
use serde_json::Value;
use stagedoor_server::Scope;
use stagedoor_token::Refusal;
use stagedoor_wire::{close::Close, code::ErrorCode};

const INDEX: &str = include_str!("../../../spec/codes.md");
const TOKEN04: &str = include_str!("../../../spec/token04.md");
const WIRE: &str = include_str!("../../../spec/wire.md");

/// The cells of each row of a section's table.
fn rows(section: &str) -> Vec<[&'static str; 3]> {
    let text = INDEX.split("\n## ").find(|text| text.starts_with(section)).unwrap_or_default();
    let cells = |line: &'static str| {
        let mut cells = line.trim_matches('|').splitn(3, '|').map(str::trim);
        [(); 3].map(|()| cells.next().unwrap_or_default())
    };
    text.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

/// Where each code occurs, from the code and the documents that tests compare with it.
fn met() -> Result<BTreeMap<String, String>> {
    let mut met = BTreeMap::<String, Vec<String>>::new();
    let mut add = |code: &str, place: String| {
        let places = met.entry(code.to_owned()).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    };
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let mut of_http = BTreeSet::from([
        (404, "path_unknown"),
        (405, "method_not_allowed"),
        // Of `/console/v1`.
        (401, "session_missing"),
        (401, "session_expired"),
        (403, "confirmation_required"),
    ]);
    let items = document["paths"].as_object().context("paths")?.values();
    for operation in
        items.flat_map(|item| item.as_object().into_iter().flat_map(|item| item.values()))
    {
        for (status, response) in operation["responses"].as_object().context("responses")? {
            for code in response["x-codes"].as_array().into_iter().flatten() {
                of_http.insert((status.parse()?, code.as_str().context("a code")?));
            }
        }
    }
    for (status, code) in of_http {
        add(code, format!("HTTP {status}"));
    }
    for line in WIRE.lines() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (Some(status), Some(code)) = (cells.next(), cells.next()) else { continue };
        if status.parse().is_ok_and(|status: u16| (400..600).contains(&status)) {
            add(code.trim_matches('`'), format!("upgrade {status}"));
        }
    }
    let login = WIRE.split("A refused login or `renew` answers").nth(1).context("the paragraph")?;
    let login = login.split("Other requests").next().unwrap_or_default();
    for code in login.split('`').skip(1).step_by(2) {
        if !matches!(code, "token.md" | "token04.md" | "nonce" | "bound" | "field" | "retry_ms") {
            add(code, "login".into());
        }
    }
    Refusal::ALL.iter().for_each(|refusal| add(refusal.code(), "token".into()));
    let checks = TOKEN04.split("## Order of the checks").nth(1).context("the checks")?;
    let checks = checks.split("\n## ").next().unwrap_or_default();
    for line in checks.lines().filter(|line| line.starts_with("| `")) {
        add(line.split('`').nth(1).context("a code")?, "token".into());
    }
    ErrorCode::ALL.iter().for_each(|code| add(code.as_str(), "wire".into()));
    Close::ALL.iter().for_each(|close| add(close.reason(), format!("close {}", close.code())));
    Ok(met.into_iter().map(|(code, places)| (code, places.join(", "))).collect())
}

#[test]
fn the_index_has_every_code_with_where_it_occurs() -> Result<()> {
    let listed: BTreeMap<String, String> = rows("Codes by name")
        .into_iter()
        .map(|[code, place, _]| (code.trim_matches('`').to_owned(), place.to_owned()))
        .collect();
    let mut differs = String::new();
    let met = met()?;
    for (code, place) in &met {
        if listed.get(code) != Some(place) {
            writeln!(differs, "| `{code}` | {place} | …, not {:?}", listed.get(code))?;
        }
    }
    for code in listed.keys().filter(|code| !met.contains_key(*code)) {
        writeln!(differs, "`{code}` is nowhere")?;
    }
    assert!(differs.is_empty(), "spec/codes.md should say:\n{differs}");
    Ok(())
}

#[test]
fn the_index_says_of_each_code_what_to_change() {
    let rows = rows("Codes by name");
    assert!(rows.len() > 100, "the table is read");
    for [code, _, words] in &rows {
        assert!(words.split(' ').count() >= 2 && words.ends_with('.'), "{code}: {words}");
    }
    assert!(rows.is_sorted_by_key(|[code, ..]| *code), "by name, once each");
}

#[test]
fn each_refusal_of_a_token_says_what_it_must_be() {
    for refusal in Refusal::ALL {
        let text = refusal.to_string();
        let names = text.contains('`')
            || text.contains("canonical base64url")
            || text.contains("retired")
            || text.contains("claim");
        assert!(names && text.split(' ').count() >= 4, "{}: {text}", refusal.code());
    }
}

#[test]
fn the_index_has_every_scope() {
    let listed: Vec<&str> =
        rows("Scopes").into_iter().map(|[scope, ..]| scope.trim_matches('`')).collect();
    let scopes: Vec<&str> = Scope::EVERY.iter().map(|scope| scope.as_str()).collect();
    assert_eq!(listed, scopes);
}

#[tokio::test]
async fn a_problem_without_a_request_fits_the_document() -> Result<()> {
    let stage = stagedoor_tests::Stage::start().await?;
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let required = document["components"]["schemas"]["Problem"]["required"].as_array();
    let required = required.context("required fields")?;
    assert!(required.contains(&"code".into()), "{required:?}");
    for request in ["GET / HTTP/1.1\r\n\r\n", "no request\r\n\r\n"] {
        let answer = stagedoor_tests::member::http(stage.running.http, request).await?;
        let body = answer.split("\r\n\r\n").nth(1).context("a body")?;
        let body: Value = serde_json::from_str(body)?;
        for field in required {
            let field = field.as_str().context("a name")?;
            assert!(body.get(field).is_some(), "{request:?} is answered without `{field}`: {body}");
        }
    }
    Ok(())
}
