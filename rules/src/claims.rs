//! Claims by their paths.

use serde_json::{Map, Value};

/// The longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 128;
/// The deepest path, in names.
const NAMES_MAX: usize = 8;

/// Where a claim is: `groups`, `org.id`, `https://example.com/roles`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// A path of 1 to 128 bytes without control characters and braces.
    pub fn of(text: &str) -> Option<Self> {
        let fits = (1..=PATH_BYTES_MAX).contains(&text.len());
        let clean = !text.chars().any(|c| c.is_control() || matches!(c, '{' | '}'));
        (fits && clean).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The claims of an ID token.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a>(pub &'a Map<String, Value>);

impl<'a> Claims<'a> {
    /// The claim at a path: the claim of exactly this name, because names may have dots (`https://example.com/roles`);
    /// else of the first name up to a dot, in it the next, and so on. `email` is there only if the issuer says
    /// `"email_verified": true`; `null` is as good as nothing.
    pub fn at(self, path: &Path) -> Option<&'a Value> {
        let Self(claims) = self;
        let is_email = path.0 == "email" || path.0.starts_with("email.");
        if is_email && claims.get("email_verified") != Some(&Value::Bool(true)) {
            return None;
        }
        let found = claims.get(&path.0).or_else(|| {
            let mut names = path.0.split('.');
            let mut value = claims.get(names.next()?)?;
            for (at, name) in names.enumerate() {
                value = (at + 1 < NAMES_MAX).then(|| value.get(name))??;
            }
            Some(value)
        });
        found.filter(|value| !value.is_null())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_found_by_its_path() {
        let claims = json!({
            "a": {"b": {"c": 1}, "n": null}, "a.b": 2, "https://e.com/roles": ["x"], "list": [{"b": 1}],
        });
        let claims = claims.as_object().expect("an object");
        for (path, found) in [
            ("a", Some(json!({"b": {"c": 1}, "n": null}))),
            ("a.b", Some(json!(2))),
            ("a.b.c", Some(json!(1))),
            ("https://e.com/roles", Some(json!(["x"]))),
            ("a.n", None),
            ("a.x", None),
            ("list.0", None),
            ("list.b", None),
            ("a.", None),
            (".", None),
        ] {
            let path = Path::of(path).expect("a path");
            assert_eq!(Claims(claims).at(&path), found.as_ref(), "{path:?}");
        }
        let deep = "a.".repeat(20) + "a";
        assert_eq!(Claims(claims).at(&Path::of(&deep).expect("a path")), None);
        for bad in ["", "a{b", "a}b", "a\nb", &"a".repeat(129)] {
            assert_eq!(Path::of(bad), None, "{bad}");
        }
    }

    #[test]
    fn email_counts_only_if_it_is_verified() {
        let path = Path::of("email").expect("a path");
        for (verified, counts) in [
            (json!(true), true),
            (json!(false), false),
            (json!("true"), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            let claims = json!({"email": "a@b.c", "email_verified": verified});
            let found = Claims(claims.as_object().expect("an object")).at(&path).is_some();
            assert_eq!(found, counts, "{verified}");
        }
        let claims = json!({"email": "a@b.c"});
        assert_eq!(Claims(claims.as_object().expect("an object")).at(&path), None);
    }
}
