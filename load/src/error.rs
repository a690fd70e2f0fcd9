//! Why a run has no outcome.

use std::{io, time::Duration};

use thiserror::Error;

/// Why a run has no outcome.
#[derive(Debug, Error)]
pub enum LoadError {
    /// An option that makes no sense.
    #[error("{0}")]
    Option(String),
    /// No connection.
    #[error("connection {at} of {of}: {error}{}", hint(.error))]
    Connect {
        /// Which, from 1.
        at: usize,
        /// Of how many.
        of: usize,
        /// Why.
        error: io::Error,
    },
    /// The system.
    #[error("{error}{}", hint(.error))]
    Io {
        /// What.
        #[from]
        error: io::Error,
    },
    /// The server refused, closed, or answered what makes no sense.
    #[error("the server {0}")]
    Server(String),
    /// Nothing was delivered, or answered.
    #[error("nothing came from the server for {0:?}")]
    Silence(Duration),
}

/// What to do about the errors that everybody meets once.
fn hint(error: &io::Error) -> &'static str {
    const TOO_MANY_FILES: i32 = 24;
    const NO_ADDRESS: i32 = 99;
    match error.raw_os_error() {
        Some(TOO_MANY_FILES) => {
            "; raise the limit of open files (`ulimit -n`) for this program and for the server"
        }
        Some(NO_ADDRESS) => "; all ports of one address are taken: ask for fewer connections",
        _ => "",
    }
}
