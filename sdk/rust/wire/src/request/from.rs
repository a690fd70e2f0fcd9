//! Where reading goes on.

use serde::{Deserialize, Serialize};

use crate::name::StreamName;

/// Where a member stopped reading one stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// The stream's name.
    pub stream: StreamName,
    /// The log it read.
    pub epoch: u32,
    /// The number of the first frame that it lacks.
    pub seq: u64,
}
