//! Where reading a stream continues.

use serde::{Deserialize, Serialize};

use crate::name::StreamName;

/// Where a member stopped reading one stream, so that it can resume there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// The stream's name.
    pub stream: StreamName,
    /// The epoch of the log that it read.
    pub epoch: u32,
    /// The number of the first frame that it did not get.
    pub seq: u64,
}
