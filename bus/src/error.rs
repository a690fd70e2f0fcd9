//! Why the bus gave no answer.

use thiserror::Error;

/// Why a command got no answer, or nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BusError {
    /// No relay is there, or it is too busy to take a command.
    #[error("no relay takes commands")]
    Unavailable,
    /// The relay did not answer in time.
    #[error("the relay did not answer in time")]
    Timeout,
    /// The store takes nothing now.
    #[error("the store takes nothing now")]
    StoreUnavailable,
}
