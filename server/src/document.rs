//! The OpenAPI document as it is served: what the handlers say of themselves, and what holds for all of them, from
//! one table. Pure.

mod examples;
mod form;
mod operations;
mod security;
mod shape;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stagedoor_token::Refusal;

use crate::{
    config::Config,
    error::{STATUSES, oauth::status_of},
    idempotency::CREATIONS,
};
use form::{Form, SHAPE};
use operations::{Needs, Operation, Tag, operations as rows};
use security::{headers, security, security_schemes};

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The document of what the handlers say, with everything that a generator and a caller need.
pub(crate) fn document(handlers: &utoipa::openapi::OpenApi, config: &Config) -> Value {
    let mut document = serde_json::to_value(handlers).unwrap_or_default();
    shape::numbers(&mut document);
    shape::limits(&mut document, config);
    shape::references(&mut document);
    document["servers"] =
        json!([{ "url": "/", "description": "The server that serves this document." }]);
    document["tags"] = operations::TAGS
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .into();
    document["components"]["securitySchemes"] = security_schemes();
    document["components"]["headers"] = headers();
    let codes: Vec<&str> = codes().map(|(code, _)| code).collect();
    for body in ["Problem", "OauthProblem"] {
        document["components"]["schemas"][body]["properties"]["code"]["x-extensible-enum"] =
            codes.clone().into();
    }
    let mut examples = examples::all();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) {
                finish(path, method, operation);
                examples::add(operation, &mut examples);
            }
        }
    }
    document
}

/// Every code of the API with its status: its own, and those of claims that it refuses to mint.
pub(crate) fn codes() -> impl Iterator<Item = (&'static str, u16)> {
    let own = STATUSES.iter().flat_map(|(status, codes)| codes.iter().map(|code| (*code, *status)));
    let is_own = |code: &str| STATUSES.iter().any(|(_, codes)| codes.contains(&code));
    let claims = Refusal::ALL.iter().map(|refusal| refusal.code());
    own.chain(claims.filter(move |code| !is_own(code)).map(|code| (code, 422)))
}

fn finish(path: &str, method: &str, operation: &mut Map<String, Value>) {
    let tag =
        operation.get("tags").and_then(|tags| tags[0].as_str()).unwrap_or_default().to_owned();
    let handler = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let id = format!("{}_{handler}", tag.replace(' ', "_"));
    let row = rows().find(|row| row.id == id).unwrap_or(&operations::UNLISTED);
    operation.insert("operationId".into(), id.into());
    let (scope, words) = match row.needs {
        Needs::Nothing => (None, "Needs no credential.".to_owned()),
        Needs::Any => (None, "Any credential may ask.".to_owned()),
        Needs::Client => (None, "Needs a client, by Basic or in the form.".to_owned()),
        Needs::ClientOrAny => (None, "Any client or credential may ask.".to_owned()),
        Needs::Scope(scope) | Needs::ClientWith(scope) => {
            (Some(scope.as_str()), format!("Needs the scope `{}`.", scope.as_str()))
        }
    };
    let said = |field: &str| {
        let text = operation.get(field).and_then(Value::as_str).unwrap_or_default();
        text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>()
    };
    let (summary, told) = (said("summary").join(" "), said("description").join("\n\n"));
    operation.insert("summary".into(), summary.into());
    operation.insert("description".into(), format!("{told}\n\n{words}").trim().into());
    operation.insert("security".into(), security(row.needs));
    operation.insert("x-required-scope".into(), scope.into());
    let is_creation = method == "post" && CREATIONS.contains(&path);
    let is_tagged = row.tag != Tag::None;
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        let with_key = is_creation.then(shape::idempotency_key);
        let with_tag = (is_tagged && method != "get").then(shape::if_match);
        parameters.extend(with_key.into_iter().chain(with_tag));
        let has_numbers = !matches!(tag.as_str(), "rooms" | "api keys" | "operators" | "team");
        parameters.iter_mut().for_each(|parameter| shape::parameter(parameter, has_numbers));
        if tag == "issuers" {
            parameters.iter_mut().for_each(shape::issuer);
        }
    }
    let form = Form::of(path, method, operation);
    let refusals = refusals(row, &form);
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    responses.remove("4XX");
    for (status, response) in responses.iter_mut() {
        good(status, method, response);
        if is_creation {
            response["headers"]["Idempotency-Replayed"] = header("Idempotency-Replayed");
        }
        if row.tag == Tag::Shown {
            response["headers"]["ETag"] = header("ETag");
        }
    }
    for (status, codes) in refusals {
        responses.insert(status.to_string(), refused(status, &codes, form.is_oauth));
    }
}

/// The codes that an operation can answer with, by status.
fn refusals(row: &Operation, form: &Form) -> BTreeMap<u16, Vec<&'static str>> {
    let of_shape = SHAPE.iter().filter(|(when, _)| when(form)).flat_map(|(_, codes)| codes.iter());
    let mut found: Vec<&'static str> = of_shape.chain(row.refusals).copied().collect();
    if row.mints {
        found.extend(
            Refusal::ALL.iter().map(|refusal| refusal.code()).filter(|code| is_of_claims(code)),
        );
    }
    let mut by_status = BTreeMap::<u16, Vec<&'static str>>::new();
    for code in found {
        let status = row
            .status_of(code)
            .or_else(|| codes().find(|(of, _)| *of == code).map(|(_, status)| status));
        let status = match status.unwrap_or(500) {
            status if form.is_oauth => status_of(status),
            status => status,
        };
        let listed = by_status.entry(status).or_default();
        if !listed.contains(&code) {
            listed.push(code);
        }
    }
    by_status
}

/// Whether a refusal is about what a token says, not about a token that is presented.
fn is_of_claims(code: &str) -> bool {
    Refusal::ALL
        .iter()
        .any(|refusal| refusal.code() == code && refusal.code() == refusal.public_code())
        && !matches!(
            code,
            "claims_malformed"
                | "claim_missing"
                | "claim_unknown"
                | "app_mismatch"
                | "jti_invalid"
                | "token_expired"
                | "token_not_yet_valid"
        )
}

fn good(status: &str, method: &str, response: &mut Value) {
    let words = match (status, method) {
        ("204", _) => "Done; there is no body.",
        ("202", _) => "Passed on to those who are there.",
        ("201", _) => "Made.",
        _ => "Done.",
    };
    let words = if method == "get" { "What was asked for." } else { words };
    if response["description"].as_str().is_none_or(str::is_empty) {
        response["description"] = words.into();
    }
    response["headers"]["X-Request-Id"] = header("X-Request-Id");
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn refused(status: u16, codes: &[&str], is_oauth: bool) -> Value {
    let listed = codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
    let words = match status {
        500 => {
            "A fault of the server's: the body holds the request id, which finds the reason in the log, and nothing else of it. "
        }
        503 => {
            "The store cannot be written or read now, or no relay answers; try again after `Retry-After`. "
        }
        429 => {
            "Too many requests of this credential, or too many failed authentications; try again after `Retry-After`. "
        }
        _ => "",
    };
    let (kind, schema) = match is_oauth {
        true => ("application/json", "OauthProblem"),
        false => ("application/problem+json", "Problem"),
    };
    let mut response = json!({
        "description": format!("{words}Codes: {listed}."),
        "headers": { "X-Request-Id": header("X-Request-Id") },
        "content": { kind: { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
        "x-codes": codes,
    });
    match status {
        401 | 403 => response["headers"]["WWW-Authenticate"] = header("WWW-Authenticate"),
        429 | 503 => response["headers"]["Retry-After"] = header("Retry-After"),
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    fn operations() -> Vec<Value> {
        let document: Value = serde_json::from_str(&crate::openapi()).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").clone();
        let items =
            paths.into_iter().flat_map(|(_, item)| item.as_object().cloned().unwrap_or_default());
        items.map(|(_, operation)| operation).collect()
    }

    fn walk(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                walk(&entry, texts);
            } else {
                let text = std::fs::read_to_string(entry).expect("text");
                let code = text.split("\nmod tests {").next().unwrap_or_default().to_owned();
                texts.push(code);
            }
        }
    }

    #[test]
    fn operation_ids_are_unique_and_each_has_its_row() {
        let ids: Vec<String> = operations()
            .iter()
            .map(|operation| operation["operationId"].as_str().expect("an id").to_owned())
            .collect();
        let listed: BTreeSet<String> = rows().map(|row| row.id.to_owned()).collect();
        assert_eq!(ids.iter().cloned().collect::<BTreeSet<_>>(), listed);
        assert_eq!(ids.len(), listed.len());
    }

    #[test]
    fn every_operation_says_what_it_does_and_shows_an_example() {
        for operation in operations() {
            let id = operation["operationId"].as_str().expect("an id");
            let summary = operation["summary"].as_str().expect("a summary");
            assert!(
                (8..=60).contains(&summary.len()) && !summary.contains('\n'),
                "{id}: {summary}"
            );
            let told = operation["description"].as_str().expect("a description");
            let (told, needs) = told.rsplit_once("\n\n").expect("what it does, what it needs");
            assert!(told.len() > 30 && !told.contains(summary), "{id}: {told}");
            assert!(needs.starts_with("Needs ") || needs.starts_with("Any "), "{id}: {needs}");
            let answers = operation["responses"].as_object().expect("responses").iter();
            let bodies = answers.filter(|(status, _)| status.starts_with('2'));
            let bodies = bodies
                .map(|(_, answer)| &answer["content"])
                .chain(operation.get("requestBody").map(|body| &body["content"]));
            for content in bodies.filter(|content| !content.is_null()) {
                // Lines of JSON, whose form the specification shows.
                let is_export = content["application/jsonl"].is_object();
                let form = "application/x-www-form-urlencoded";
                let shown = ["application/json", "application/jwk-set+json", form]
                    .iter()
                    .any(|kind| content[kind]["example"].is_object());
                assert!(shown != is_export, "{id}: {content}");
            }
        }
        let listed: BTreeSet<String> = rows().map(|row| row.id.to_owned()).collect();
        let left: Vec<String> = examples::all()
            .into_iter()
            .map(|(id, _)| id)
            .filter(|id| !listed.contains(id))
            .collect();
        assert!(left.is_empty(), "examples of no operation: {left:?}");
    }

    #[test]
    fn every_code_of_the_table_is_one_that_some_operation_answers() {
        let operations = operations();
        let answered: BTreeSet<String> = operations
            .iter()
            .flat_map(|operation| operation["responses"].as_object().expect("responses").values())
            .flat_map(|response| response["x-codes"].as_array().into_iter().flatten())
            .map(|code| code.as_str().expect("a code").to_owned())
            .collect();
        let table: BTreeSet<String> = STATUSES
            .iter()
            .flat_map(|(_, codes)| codes.iter())
            .map(|code| (*code).to_owned())
            .collect();
        // Of paths and methods that are no operation's, and of `/console/v1`, which is the same API.
        let elsewhere = [
            "path_unknown",
            "method_not_allowed",
            "session_missing",
            "session_expired",
            "confirmation_required",
        ];
        let left: Vec<&String> = table
            .iter()
            .filter(|code| !answered.contains(*code) && !elsewhere.contains(&code.as_str()))
            .collect();
        assert!(left.is_empty(), "no operation answers {left:?}");
    }

    #[test]
    fn a_number_of_time_has_the_suffix_of_its_unit() {
        let document: Value = serde_json::from_str(&crate::openapi()).expect("JSON");
        let mut told = 0;
        for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
            for (field, of) in schema["properties"].as_object().into_iter().flatten() {
                let words = of["description"].as_str().unwrap_or_default();
                if !of["type"].to_string().contains("integer") {
                    continue;
                }
                // Claims are as RFC 7519 has them, and answers to OAuth's clients as RFC 6749 has them.
                let is_claim =
                    matches!(field.as_str(), "exp" | "expires_in" | "last_iat" | "max_stay")
                        || name == "Until";
                let is_moment_s = field.ends_with("_at") || matches!(field.as_str(), "at" | "now");
                let good = if words.contains("Unix milliseconds") {
                    field.ends_with("_ms")
                } else if words.contains("Unix seconds") {
                    is_claim || is_moment_s
                } else if words.contains("seconds") {
                    is_claim || field.ends_with("_s") || field.contains("_s_")
                } else {
                    continue;
                };
                assert!(good, "{name}.{field}: {words}");
                told += 1;
            }
        }
        assert!(told > 15);
    }

    #[test]
    fn every_code_in_the_source_is_in_the_table() {
        let mut texts = Vec::new();
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        let all = texts.concat();
        let written: BTreeSet<&str> = all
            .split("code: \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|code| !matches!(*code, "" | "ok"))
            .collect();
        let table: BTreeSet<&str> = codes().map(|(code, _)| code).collect();
        let missing: Vec<&&str> = written.difference(&table).collect();
        assert!(missing.is_empty(), "not in `STATUSES`: {missing:?}");
    }
}
