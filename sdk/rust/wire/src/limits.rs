//! Every limit of the wire and of the relay, by name (`spec/wire.md` §Limits). The file format of these names
//! is TOML's `[relay.limits]`; an unknown name is refused.

use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// Limits by name; `Default` gives the values of the spec.
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
    /// How long a new connection may take to bring its request head, and then its login.
    login_timeout_ms: u64 = 10_000;
    /// The request head of an upgrade.
    handshake_bytes_max: usize = 8_192;
    /// Connections of the relay.
    connections_max: usize = 100_000;
    /// Seats of one app.
    connections_per_app_max: usize = 50_000;
    /// Connections from one address, or from one network of 64 bits of IPv6.
    connections_per_address_max: usize = 1_000;
    /// Connections above `connections_max` that are still told why they are refused.
    connections_told_max: usize = 1_024;
    /// Members of one room.
    room_members_max: usize = 20_000;
    /// One control message.
    control_bytes_max: usize = 65_536;
    /// Lists and objects within each other in one control message.
    json_depth_max: usize = 64;
    /// One data frame, its header included.
    frame_bytes_max: usize = 1_048_576;
    /// `data` of one message.
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
    /// Logins a second from one address; refused ones are counted apart, by the same rate.
    address_logins_per_s: u32 = 100;
    /// Logins above the rate that may be made at once from one address.
    address_logins_burst: u32 = 2_000;
    /// Live streams of one room.
    streams_per_room_max: usize = 1_000;
    /// `meta` of a stream.
    stream_meta_bytes_max: usize = 1_024;
    /// Patterns that one member subscribes to.
    subscriptions_per_member_max: usize = 2_000;
    /// Keys of a room's state.
    state_keys_max: usize = 256;
    /// One value of a room's state.
    state_value_bytes_max: usize = 16_384;
    /// Frames that one stream keeps for those behind, in bytes.
    stream_log_bytes_max: usize = 4_194_304;
    /// Frames that one stream keeps for those behind, by age.
    stream_log_age_ms_max: u64 = 5_000;
    /// Frames that all streams of a room keep, in bytes; each stream has an equal share of it.
    room_log_bytes_max: usize = 67_108_864;
    /// Events that a room keeps for each view of it, in bytes.
    events_log_bytes_max: usize = 262_144;
    /// Events that a room keeps for each view of it, by age.
    events_log_age_ms_max: u64 = 60_000;
    /// Memory of the process, above which nobody new is let in; 0: three quarters of what there is.
    memory_bytes_max: u64 = 0;
    /// Answers and messages to one member that wait to be written.
    outbox_bytes_max: usize = 262_144;
    /// What one connection takes from the logs at a time.
    gather_bytes_max: usize = 262_144;
    /// Joins and leaves are told at most this often.
    presence_batch_interval_ms: u64 = 250;
    /// Joins and leaves told at a time.
    presence_batch_members_max: usize = 100;
    /// Members in the answer to `login` and in one page of `members`.
    members_page_max: usize = 100;
    /// Members, streams, keys of the state or asks told at a time, in bytes.
    page_bytes_max: usize = 32_768;
    /// A connection that said nothing for so long is asked.
    ping_interval_ms: u64 = 15_000;
    /// How long the peer may take to say anything after that.
    pong_timeout_ms: u64 = 10_000;
    /// How long the peer may take not one byte while some wait.
    write_timeout_ms: u64 = 10_000;
    /// How long a closing connection may take to say goodbye.
    close_timeout_ms: u64 = 2_000;
    /// How long before its token's end a member is told.
    token_expiring_notice_s: u64 = 30;
    /// Over how long the closes are spread when the relay goes away.
    drain_grace_ms: u64 = 10_000;
    /// How long what moderators gave users is kept after the room's last member left.
    standing_keep_ms: u64 = 300_000;
    /// Members of a room that ask for a role at once.
    asks_max: usize = 1_000;
    /// Members that one request admits, at most.
    admits_at_once_max: usize = 1_000;
    /// The kernel's send buffer of a connection; 0 leaves it to the kernel.
    socket_send_buffer_bytes: usize = 262_144;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_and_its_default_is_in_the_spec_and_back() {
        let spec = include_str!("../../../../spec/wire.md");
        let table = spec.split("## Limits").nth(1).expect("the spec has the section");
        let rows: Vec<String> = table
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split('|').take(3).collect::<Vec<_>>().join("|"))
            .collect();
        let ours: Vec<String> = Limits::default()
            .list()
            .iter()
            .map(|(name, value)| format!("| `{name}` | {value} "))
            .collect();
        assert_eq!(rows, ours);
    }
}
