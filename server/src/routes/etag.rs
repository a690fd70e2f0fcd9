//! `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use crate::error::ApiError;

/// The caller's `If-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Absent, or `*`.
    Any,
    /// One of these tags, without quotes. Weak tags are left out: they never match.
    Tags(Vec<String>),
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::read(&parts.headers).ok_or(ApiError::Malformed {
            code: "if_match_invalid",
            detail: "`If-Match` must be `*` or a list of quoted tags".into(),
        })
    }
}

impl IfMatch {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let fields: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
        if fields.is_empty() {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        for field in &fields {
            let mut left = field.to_str().ok()?.trim();
            if left == "*" {
                return (fields.len() == 1).then_some(Self::Any);
            }
            // List elements may be empty, and so may the list (RFC 9110 §5.6.1.2).
            while !left.is_empty() {
                if let Some(rest) = left.strip_prefix(',') {
                    left = rest.trim_start();
                    continue;
                }
                let strong = left.strip_prefix("W/").unwrap_or(left);
                let is_weak = strong.len() < left.len();
                let (tag, rest) = strong.strip_prefix('"')?.split_once('"')?;
                if !is_weak {
                    tags.push(tag.to_owned());
                }
                left = rest.trim_start();
                if !(left.is_empty() || left.starts_with(',')) {
                    return None;
                }
            }
        }
        Some(Self::Tags(tags))
    }

    /// Whether the present tag, without quotes, is one that the caller saw.
    pub(crate) fn check(&self, now: &str) -> Result<(), ApiError> {
        match self {
            Self::Tags(tags) if !tags.iter().any(|tag| tag == now) => Err(ApiError::Precondition {
                code: "etag_mismatch",
                detail: "it has changed since you read it; read it again",
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(fields: &[&str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::IF_MATCH, HeaderValue::from_str(field).expect("a value"));
        }
        IfMatch::read(&headers)
    }

    #[test]
    fn tags_are_read_as_they_are_written() {
        let tags =
            |tags: &[&str]| Some(IfMatch::Tags(tags.iter().map(ToString::to_string).collect()));
        for (fields, read_as) in [
            (&[][..], Some(IfMatch::Any)),
            (&["*"], Some(IfMatch::Any)),
            (&["\"a\""], tags(&["a"])),
            (&["\"a\" ,\"b,c\"", "\"d\""], tags(&["a", "b,c", "d"])),
            (&["W/\"a\""], tags(&[])),
            (&["W/\"a\", \"b\""], tags(&["b"])),
            (&["\"\""], tags(&[""])),
            (&[""], tags(&[])),
            (&[", ,\"a\",,\"b\","], tags(&["a", "b"])),
            (&["a"], None),
            (&["\"a"], None),
            (&["\"a\" \"b\""], None),
            (&["\"a\","], tags(&["a"])),
            (&["*", "\"a\""], None),
        ] {
            assert_eq!(read(fields), read_as, "{fields:?}");
        }
    }

    #[test]
    fn only_one_of_the_tags_matches() {
        assert!(IfMatch::Any.check("1").is_ok());
        assert!(IfMatch::Tags(vec!["0".into(), "1".into()]).check("1").is_ok());
        assert!(IfMatch::Tags(vec!["0".into()]).check("1").is_err());
        assert!(IfMatch::Tags(Vec::new()).check("1").is_err());
    }
}
