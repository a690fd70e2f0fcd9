//! What a member may do (`spec/roles.md` §Template). What a section does not name is denied.

use serde::{Deserialize, Serialize};

use crate::{
    caps::{Caps, SecondLogin},
    pattern::Patterns,
    role_name::RoleName,
    strict::{objects_only, present},
    words::{Kinds, Verbs},
};

/// What a member may do. A role's template has this form, and so have the effective grants that the relay tells a
/// member.
///
/// Reads strictly: an unknown or repeated field is an error, because a mistyped grant that is ignored grants
/// something else. Not `#[non_exhaustive]`: code that builds grants section by section (a role narrowed by a
/// token, a waiting member that may do nothing) must fail to compile when a section is added.
///
/// ```
/// use stagedoor_grants::{Grants, Kind};
///
/// let json = r#"{"role":"speaker","publish":{"streams":["cam-*"],"kinds":["video"],"streams_max":1}}"#;
/// let grants: Grants = serde_json::from_str(json)?;
/// assert!(grants.publish.streams.matches("cam-1") && grants.publish.kinds.contains(Kind::Video));
/// assert!(!grants.send.room, "what is not named is denied");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Grants {
    /// The role's name.
    pub role: RoleName,
    /// The role's rank, 0 to 65535. Moderation reaches members of lower rank only.
    #[serde(default)]
    pub rank: u16,
    /// Which streams the member may publish.
    #[serde(default)]
    pub publish: Publish,
    /// Which streams the member may receive.
    #[serde(default)]
    pub subscribe: Subscribe,
    /// Whom the member may message.
    #[serde(default)]
    pub send: SendTo,
    /// Which keys of the room's state the member may set.
    #[serde(default)]
    pub set: Patterns,
    /// Which acts of moderation the member may carry out.
    #[serde(default)]
    pub moderate: Verbs,
    /// Whom the member sees, and who sees it.
    #[serde(default)]
    pub presence: Presence,
    /// Which roles the member may ask for.
    #[serde(default)]
    pub ask: Patterns,
    /// For which roles of lower rank the member may obtain a token for a guest.
    #[serde(default)]
    pub invite: Patterns,
    /// Whether a member that logs in with this role waits until it is admitted.
    #[serde(default)]
    pub waits: bool,
    /// What a second login of the same user does; `None` leaves it to the app's setting.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub second_login: Option<SecondLogin>,
    /// How much each member of the role may use, and how many members it has.
    #[serde(default)]
    pub caps: Caps,
}

/// Which streams may be published: name, kind and number must all fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Publish {
    /// Names of streams.
    pub streams: Patterns,
    /// Kinds of streams.
    pub kinds: Kinds,
    /// Live streams of the member at once, at most.
    pub streams_max: u32,
}

/// Which streams may be received: the name and the publisher's role must both fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Subscribe {
    /// Names of streams.
    pub streams: Patterns,
    /// Roles of the publishers.
    pub from: Patterns,
}

/// Who may be messaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct SendTo {
    /// Whether one message may go to everybody in the room.
    pub room: bool,
    /// Roles whose members may be messaged all at once.
    pub roles: Patterns,
    /// Roles whose members may be messaged one by one.
    pub users: Patterns,
}

/// Who sees whom. A member sees another only where both sides allow it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Presence {
    /// Roles that the member sees.
    pub sees: Patterns,
    /// Roles that see the member.
    pub seen_by: Patterns,
}

objects_only!(Grants, Publish, Subscribe, SendTo, Presence);

impl Grants {
    /// Grants of this role and rank 0 that allow nothing.
    pub fn none(role: RoleName) -> Self {
        Self {
            role,
            rank: 0,
            publish: Publish::default(),
            subscribe: Subscribe::default(),
            send: SendTo::default(),
            set: Patterns::default(),
            moderate: Verbs::default(),
            presence: Presence::default(),
            ask: Patterns::default(),
            invite: Patterns::default(),
            waits: false,
            second_login: None,
            caps: Caps::default(),
        }
    }
}

/// Grants of the role `none` that allow nothing.
impl Default for Grants {
    fn default() -> Self {
        Self::none(RoleName::known("none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_names_nothing_allows_nothing() {
        let ghost: Grants = serde_json::from_str(r#"{"role":"ghost"}"#).expect("a template");
        assert_eq!(ghost, Grants::none("ghost".parse().expect("a name")));
        assert!("none".parse() == Ok(Grants::default().role));
    }

    #[test]
    fn arrays_and_unknown_or_repeated_fields_are_refused() {
        for bad in [
            r#"["ghost"]"#,
            r#"{"role":"ghost","publsh":{}}"#,
            r#"{"role":"ghost","role":"ghost"}"#,
            r#"{"role":"ghost","publish":[["*"]]}"#,
            r#"{"role":"ghost","second_login":null}"#,
        ] {
            assert!(serde_json::from_str::<Grants>(bad).is_err(), "{bad}");
        }
    }
}
