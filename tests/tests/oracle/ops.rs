//! Operations.

use serde_json::Value;

use super::{
    law::{Grants, Texts},
    world::{Revocation, Then, Token},
};

/// Connections of one episode.
pub(crate) const CLIENTS: usize = 8;

/// A message's recipients.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum To {
    Room,
    Role(String),
    User(String),
}

/// An operation. A client is a connection's number.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// With a room and a user, if the login names them.
    Login {
        client: usize,
        token: Token,
        names: Option<(String, String)>,
    },
    /// With the token of this invitation.
    Guest {
        client: usize,
        invitation: usize,
    },
    Ticket {
        client: usize,
        ticket: usize,
    },
    Leave {
        client: usize,
    },
    /// The connection breaks.
    Break {
        client: usize,
    },
    Renew {
        client: usize,
        token: Token,
    },
    Publish {
        client: usize,
        name: String,
        kind: String,
        delivery: &'static str,
        history: bool,
    },
    Unpublish {
        client: usize,
        name: String,
    },
    Frame {
        client: usize,
        stream: u32,
        key: bool,
        payload: String,
    },
    Subscribe {
        client: usize,
        patterns: Texts,
    },
    Unsubscribe {
        client: usize,
        patterns: Texts,
    },
    Send {
        client: usize,
        to: To,
        data: String,
    },
    Set {
        client: usize,
        key: String,
        value: Value,
        if_version: Option<u64>,
    },
    Ask {
        client: usize,
        role: String,
    },
    Unask {
        client: usize,
    },
    Invite {
        client: usize,
        role: String,
        ttl: i64,
        once: bool,
    },
    Moderate {
        client: usize,
        verb: &'static str,
        user: String,
        role: Option<String>,
        kinds: Option<Texts>,
        for_s: Option<i64>,
    },
    /// Admits many: in a room by the app's backend, if no client asks.
    Admit {
        client: Option<usize>,
        room: String,
        /// Everybody who waits, if `None`.
        users: Option<Texts>,
    },
    Roles {
        roles: Vec<Grants>,
        second_login: Option<Value>,
        reapply: bool,
    },
    Assign {
        room: String,
        user: String,
        role: String,
    },
    Mute {
        room: String,
        user: String,
        kinds: Texts,
        muted: bool,
    },
    Kick {
        room: String,
        user: String,
    },
    CloseRoom {
        room: String,
    },
    Message {
        room: String,
        to: To,
        data: String,
    },
    Revoke {
        entry: Revocation,
        margin: i64,
        then: Then,
    },
    Clock,
}

impl Op {
    /// The member that asks, if one does.
    pub(crate) fn client(&self) -> Option<usize> {
        match self {
            Self::Leave { client }
            | Self::Break { client }
            | Self::Renew { client, .. }
            | Self::Publish { client, .. }
            | Self::Unpublish { client, .. }
            | Self::Frame { client, .. }
            | Self::Subscribe { client, .. }
            | Self::Unsubscribe { client, .. }
            | Self::Send { client, .. }
            | Self::Set { client, .. }
            | Self::Ask { client, .. }
            | Self::Unask { client }
            | Self::Invite { client, .. }
            | Self::Moderate { client, .. } => Some(*client),
            Self::Admit { client, .. } => *client,
            _ => None,
        }
    }

    /// The connection that logs in, if one does.
    pub(crate) fn newcomer(&self) -> Option<usize> {
        match self {
            Self::Login { client, .. }
            | Self::Guest { client, .. }
            | Self::Ticket { client, .. } => Some(*client),
            _ => None,
        }
    }
}
