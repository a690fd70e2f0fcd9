//! Texts with claims in them: `class-{org.id}-*`.

use std::fmt;

use serde_json::Value;

use crate::claims::{Claims, Path};

/// The longest template, in bytes.
const TEMPLATE_BYTES_MAX: usize = 512;

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Claim(Path),
}

/// A text with claims in it. A claim stands in braces; there are no other braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// Why a claim is not put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is neither a text nor a whole number.
    Kind,
    /// It is empty.
    Empty,
    /// It has a control character or a `*`, or one that the place does not take.
    Character,
    /// What results is too long.
    Long,
}

impl Unfit {
    /// As words, which follow the name of the claim.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "is neither a text nor a whole number",
            Self::Empty => "is empty",
            Self::Character => "has a character that may not stand there",
            Self::Long => "makes the result too long",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What comes of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filled {
    /// A text.
    Text(String),
    /// Nothing: this claim is not there.
    Absent(Path),
    /// Nothing: this claim may not be put in.
    Unfit(Path, Unfit),
}

impl Template {
    /// Reads a template of 1 to 512 bytes.
    pub fn of(text: &str) -> Option<Self> {
        if !(1..=TEMPLATE_BYTES_MAX).contains(&text.len()) || text.chars().any(char::is_control) {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            let (path, after) = after.strip_prefix('{')?.split_once('}')?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Claim(Path::of(path)?));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Some(Self(parts))
    }

    /// With this in place of each claim: to see what a template can become at all.
    pub fn sample(&self, with: &str) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Claim(_) => with.to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// Puts the claims in. What is put in is never empty and has no control character and no `*`, so that nobody
    /// becomes more by a claim than the template says; all characters of it must pass `takes`.
    pub fn fill(
        &self,
        claims: Claims<'_>,
        bytes_max: usize,
        takes: impl Fn(char) -> bool,
    ) -> Filled {
        let mut whole = String::new();
        let mut last = None;
        for part in &self.0 {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Claim(path) => {
                    let unfit = |why| Filled::Unfit(path.clone(), why);
                    let text = match claims.at(path) {
                        None => return Filled::Absent(path.clone()),
                        Some(Value::String(text)) => text.clone(),
                        Some(Value::Number(n)) if n.is_u64() || n.is_i64() => n.to_string(),
                        Some(_) => return unfit(Unfit::Kind),
                    };
                    if text.is_empty() {
                        return unfit(Unfit::Empty);
                    }
                    if text.chars().any(|c| c.is_control() || c == '*' || !takes(c)) {
                        return unfit(Unfit::Character);
                    }
                    whole.push_str(&text);
                    last = Some(path);
                }
            }
            if let Some(path) = last.filter(|_| whole.len() > bytes_max) {
                return Filled::Unfit(path.clone(), Unfit::Long);
            }
        }
        Filled::Text(whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn filled(template: &str, claims: &Value) -> Filled {
        let claims = Claims(claims.as_object().expect("an object"));
        Template::of(template).expect("a template").fill(claims, 16, |_| true)
    }

    #[test]
    fn claims_are_put_in() {
        let claims = json!({"sub": "anna", "org": {"id": 7}, "n": -1});
        for (template, text) in [
            ("{sub}", "anna"),
            ("class-{org.id}-*", "class-7-*"),
            ("{sub}{org.id}", "anna7"),
            ("{n}", "-1"),
            ("lobby", "lobby"),
        ] {
            assert_eq!(filled(template, &claims), Filled::Text(text.into()), "{template}");
        }
        let absent = Filled::Absent(Path::of("x").expect("a path"));
        assert_eq!(filled("a-{x}", &claims), absent);
    }

    #[test]
    fn what_could_widen_or_break_a_text_is_refused() {
        for (claim, why) in [
            (json!(""), Unfit::Empty),
            (json!("*"), Unfit::Character),
            (json!("a*"), Unfit::Character),
            (json!("a\nb"), Unfit::Character),
            (json!("a\u{0}"), Unfit::Character),
            (json!("\u{85}"), Unfit::Character),
            (json!(["a"]), Unfit::Kind),
            (json!({"a": 1}), Unfit::Kind),
            (json!(true), Unfit::Kind),
            (json!(0.5), Unfit::Kind),
            (json!("a".repeat(15)), Unfit::Long),
        ] {
            let unfit = Filled::Unfit(Path::of("c").expect("a path"), why);
            assert_eq!(filled("x-{c}", &json!({ "c": claim })), unfit, "{claim}");
        }
    }

    #[test]
    fn a_template_has_no_other_braces() {
        for bad in ["", "{", "}", "{}", "{a", "a}", "{a{b}}", "{{a}}", "a\n", &"a".repeat(513)] {
            assert_eq!(Template::of(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_put_in_stays_between_its_neighbours(claim in ".{0,12}") {
            let claims = json!({ "c": claim });
            match filled("<{c}>", &claims) {
                Filled::Text(text) => {
                    prop_assert_eq!(&text, &format!("<{claim}>"));
                    prop_assert!(!claim.is_empty() && !claim.contains('*') && text.len() <= 16);
                    prop_assert!(!claim.chars().any(char::is_control));
                }
                Filled::Unfit(..) => prop_assert!(
                    claim.is_empty() || claim.contains('*') || claim.len() > 14
                        || claim.chars().any(char::is_control)
                ),
                Filled::Absent(_) => prop_assert!(false, "it is there"),
            }
        }
    }
}
