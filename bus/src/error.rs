//! Why a request on the bus got no answer.

use thiserror::Error;

/// Why a command got no answer, or nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BusError {
    /// No relay exists, or it is too busy to accept a command.
    #[error("no relay accepts commands now; try again")]
    Unavailable,
    /// The relay did not answer in time.
    #[error("the relay did not answer in time; try again")]
    Timeout,
    /// The store accepts nothing now.
    #[error("the store accepts nothing now; try again")]
    StoreUnavailable,
}
