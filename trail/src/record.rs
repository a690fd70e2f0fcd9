//! A record, and its canonical form: fixed order, lengths before texts, absent told from empty.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A record as it is stored and exported. Numbers are signed as in the database, so that no value is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record<'a> {
    /// Its number.
    pub id: i64,
    /// When it happened, Unix milliseconds.
    pub at_ms: i64,
    /// The AppID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<i64>,
    /// When that app was created, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_since_ms: Option<i64>,
    /// What happened.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// `ok`, or the code of the refusal.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// How many events it stands for.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: i64,
    /// The actor's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Cow<'a, str>>,
    /// The actor's kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_kind: Option<Cow<'a, str>>,
    /// The room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Cow<'a, str>>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Cow<'a, str>>,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Cow<'a, str>>,
    /// The token's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<Cow<'a, str>>,
    /// The peer's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Cow<'a, str>>,
    /// The HTTP request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// Further details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'a, str>>,
}

fn one() -> i64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(count: &i64) -> bool {
    *count == 1
}

/// Writes the canonical form of a record's fields, in this order of calls.
#[derive(Debug)]
pub struct Canonical<'a>(pub &'a mut Vec<u8>);

impl Canonical<'_> {
    /// A number.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// A number that may be absent.
    pub fn maybe_number(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => {
                self.0.push(1);
                self.number(number)
            }
            None => self.absent(),
        }
    }

    /// A text: its length in bytes, then its bytes.
    pub fn text(&mut self, text: &str) -> &mut Self {
        // No text of the trail has anywhere near 4 GiB; a longer one would collide with nothing that is written.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A text that may be absent, which differs from an empty one.
    pub fn maybe_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => {
                self.0.push(1);
                self.text(text)
            }
            None => self.absent(),
        }
    }

    fn absent(&mut self) -> &mut Self {
        self.0.push(0);
        self
    }
}

impl Record<'_> {
    /// Appends the canonical form. The id is not in it: a link's records are contiguous, and it has the first and the
    /// last id.
    pub fn canonical(&self, out: &mut Vec<u8>) {
        let mut out = Canonical(out);
        out.number(self.at_ms).maybe_number(self.app).maybe_number(self.app_since_ms);
        out.text(&self.kind).text(&self.code).number(self.count);
        for text in [&self.actor, &self.actor_kind, &self.room, &self.user, &self.role] {
            out.maybe_text(text.as_deref());
        }
        for text in [&self.jti, &self.peer, &self.request_id, &self.detail] {
            out.maybe_text(text.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Option<Cow<'static, str>>> {
        prop::option::of("[a-z\\x00]{0,3}".prop_map(Cow::Owned))
    }

    prop_compose! {
        fn record()(at_ms in 0..3i64, app in prop::option::of(0..2i64), app_since_ms in prop::option::of(0..2i64),
            kind in "[a-z]{0,2}", code in "[a-z]{0,2}", count in 0..3i64,
            texts in prop::array::uniform9(text()),
        ) -> Record<'static> {
            let [actor, actor_kind, room, user, role, jti, peer, request_id, detail] = texts;
            let (kind, code) = (kind.into(), code.into());
            Record { id: 1, at_ms, app, app_since_ms, kind, code, count, actor, actor_kind, room, user, role, jti, peer,
                request_id, detail }
        }
    }

    proptest! {
        #[test]
        fn two_records_of_one_form_are_one_record(a in record(), b in record()) {
            let form = |record: &Record<'_>| {
                let mut out = Vec::new();
                record.canonical(&mut out);
                out
            };
            prop_assert_eq!(form(&a) == form(&b), a == b);
            let json = serde_json::to_string(&a).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Record<'_>>(&json).expect("a record"), a);
        }
    }
}
