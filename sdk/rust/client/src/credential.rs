//! What logs in: the token of the source, or the ticket of the last login. Pure.

use stagedoor_wire::{
    member::Cursor,
    request::{self, op},
};

/// What logs in.
pub(crate) enum Credential {
    /// The source's token.
    Token(String),
    /// What the last login gave in its place.
    Ticket(String),
}

impl Credential {
    /// The token or the ticket.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Token(text) | Self::Ticket(text) => text,
        }
    }

    /// The request that logs in.
    pub(crate) fn login(&self, room: Option<String>, resume: Option<Cursor>) -> request::Login {
        let (token, ticket) = match self {
            Self::Token(token) => (Some(token.clone()), None),
            Self::Ticket(ticket) => (None, Some(ticket.clone())),
        };
        request::Login {
            op: op::Login,
            id: 0,
            token,
            ticket,
            proof: None,
            app: None,
            room,
            user: None,
            resume,
        }
    }
}
