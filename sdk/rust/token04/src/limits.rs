//! The limits (`spec/token04.md` §Limits).

/// The longest name of a stream in `stream_id_list`, in bytes.
pub const STREAM_NAME_BYTES_MAX: u32 = 256;
/// The most names in `stream_id_list`.
pub const STREAMS_MAX: u32 = 64;

/// Limits of a token. The longest life is the app's, and stands with its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The whole token, in bytes.
    pub token_bytes_max: usize,
    /// `room_id`, in bytes.
    pub room_bytes_max: u32,
    /// `user_id`, in bytes.
    pub user_bytes_max: u32,
    /// How far `ctime` may be in the future, in seconds.
    pub leeway_s: u64,
}

impl Limits {
    /// The limits of `spec/token04.md`.
    pub const DEFAULT: Self =
        Self { token_bytes_max: 4_096, room_bytes_max: 128, user_bytes_max: 64, leeway_s: 10 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
