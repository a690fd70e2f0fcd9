//! What may go wrong. Errors say what happened; what caused it is their `source()`, and is not repeated.

use std::{error::Error as StdError, sync::Arc};

use stagedoor_wire::{close::Next, name::NameError, reply::Refusal};
use thiserror::Error;

/// What caused an error, where that is the application's or another library's.
pub type Cause = Arc<dyn StdError + Send + Sync>;

/// Why there is no proof that the client holds the key to which a token is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The token is bound to a key, and the client has none.
    #[error("the token is bound to a key: give it to the client with Client::proof_key")]
    Missing,
    /// The bytes are not the PKCS #8 of a P-256 or an Ed25519 key pair.
    #[error("the bytes must be a key pair of P-256 or Ed25519 in PKCS #8 (DER)")]
    Invalid,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers to make a key or a signature with")]
    Randomness,
}

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not one of a relay.
    #[error("`{0}` must be an address such as ws://host:port/path or wss://…, without a query")]
    Url(String),
    /// The certificates that the system trusts could not be read, or there are none.
    #[error("no certificates to trust `wss` with: install some, or give Client::tls your own")]
    Roots(#[source] Cause),
    /// TCP, TLS or the WebSocket handshake failed.
    #[error("cannot connect to the relay")]
    Socket(#[source] Cause),
    /// The relay answered in a form that this version does not know.
    #[error("the relay's answer does not read; does this version of the client fit the relay's?")]
    Answer(#[source] serde_json::Error),
    /// The source of tokens failed.
    #[error("the source of tokens gave none")]
    Token(#[source] Cause),
    /// The token is bound to a key, and there is no proof of it.
    #[error("the token is bound to a key, and there is no proof of it")]
    Key(#[from] KeyError),
    /// The relay refused the token.
    #[error("the relay refused the login: {}: {}", .0.code, .0.message)]
    Refused(Box<Refusal>),
    /// The relay closed the connection before it answered.
    #[error("the relay closed the connection with {code} {reason}")]
    Closed {
        /// The close code (`spec/wire.md` §Close codes); 0 when the connection broke.
        code: u16,
        /// The reason that came with the code.
        reason: String,
    },
}

/// Why a request was not carried out.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The relay refused it.
    #[error("the relay refused: {}: {}", .0.code, .0.message)]
    Refused(Box<Refusal>),
    /// A name of a stream, a key or a topic breaks the wire's rules. Nothing was sent.
    #[error("nothing was sent: a name is not allowed")]
    Name(#[from] NameError),
    /// The value cannot be written as JSON. Nothing was sent.
    #[error("nothing was sent: the value cannot be written as JSON")]
    Data(#[source] Arc<serde_json::Error>),
    /// The relay answered in a form that this version does not know. The request was carried out.
    #[error("the relay's answer does not read; does this version of the client fit the relay's?")]
    Answer(#[source] Arc<serde_json::Error>),
    /// The source of tokens failed, so there is none to renew with.
    #[error("the source of tokens gave none to renew with")]
    Token(#[source] Cause),
    /// The new token is bound to a key, and there is no proof of it.
    #[error("the new token is bound to a key, and there is no proof of it")]
    Key(#[from] KeyError),
    /// The connection was lost before the answer came. The request may or may not have been carried out.
    #[error(
        "the connection was lost before the answer came; it is not known whether the request was carried out"
    )]
    Lost,
    /// The client has closed, so nothing was sent.
    #[error("nothing was sent: the client has closed")]
    Closed,
}

/// An error with its causes, as one line.
pub(crate) fn line(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

impl ConnectError {
    pub(crate) fn socket(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::Socket(Arc::new(cause))
    }

    /// What to do next, by the close table (`spec/wire.md` §Close codes). `closed` is the close code that followed
    /// a refusal, if one did.
    pub fn next(&self, closed: Option<u16>) -> Next {
        match (self, closed) {
            (Self::Url(_) | Self::Roots(_) | Self::Key(KeyError::Missing), _) => Next::Stop,
            (Self::Closed { code, .. }, _) => Next::after(*code),
            (Self::Refused(_), Some(code)) => Next::after(code),
            (Self::Refused(_), None) => Next::Token,
            (Self::Socket(_) | Self::Answer(_) | Self::Token(_) | Self::Key(_), _) => Next::Later,
        }
    }
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Refusal> for RequestError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use stagedoor_wire::name::Topic;

    use super::*;

    fn no_json() -> serde_json::Error {
        serde_json::from_str::<u8>("x").expect_err("no number")
    }

    fn cause() -> Cause {
        Arc::new(io::Error::other("the cause"))
    }

    /// The cause is there, and its text stands once in the line.
    fn keeps(error: &dyn StdError) -> bool {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        !cause.is_empty() && line(error).matches(&cause).count() == 1
    }

    #[test]
    fn each_connect_error_keeps_its_cause() {
        let errors = [
            ConnectError::Roots(cause()),
            ConnectError::Socket(cause()),
            ConnectError::Answer(no_json()),
            ConnectError::Token(cause()),
            ConnectError::Key(KeyError::Randomness),
        ];
        for error in &errors {
            assert!(keeps(error), "{error:?}");
        }
        assert_eq!(line(&errors[1]), "cannot connect to the relay: the cause");
    }

    #[test]
    fn each_request_error_keeps_its_cause() {
        let name = Topic::new("a b").expect_err("no topic");
        for error in [
            RequestError::Name(name),
            RequestError::Data(Arc::new(no_json())),
            RequestError::Answer(Arc::new(no_json())),
            RequestError::Token(cause()),
            RequestError::Key(KeyError::Missing),
        ] {
            assert!(keeps(&error), "{error:?}");
        }
    }
}
