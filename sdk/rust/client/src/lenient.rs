//! Reads the grants that the relay sends. Pure. A later relay may grant more than this version knows; what is not
//! known is passed over, and the rest is read.

use std::{str::FromStr, sync::Arc};

use serde::Deserialize;
use serde_json::Value;
use stagedoor_grants::{Grants, Kind, SecondLogin, Verb};

/// The fields of grants, and those of their sections (`spec/roles.md` §Template).
const FIELDS: &[(&str, &[&str])] = &[
    ("role", &[]),
    ("rank", &[]),
    ("publish", &["streams", "kinds", "streams_max"]),
    ("subscribe", &["streams", "from"]),
    ("send", &["room", "roles", "users"]),
    ("set", &[]),
    ("moderate", &[]),
    ("presence", &["sees", "seen_by"]),
    ("ask", &[]),
    ("invite", &[]),
    ("waits", &[]),
    ("second_login", &[]),
    ("caps", &["members_max", "messages_per_s", "bytes_per_s", "frame_bytes_max"]),
];

/// The grants; `None` where they cannot be read even without what is not known.
pub(crate) fn grants(told: &Value) -> Option<Arc<Grants>> {
    let read = Grants::deserialize(told).or_else(|_| serde_json::from_value(known(told.clone())));
    read.ok().map(Arc::new)
}

fn known(mut told: Value) -> Value {
    let Some(fields) = told.as_object_mut() else { return told };
    let sections = |name: &str| FIELDS.iter().find(|(known, _)| *known == name);
    fields.retain(|name, _| sections(name).is_some());
    for (name, value) in fields.iter_mut() {
        if let (Some((_, names)), Some(section)) = (sections(name), value.as_object_mut())
            && !names.is_empty()
        {
            section.retain(|name, _| names.contains(&name.as_str()));
        }
    }
    if fields.get("second_login").is_some_and(|value| SecondLogin::deserialize(value).is_err()) {
        fields.remove("second_login");
    }
    retain_words::<Verb>(fields.get_mut("moderate"));
    retain_words::<Kind>(fields.get_mut("publish").and_then(|publish| publish.get_mut("kinds")));
    told
}

/// Takes out of a list what is not the word of a `T`.
fn retain_words<T: FromStr>(words: Option<&mut Value>) {
    if let Some(words) = words.and_then(Value::as_array_mut) {
        words.retain(|word| word.as_str().is_some_and(|word| word.parse::<T>().is_ok()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn full() -> Value {
        json!({
            "role": "host", "rank": 9,
            "publish": {"streams": ["cam-*"], "kinds": ["video"], "streams_max": 2},
            "subscribe": {"streams": ["*"], "from": ["*"]},
            "send": {"room": true, "roles": ["*"], "users": []},
            "set": ["k"], "moderate": ["kick"],
            "presence": {"sees": ["*"], "seen_by": ["*"]},
            "ask": ["a"], "invite": ["b"], "waits": false, "second_login": {"allow": 2},
            "caps": {"members_max": 1, "messages_per_s": 2, "bytes_per_s": 3, "frame_bytes_max": 4},
        })
    }

    #[test]
    fn every_field_of_grants_is_known() {
        let read = grants(&full()).expect("grants");
        assert_eq!(serde_json::to_value(&*read).expect("JSON"), full());
        assert_eq!(known(full()), full());
    }

    #[test]
    fn what_a_later_relay_adds_is_passed_over() {
        let mut later = full();
        later["teleport"] = json!({"to": ["*"]});
        later["publish"]["resolution"] = json!(4);
        later["publish"]["kinds"] = json!(["hologram", "video", 7]);
        later["moderate"] = json!(["applaud", "kick"]);
        assert_eq!(grants(&later), grants(&full()));
        later["second_login"] = json!("merge");
        assert_eq!(grants(&later).expect("grants").second_login, None);
        for bad in [json!(null), json!([]), json!({"role": "The King"}), json!({"publish": {}})] {
            assert_eq!(grants(&bad), None, "{bad}");
        }
    }
}
