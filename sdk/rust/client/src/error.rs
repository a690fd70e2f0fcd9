//! What may go wrong.

use stagedoor_wire::{close::Next, reply::Refusal};
use thiserror::Error;

/// Why there is no proof of the key to which a token is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The token is bound to a key, and the client was given none.
    #[error("the token is bound to a key: Client::proof_key")]
    Missing,
    /// Not the PKCS #8 of a P-256 or an Ed25519 key pair.
    #[error("not a key pair of P-256 or Ed25519 in PKCS #8")]
    Invalid,
    /// The system has no randomness.
    #[error("no randomness to make a key or a signature with")]
    Randomness,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address is not `ws://host:port/path` or `wss://…`.
    #[error("not an address of a relay: {0}")]
    Url(String),
    /// `wss` without a TLS configuration.
    #[error("wss needs a TLS configuration: Client::tls")]
    TlsMissing,
    /// TCP, TLS or the handshake.
    #[error("cannot connect: {0}")]
    Socket(String),
    /// The source gave no token.
    #[error("no token: {0}")]
    Token(String),
    /// The token is bound to a key, and there is no proof of it.
    #[error("no proof: {0}")]
    Key(#[from] KeyError),
    /// The door refused the token.
    #[error("refused: {}: {}", .0.code, .0.message)]
    Refused(Box<Refusal>),
    /// The relay closed before it answered.
    #[error("closed with {code} {reason}")]
    Closed {
        /// The close code; 0 when the connection broke.
        code: u16,
        /// The reason.
        reason: String,
    },
}

/// Why a request has no `ok`.
#[derive(Clone, Debug, Error)]
pub enum AskError {
    /// The relay refused it.
    #[error("refused: {}: {}", .0.code, .0.message)]
    Refused(Box<Refusal>),
    /// A name or a value that the wire does not have.
    #[error("{0}")]
    Invalid(String),
    /// The source gave no token to renew with.
    #[error("no token: {0}")]
    Token(String),
    /// The token to renew with is bound to a key, and there is no proof of it.
    #[error("no proof: {0}")]
    Key(#[from] KeyError),
    /// The connection was lost before the answer came: the request may or may not have been carried out.
    #[error("the connection was lost before the answer came")]
    Lost,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

impl ConnectError {
    /// What to do next, as the close table has it.
    pub fn next(&self, closed: Option<u16>) -> Next {
        match (self, closed) {
            (Self::Url(_) | Self::TlsMissing | Self::Key(KeyError::Missing), _) => Next::Stop,
            (Self::Closed { code, .. }, _) => Next::after(*code),
            (Self::Refused(_), Some(code)) => Next::after(code),
            (Self::Refused(_), None) => Next::Token,
            (Self::Socket(_) | Self::Token(_) | Self::Key(_), _) => Next::Later,
        }
    }
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Refusal> for AskError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
