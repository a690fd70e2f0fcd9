//! Who performed an act. An actor has a kind as well as an id, because a user may have the same name as an API key or
//! as the operator.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The kind of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The operator, by the root credential.
    Root,
    /// A backend, by an API key.
    ApiKey,
    /// A person or a service account of the team, by its id.
    Operator,
    /// A member of a room, by its user id.
    User,
    /// The relay, by its own rules, such as the use of a one-time token.
    Relay,
    /// The process itself, for example at its first start.
    System,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Root, Self::ApiKey, Self::Operator, Self::User, Self::Relay, Self::System];

    /// The kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::ApiKey => "api_key",
            Self::Operator => "operator",
            Self::User => "user",
            Self::Relay => "relay",
            Self::System => "system",
        }
    }

    /// The kind with this name.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Who performed an act.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The operator.
    Root,
    /// A backend: the id of its API key.
    ApiKey(Arc<str>),
    /// An operator of the team: its id.
    Operator(Arc<str>),
    /// A member: its user id.
    User(Arc<str>),
    /// The relay.
    Relay,
    /// The process.
    System,
}

impl Actor {
    /// Its kind.
    pub fn kind(&self) -> ActorKind {
        match self {
            Self::Root => ActorKind::Root,
            Self::ApiKey(_) => ActorKind::ApiKey,
            Self::Operator(_) => ActorKind::Operator,
            Self::User(_) => ActorKind::User,
            Self::Relay => ActorKind::Relay,
            Self::System => ActorKind::System,
        }
    }

    /// Its id; the only actor of a kind is named like the kind.
    pub fn id(&self) -> &str {
        match self {
            Self::ApiKey(id) | Self::Operator(id) | Self::User(id) => id,
            one => one.kind().as_str(),
        }
    }
}

/// Who performed an act, and from which address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// The peer's address, of a member.
    pub peer: Option<Arc<str>>,
}

impl By {
    /// An actor who is in no room.
    pub fn outside(actor: Actor) -> Self {
        Self { actor, peer: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_they_are_serialized_and_read_back() {
        for kind in ActorKind::ALL {
            let json = serde_json::to_value(kind).expect("JSON");
            assert_eq!(json, kind.as_str());
            assert_eq!(ActorKind::named(kind.as_str()), Some(kind));
        }
        assert_eq!(ActorKind::named("king"), None);
    }

    #[test]
    fn a_user_named_root_is_not_the_operator() {
        let user = Actor::User("root".into());
        assert_eq!(user.id(), Actor::Root.id());
        assert_ne!((user.kind(), &user), (ActorKind::Root, &Actor::Root));
    }
}
