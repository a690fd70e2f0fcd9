//! Checks every answer in every test against the OpenAPI document.

use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::answer::Answer;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&stagedoor_server::openapi()).unwrap_or_default());

/// Codes that occur before an operation is known: the connection itself is refused.
const OF_CONNECTIONS: [&str; 1] = ["connections_exceeded"];

/// An answer to an operation must have a status, and a refusal a code, that the document lists for it.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) -> Result<()> {
    let Some(operation) = operation(method, path) else { return Ok(()) };
    let code = answer.body["code"].as_str();
    if code.is_some_and(|code| OF_CONNECTIONS.contains(&code)) {
        return Ok(());
    }
    let listed = operation["responses"].as_object().context("responses")?;
    let response = listed.get(&answer.status.to_string());
    let of = format!("{method} {path}: {} {}", answer.status, answer.body);
    let response = response.with_context(|| format!("the document lists no such status: {of}"))?;
    if answer.status >= 400 {
        let codes = response["x-codes"].as_array().context("codes")?;
        let is_listed = codes.iter().any(|listed| listed.as_str() == code);
        ensure!(is_listed, "the document lists no such code: {of}");
        let kind = answer.field("content-type");
        let expected = match path.starts_with("/oauth/") {
            true => "application/json",
            false => "application/problem+json",
        };
        ensure!(kind == Some(expected), "no problem: {of}");
    }
    Ok(())
}

/// The operation of a path; a literal segment is preferred to a parameter.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let parts: Vec<&str> = path.split('?').next()?.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        let same = |(wanted, part): (&&str, &&str)| wanted == part || wanted.starts_with('{');
        wanted.len() == parts.len() && wanted.iter().zip(&parts).all(same)
    };
    let templates = DOCUMENT["paths"].as_object()?.iter();
    let fitting = templates.filter(|(template, _)| fits(template));
    let (_, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method.to_lowercase())
}
