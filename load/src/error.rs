//! Why a run has no result.

use std::{io, time::Duration};

use thiserror::Error;

/// Why a run has no result.
#[derive(Debug, Error)]
pub enum LoadError {
    /// An option that makes no sense.
    #[error("{0}")]
    Option(String),
    /// A connection failed.
    #[error("connection {at} of {of}: {error}{}", hint(.error))]
    Connect {
        /// Which one, from 1.
        at: usize,
        /// Of how many.
        of: usize,
        /// The error.
        error: io::Error,
    },
    /// A system call failed.
    #[error("{error}{}", hint(.error))]
    Io {
        /// What was attempted.
        #[from]
        error: io::Error,
    },
    /// The server refused, closed, or sent something unexpected.
    #[error("the server {0}")]
    Server(String),
    /// Nothing was delivered or answered.
    #[error("the server sent nothing for {0:?}")]
    Silence(Duration),
}

/// What to do about common errors.
fn hint(error: &io::Error) -> &'static str {
    const TOO_MANY_FILES: i32 = 24;
    const NO_ADDRESS: i32 = 99;
    match error.raw_os_error() {
        Some(TOO_MANY_FILES) => {
            "; raise the limit of open files (`ulimit -n`) for this program and for the server"
        }
        Some(NO_ADDRESS) => "; all ports of one address are in use; use fewer connections",
        _ => "",
    }
}
