//! A revocation, and the tokens it covers (`spec/revocation.md`). Only data: whether a token is covered is decided by
//! the list.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;
use stagedoor_token::{AppId, Claims, RoleName};

/// The tokens of an app that a revocation covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// The token with this id.
    Jti(String),
    /// A user, in every room.
    User(String),
    /// A user in one room.
    RoomUser {
        /// The room.
        room: String,
        /// The user.
        user: String,
    },
    /// Everybody in a room.
    Room(String),
    /// Everybody with a role in one room.
    RoomRole {
        /// The room.
        room: String,
        /// The role.
        role: String,
    },
    /// Everybody with a role, in every room.
    Role(String),
    /// The tokens signed by a key, given by its id.
    Key(String),
    /// Every token of the app.
    App,
}

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The app.
    pub app: AppId,
    /// The tokens it covers.
    pub target: Target,
    /// The app's generation that it began; it covers tokens of earlier ones.
    pub generation: u64,
    /// When it was made, Unix seconds; of tokens without a generation it covers those issued until then.
    pub at_s: u64,
    /// When a ban ends, Unix seconds; `None`: never. Only bans have an end.
    pub ends_s: Option<u64>,
    /// Whether it is a ban, which covers all tokens of its target instead of only earlier ones.
    pub ban: bool,
    /// The reason, for people.
    pub reason: Option<String>,
}

/// The token to look up, and its user.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    /// The app.
    pub app: AppId,
    /// The room.
    pub room: &'a str,
    /// The user.
    pub user: &'a str,
    /// The role.
    pub role: &'a str,
    /// The id of the key that signed the token.
    pub kid: &'a str,
    /// The token's id.
    pub jti: &'a str,
    /// When it was issued, Unix seconds.
    pub iat: u64,
    /// The app's generation when it was minted, if it has one.
    pub generation: Option<u64>,
}

impl<'a> Bearer<'a> {
    /// The token of these claims, signed by the key `kid`.
    pub fn of(claims: &'a Claims, kid: &'a str) -> Self {
        Self {
            app: claims.app,
            room: &claims.room,
            user: &claims.user,
            role: &claims.role,
            kid,
            jti: &claims.jti,
            iat: claims.iat,
            generation: claims.generation,
        }
    }
}

/// The revocation that covers a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Whether it is a ban: another token would not help.
    pub ban: bool,
    /// When that ban ends, Unix seconds; `None`: never.
    pub ends_s: Option<u64>,
}

impl Revocation {
    /// Whether it covers this token. The list answers the same without keeping texts; this is for one entry and many
    /// tokens.
    pub fn hits(&self, bearer: &Bearer<'_>) -> bool {
        let about = match &self.target {
            Target::Jti(jti) => jti == bearer.jti,
            Target::User(user) => user == bearer.user,
            Target::RoomUser { room, user } => room == bearer.room && user == bearer.user,
            Target::Room(room) => room == bearer.room,
            Target::RoomRole { room, role } => room == bearer.room && role == bearer.role,
            Target::Role(role) => role == bearer.role,
            Target::Key(kid) => kid == bearer.kid,
            Target::App => true,
        };
        let before = match bearer.generation {
            Some(generation) => generation < self.generation,
            None => bearer.iat <= self.at_s,
        };
        let whatever = self.ban || matches!(self.target, Target::Jti(_));
        self.app == bearer.app && about && (whatever || before)
    }

    /// The one room that it concerns, if there is one.
    pub fn room(&self) -> Option<&str> {
        match &self.target {
            Target::RoomUser { room, .. } | Target::Room(room) | Target::RoomRole { room, .. } => {
                Some(room)
            }
            _ => None,
        }
    }
}

/// What happens to a live seat that a revocation covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Then {
    /// It closes.
    #[default]
    Close,
    /// It continues with this role.
    Demote(RoleName),
}

/// Deserializes the derived form; a second field is an error of the data, not of the JSON.
macro_rules! one_field {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, s)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = Box::<RawValue>::deserialize(d)?;
                let mut json = serde_json::Deserializer::from_str(text.get());
                $name::deserialize(&mut json).map_err(|_| D::Error::custom($name::FORM))
            }
        }
    )*};
}

one_field!(Target, Then);

impl Target {
    const FORM: &str = "a target must be `app`, or one of `jti user room role key` with its text, \
                        `room_user` with a `room` and a `user`, `room_role` with a `room` and a `role`";
}

impl Then {
    const FORM: &str = "`then` must be `close`, or `demote` with a role";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_exactly_one_word_or_one_field() {
        for text in [
            r#"{"jti":"t1"}"#,
            r#"{"user":"anna"}"#,
            r#"{"room_user":{"room":"main","user":"anna"}}"#,
            r#"{"room":"main"}"#,
            r#"{"room_role":{"room":"main","role":"host"}}"#,
            r#"{"role":"host"}"#,
            r#"{"key":"k1"}"#,
            r#""app""#,
        ] {
            let target: Target = serde_json::from_str(text).expect(text);
            assert_eq!(serde_json::to_string(&target).expect("JSON"), text);
        }
        for text in [
            "{}",
            r#"{"user":"anna","room":"main"}"#,
            r#"{"room_user":{"room":"main"}}"#,
            r#"{"room_user":{"room":"main","user":"anna","role":"host"}}"#,
            r#"{"team":"red"}"#,
            r#""user""#,
        ] {
            assert!(serde_json::from_str::<Target>(text).is_err(), "{text}");
        }
    }
}
