//! Every limit of the wire and of the relay, by name (`spec/wire.md` §Limits). The configuration has them under
//! `[relay.limits]` and refuses unknown names.

use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// Limits by name. `Default` has the values of the specification.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// Name and value of each limit, in the order of the spec.
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), u64::try_from(self.$name).unwrap_or(u64::MAX)),)*]
            }
        }
    };
}

limits! {
    /// How long a new connection may take for its request head, and then for its login, in milliseconds.
    login_timeout_ms: u64 = 10_000;
    /// The request head of an upgrade, in bytes.
    handshake_bytes_max: usize = 8_192;
    /// Connections of the relay at once.
    connections_max: usize = 100_000;
    /// Seats of one app at once.
    connections_per_app_max: usize = 50_000;
    /// Connections at once from one address, or from one 64-bit network of IPv6.
    connections_per_address_max: usize = 1_000;
    /// Connections above `connections_max` that still get a refusal with its reason.
    connections_told_max: usize = 1_024;
    /// Members of one room.
    room_members_max: usize = 20_000;
    /// One control message, in bytes.
    control_bytes_max: usize = 65_536;
    /// How deeply lists and objects of one control message are nested.
    json_depth_max: usize = 64;
    /// One data frame, header included, in bytes.
    frame_bytes_max: usize = 1_048_576;
    /// The `data` of one message, in bytes.
    message_bytes_max: usize = 16_384;
    /// Requests a second of one connection, `send` included.
    requests_per_s: u32 = 50;
    /// Requests above the rate that one connection may make at once.
    requests_burst: u32 = 200;
    /// Bytes of control messages a second of one connection.
    control_bytes_per_s: u32 = 524_288;
    /// Bytes above the rate that one connection may send at once.
    control_bytes_burst: u32 = 4_194_304;
    /// Messages a second of one connection.
    sends_per_s: u32 = 10;
    /// Messages above the rate that one connection may send at once.
    sends_burst: u32 = 20;
    /// Requests refused for their rate, beyond those carried out, before the connection is closed.
    rate_refusals_max: u32 = 500;
    /// Logins a second with one token.
    logins_per_s: u32 = 5;
    /// Logins above the rate that may be made at once with one token.
    logins_burst: u32 = 50;
    /// Logins a second from one address. Refused ones have a count of their own: `login_refusals_per_s`.
    address_logins_per_s: u32 = 100;
    /// Logins above the rate that may be made at once from one address.
    address_logins_burst: u32 = 2_000;
    /// Refused logins a second from one address. Above it, its tokens are not looked at.
    login_refusals_per_s: u32 = 5;
    /// Refused logins above the rate that one address may make at once.
    login_refusals_burst: u32 = 50;
    /// Live streams of one room.
    streams_per_room_max: usize = 1_000;
    /// The `meta` of a stream, in bytes.
    stream_meta_bytes_max: usize = 1_024;
    /// Patterns that one member subscribes to.
    subscriptions_per_member_max: usize = 2_000;
    /// Keys of a room's state.
    state_keys_max: usize = 256;
    /// One value of a room's state, in bytes.
    state_value_bytes_max: usize = 16_384;
    /// Frames that one stream keeps for subscribers that are behind, in bytes.
    stream_log_bytes_max: usize = 4_194_304;
    /// How long one stream keeps frames for subscribers that are behind, in milliseconds.
    stream_log_age_ms_max: u64 = 5_000;
    /// Frames that all streams of a room keep, in bytes; each stream has an equal share of it.
    room_log_bytes_max: usize = 67_108_864;
    /// Events that a room keeps for each view of it, in bytes.
    events_log_bytes_max: usize = 262_144;
    /// How long a room keeps events for each view of it, in milliseconds.
    events_log_age_ms_max: u64 = 60_000;
    /// Memory of the process, in bytes, above which new rooms, seats and streams are refused; 0: three quarters of the
    /// machine's.
    memory_bytes_max: u64 = 0;
    /// Answers and messages that wait to be written to one member, in bytes.
    outbox_bytes_max: usize = 262_144;
    /// What one connection reads from the logs at a time, in bytes.
    gather_bytes_max: usize = 262_144;
    /// The shortest time between two announcements of joins and leaves, in milliseconds.
    presence_batch_interval_ms: u64 = 250;
    /// Joins and leaves in one announcement.
    presence_batch_members_max: usize = 100;
    /// Members in the answer to `login` and in one page of `members`.
    members_page_max: usize = 100;
    /// One page of members, streams, state or requests, in bytes.
    page_bytes_max: usize = 32_768;
    /// A connection from which nothing came for this long is pinged, in milliseconds.
    ping_interval_ms: u64 = 15_000;
    /// How long the peer may take to answer the ping, in milliseconds.
    pong_timeout_ms: u64 = 10_000;
    /// The connection closes when the peer accepts nothing for this long, in milliseconds.
    write_timeout_ms: u64 = 10_000;
    /// How long a closing connection may take for its close frame, in milliseconds.
    close_timeout_ms: u64 = 2_000;
    /// How long before its token ends a member is notified, in seconds.
    token_expiring_notice_s: u64 = 30;
    /// How long the closes are spread over when the relay shuts down, in milliseconds.
    drain_grace_ms: u64 = 10_000;
    /// How long the overrides of users are kept after the room's last member left, in milliseconds.
    standing_keep_ms: u64 = 300_000;
    /// Members of one room that ask for a role at the same time.
    asks_max: usize = 1_000;
    /// Members that one request admits.
    admits_at_once_max: usize = 1_000;
    /// The kernel's send buffer of one connection, in bytes; 0 leaves it to the kernel.
    socket_send_buffer_bytes: usize = 262_144;
    /// The shortest time between two wishes for a keyframe of one stream, in milliseconds.
    keyframe_interval_ms: u64 = 500;
    /// How old the newest keyframe may be for a reader that begins, in milliseconds.
    keyframe_fresh_ms: u64 = 1_000;
    /// How long a stream counts as watched after its last reader left, in milliseconds.
    watched_linger_ms: u64 = 2_000;
    /// How far behind a subscriber of a `media` stream may be, in milliseconds.
    media_behind_ms_max: u64 = 1_500;
    /// What the kernel holds unsent for a connection that reads `media`, in bytes; 0 leaves it to the kernel.
    socket_unsent_bytes: usize = 16_384;
}
