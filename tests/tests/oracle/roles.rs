//! Draws roles, and restrictions of them.

use serde_json::{Value, json};

use super::{Gen, KEYS, KINDS, ROLES, STREAMS, VERBS};
use crate::law::{Grants, Texts};

impl Gen {
    fn role(&mut self, name: &str) -> Grants {
        let dice = &mut self.dice;
        let mut role = Grants { role: name.into(), ..Grants::default() };
        role.rank = (dice.below(5) * 10) as u16;
        role.publish.streams = dice.patterns(&STREAMS);
        role.publish.kinds = dice.some(&KINDS, 75);
        role.publish.streams_max = dice.below(5) as u32;
        role.subscribe.streams = dice.patterns(&STREAMS);
        role.subscribe.from = dice.patterns(&ROLES);
        role.send.room = dice.percent(60);
        role.send.roles = dice.patterns(&ROLES);
        role.send.users = dice.patterns(&ROLES);
        role.set = dice.patterns(&KEYS);
        role.moderate = if dice.percent(70) { dice.some(&VERBS, 70) } else { Texts::new() };
        role.presence.sees = dice.patterns(&ROLES);
        role.presence.seen_by = dice.patterns(&ROLES);
        role.ask = dice.patterns(&ROLES);
        role.invite = dice.patterns(&ROLES);
        role.waits = !self.several && dice.percent(10);
        if dice.percent(25) {
            let seconds = [json!("reject"), json!("replace"), json!({"allow": 2})];
            let seconds = if self.several { &seconds[1..] } else { &seconds[..2] };
            role.second_login = Some(dice.of(seconds).clone());
        }
        if dice.percent(15) {
            role.caps.insert("members_max".into(), 1 + dice.below(3) as u32);
        }
        if dice.percent(20) {
            role.caps.insert("frame_bytes_max".into(), 24);
        }
        role
    }

    pub(crate) fn roles(&mut self) -> (Vec<Grants>, Option<Value>) {
        let mut roles: Vec<Grants> = ROLES.iter().map(|name| self.role(name)).collect();
        // One that is above all others, so that something happens.
        roles[0].rank = 50;
        roles[0].moderate = VERBS.iter().map(|verb| (*verb).into()).collect();
        if self.dice.percent(15) {
            let at = self.dice.below(ROLES.len());
            roles.remove(at);
        }
        let app = (self.several && self.dice.percent(60)).then(|| json!({"allow": 2}));
        (roles, app)
    }

    /// A restriction, usually within the role.
    pub(super) fn narrowing(&mut self, role: &Grants) -> Value {
        let dice = &mut self.dice;
        let mut out = json!({});
        let all = serde_json::to_value(role).unwrap_or_default();
        let names = |field: &str| -> &[&str] {
            match field {
                "streams" => &STREAMS,
                "set" => &KEYS,
                "kinds" => &KINDS,
                "moderate" => &VERBS,
                _ => &ROLES,
            }
        };
        for (section, field) in [
            ("publish", "streams"),
            ("publish", "kinds"),
            ("subscribe", "streams"),
            ("subscribe", "from"),
            ("send", "roles"),
            ("send", "users"),
            ("presence", "sees"),
            ("presence", "seen_by"),
            ("", "set"),
            ("", "moderate"),
            ("", "ask"),
            ("", "invite"),
        ] {
            if !dice.percent(15) {
                continue;
            }
            let place = if section.is_empty() { &all } else { &all[section] };
            let own: Vec<&str> =
                place[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let plain = field == "kinds" || field == "moderate";
            let given = if dice.percent(4) {
                if plain { dice.some(names(field), 40) } else { dice.patterns(names(field)) }
            } else if own == ["*"] && dice.percent(60) {
                dice.patterns(names(field))
            } else {
                dice.some(&own, 60)
            };
            if section.is_empty() {
                out[field] = json!(given);
            } else {
                out[section][field] = json!(given);
            }
        }
        if dice.percent(10) {
            out["publish"]["streams_max"] =
                dice.below(role.publish.streams_max as usize + 1).into();
        }
        if dice.percent(10) {
            out["send"]["room"] = (role.send.room && dice.percent(50)).into();
        }
        if !self.several && dice.percent(3) {
            out["waits"] = true.into();
        }
        if dice.percent(4) {
            out["second_login"] = "reject".into();
        }
        if dice.percent(4) {
            out["caps"]["frame_bytes_max"] = 20.into();
        }
        out
    }
}
