//! JSON bodies; errors become problems that name the field.

use std::{error::Error, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::header,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};
use stagedoor_bus::Bounds;
use stagedoor_token::Field;
use stagedoor_wire::depth::is_within;

use crate::{error::ApiError, state::AppState};

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<AppState>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let head = parts.clone();
        let read = Bytes::from_request(Request::from_parts(parts, body), state).await;
        let bytes = read.map_err(|error| ApiError::of_body(error.status(), &error))?;
        let depth_max = state.config.json_depth_max;
        let whole = Request::from_parts(head, bytes.clone().into());
        match Json::<T>::from_request(whole, state).await {
            Err(JsonRejection::MissingJsonContentType(_)) => Err(ApiError::MediaType),
            _ if !is_within(&bytes, depth_max) => {
                Err(malformed("the body is nested deeper than `json_depth_max`"))
            }
            // A list of a form's fields would be read as the form.
            Ok(_) if bytes.trim_ascii_start().first() != Some(&b'{') => {
                let detail = "the body must be an object".into();
                Err(ApiError::Invalid { code: "body_invalid", detail })
            }
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::JsonDataError(error)) => Err(unfit(&error)),
            Err(_) => Err(malformed("the body is not JSON")),
        }
    }
}

/// An optional JSON body.
pub(crate) struct MaybeBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<AppState>> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Arc<AppState>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let limits = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(limits, state).await;
        let bytes = bytes.map_err(|error| ApiError::of_body(error.status(), &error))?;
        if bytes.is_empty() && !parts.headers.contains_key(header::CONTENT_TYPE) {
            return Ok(Self(T::default()));
        }
        let whole = Request::from_parts(parts, bytes.into());
        let Body(value) = Body::from_request(whole, state).await?;
        Ok(Self(value))
    }
}

fn malformed(detail: &'static str) -> ApiError {
    ApiError::Malformed { code: "body_malformed", detail: detail.into() }
}

/// Reads bounds, which have their own code.
pub(crate) fn read_bounds(bounds: &RawValue) -> Result<Bounds, ApiError> {
    let reader = &mut serde_json::Deserializer::from_str(bounds.get());
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let field = field_of(Field::of("bounds"), error.path());
        let (field, detail) = explained(field, &error.inner().to_string());
        ApiError::Invalid { code: "bounds_invalid", detail: detail.into() }.at(field)
    })
}

/// Valid JSON that does not have the expected form.
fn unfit(error: &(dyn Error + 'static)) -> ApiError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(at) = error.downcast_ref::<serde_path_to_error::Error<serde_json::Error>>() {
            let (field, detail) =
                explained(field_of(Field::WHOLE, at.path()), &at.inner().to_string());
            return ApiError::Invalid { code: "body_invalid", detail: detail.into() }.at(field);
        }
        cause = error.source();
    }
    ApiError::Invalid {
        code: "body_invalid",
        detail: "the body does not have the expected form".into(),
    }
}

fn field_of(base: Field, path: &Path) -> Field {
    path.iter().fold(base, |field, segment| match segment {
        Segment::Map { key } => field.member(key),
        Segment::Seq { index } => field.element(*index),
        Segment::Enum { variant } => field.member(variant),
        Segment::Unknown => field,
    })
}

/// The field and an explanation, from serde's message. The body's own values are left out: they may be secret, and
/// long.
fn explained(field: Field, reason: &str) -> (Field, String) {
    let named = |what: &str| reason.strip_prefix(what)?.split('`').next();
    if let Some(name) = named("missing field `") {
        let field = field.member(name);
        return (field, format!("`{field}` is missing"));
    }
    if let Some(name) = named("duplicate field `") {
        let field = field.member(name);
        return (field, format!("`{field}` is given twice"));
    }
    let (reason, _place) = reason.rsplit_once(" at line ").unwrap_or((reason, ""));
    let place = if field.is_whole() { "the body".to_owned() } else { format!("`{field}`") };
    let text = match reason.rsplit_once(", expected ") {
        Some((_, names)) if reason.starts_with("unknown field `") => {
            format!("{place} is not one of {}", names.trim_start_matches("one of "))
        }
        Some((_, what)) => format!("{place} must be {}", plain(what)),
        None if reason.starts_with("unknown field `") => format!("{place} is not allowed here"),
        None => match reason.split_once(" must be ") {
            Some((_, what)) => format!("{place} must be {what}"),
            None => format!("{place}: {reason}"),
        },
    };
    (field, text)
}

/// Translates what serde expects to JSON's terms.
pub(super) fn plain(what: &str) -> &str {
    match what {
        "u32" => "an unsigned integer of 32 bits",
        "u8" | "u16" | "u64" | "usize" => "an unsigned integer",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if what.starts_with("struct ") => "an object",
        _ => what,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read only")]
    struct Whole {
        name: String,
        ttl_s: Option<u32>,
        flag: Option<bool>,
        list: Option<Vec<Part>>,
        role: Option<stagedoor_token::RoleName>,
        raw: Option<Box<RawValue>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase", deny_unknown_fields)]
    #[expect(dead_code, reason = "read only")]
    enum Part {
        One { id: u8 },
        Two,
    }

    fn told(json: &str) -> (String, String) {
        let deserializer = &mut serde_json::Deserializer::from_str(json);
        let error = serde_path_to_error::deserialize::<_, Whole>(deserializer).expect_err(json);
        let (field, text) =
            explained(field_of(Field::WHOLE, error.path()), &error.inner().to_string());
        (field.to_string(), text)
    }

    #[test]
    fn a_body_that_does_not_fit_names_its_field() {
        for (json, field, text) in [
            ("{}", "name", "`name` is missing"),
            (r#"{"name":"a","name":"b"}"#, "name", "`name` is given twice"),
            (r#"{"name":5}"#, "name", "`name` must be a string"),
            (r#"{"name":"a","ttl_s":"secret"}"#, "ttl_s", "`ttl_s` must be an unsigned integer"),
            (r#"{"name":"a","ttl_s":-1}"#, "ttl_s", "`ttl_s` must be an unsigned integer"),
            (r#"{"name":"a","flag":"secret"}"#, "flag", "`flag` must be `true` or `false`"),
            (r#"{"name":"a","list":7}"#, "list", "`list` must be a list"),
            (r#"{"name":"a","list":["two","secret"]}"#, "list[1]", "must be `one` or `two`"),
            (r#"{"name":"a","list":[{"one":{"id":"x"}}]}"#, "list[0].one.id", "unsigned integer"),
            (r#"{"name":"a","role":"Secret"}"#, "role", "must be 1 to 32 bytes of [a-z0-9_-]"),
            (r#"{"name":"a","c`\né":1}"#, "c???", "`c???` is not one of `name`, `ttl_s`, `flag`"),
            ("[]", "", "the body must be an object"),
            ("7", "", "the body must be an object"),
        ] {
            let (named, said) = told(json);
            assert_eq!(named, field, "{json}: {said}");
            assert!(
                said.contains(text) && !said.to_lowercase().contains("secret"),
                "{json}: {said}"
            );
        }
    }
}
