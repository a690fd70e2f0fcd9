//! The server's configuration: every limit, by name.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::public_url::PublicUrl;

/// What the audit trail keeps of peers' addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditPeer {
    /// The address, with the port if a member connected.
    #[default]
    Full,
    /// The network: 24 bits of an IPv4 address, 56 of an IPv6 address.
    Prefix,
    /// Nothing.
    None,
}

/// Whether the root credential opens anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootUse {
    /// It does.
    #[default]
    On,
    /// Only while there is no owner.
    Off,
}

macro_rules! config {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// The server's configuration. Unknown names are refused.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }
    };
}

config! {
    /// The folder of the database; created if it does not exist.
    data_dir: PathBuf = PathBuf::from("data");
    /// The origin at which clients reach this server, such as `https://stagedoor.example`; without one there is no
    /// discovery, because the `Host` of a request proves nothing.
    public_url: Option<PublicUrl> = None;
    /// Whether the root credential opens anything: `off` ends it once there is an owner.
    root: RootUse = RootUse::On;
    /// Default lifetime of a new app's tokens, in seconds.
    ttl_s_default: u64 = 3_600;
    /// Longest lifetime of a new app's tokens, in seconds.
    ttl_s_max: u64 = 86_400;
    /// Size of a request body, in bytes.
    body_bytes_max: usize = 65_536;
    /// Nesting depth of lists and objects in a request body.
    json_depth_max: usize = 64;
    /// Length of the names of apps and API keys, in bytes.
    name_bytes_max: usize = 128;
    /// Entries per page.
    page_entries_max: u32 = 200;
    /// Requests per second of one credential.
    rate_per_s: u32 = 200;
    /// Requests that one credential may make at once above the rate.
    rate_burst: u32 = 400;
    /// Failed authentications per second of one address, and of one credential. A valid credential is never refused
    /// because of other callers' failures.
    refusals_per_s: u32 = 5;
    /// Failed authentications that one address, and one credential, may make at once above the rate.
    refusals_burst: u32 = 50;
    /// Addresses, and credentials, whose failed authentications are counted separately; all others share one count.
    rates_kept_max: usize = 10_000;
    /// Keys of one app, of all its lines, that are not retired.
    keys_per_app_max: u32 = 64;
    /// Lines of keys of one app.
    lines_per_app_max: u32 = 16;
    /// Retired keys of one app that are still listed; older ones are deleted.
    retired_keys_per_app_max: u32 = 100;
    /// API keys of one app.
    api_keys_per_app_max: u32 = 100;
    /// Lifetime of an API key whose request does not say one, in seconds; 0: it has no end.
    credential_ttl_s_default: u64 = 31_536_000;
    /// Longest lifetime of an API key, in seconds; 0: any, and keys may be without an end.
    credential_ttl_s_max: u64 = 0;
    /// How long the old secret of an API key may live on after a rotation, in seconds.
    credential_overlap_s_max: u64 = 604_800;
    /// Lifetime of an access token, in seconds.
    access_token_ttl_s: u64 = 900;
    /// Access tokens of one client that have not expired.
    access_tokens_per_client_max: u32 = 1_000;
    /// Operators of the deployment.
    operators_max: u32 = 1_000;
    /// Apps in which one operator has a level of its own.
    operator_apps_max: u32 = 1_000;
    /// Personal tokens of one operator.
    personal_tokens_per_operator_max: u32 = 50;
    /// Lifetime of a personal token whose request does not say one, in seconds.
    personal_token_ttl_s_default: u64 = 7_776_000;
    /// Longest lifetime of a personal token, in seconds.
    personal_token_ttl_s_max: u64 = 31_536_000;
    /// Sessions of one operator; a further one ends that which was used least recently.
    sessions_per_operator_max: u32 = 20;
    /// Longest life of a session, in seconds.
    session_ttl_s: u64 = 43_200;
    /// How long a session may be unused, in seconds.
    session_idle_s: u64 = 3_600;
    /// How long after it began a session may do what cannot be undone, in seconds.
    confirmation_s: u64 = 600;
    /// Links of one operator that have not been used and have not ended.
    links_per_operator_max: u32 = 5;
    /// Life of a link, in seconds.
    link_ttl_s: u64 = 600;
    /// Roles of one app.
    roles_max: usize = 64;
    /// Versions of an app's roles that are kept; older ones are deleted.
    role_versions_max: u32 = 100;
    /// Revoked targets of one app.
    revocations_per_app_max: u32 = 1_000_000;
    /// Longest margin, in seconds: how long a member may have to present another token before a revocation acts on
    /// its seat.
    revocation_margin_s_max: u32 = 300;
    /// Length of a revocation's reason, in bytes.
    revocation_reason_bytes_max: usize = 256;
    /// Longest ban with an end, in seconds. To go beyond it, ban without an end.
    revocation_ban_s_max: u64 = 3_153_600_000;
    /// How often expired revocations are deleted, in seconds.
    revocation_prune_interval_s: u64 = 60;
    /// Acts in progress at once; further ones wait.
    acts_under_way_max: u32 = 1_024;
    /// How long a write waits for the database, in milliseconds: this long for other writes of this process, and this
    /// long again for other processes. After that it is refused with `store_unavailable`.
    store_wait_ms: u64 = 5_000;
    /// How long the clock must have been steady, after a start and after a jump, before anything is deleted for its
    /// age, in seconds.
    clock_settle_s: u64 = 3_600;
    /// How long a creation's idempotency key is remembered, in seconds.
    idempotency_s: u64 = 86_400;
    /// How long audit records are kept, in days.
    audit_keep_days: u64 = 90;
    /// Size of the audit trail, in bytes; beyond it the oldest records are deleted.
    audit_bytes_max: u64 = 4_294_967_296;
    /// How often the audit trail's state is signed, in seconds.
    audit_checkpoint_s: u64 = 3_600;
    /// What audit records keep of peers' addresses: `full`, `prefix` or `none`.
    audit_peer: AuditPeer = AuditPeer::Full;
    /// How long repeats from one source are counted before the count is written, in seconds; 0 writes every one.
    audit_repeat_window_s: u64 = 60;
    /// How often an identical act of one source is written in a window before it is only counted. A refusal is written
    /// once.
    audit_repeats_written: u32 = 10;
    /// Sources whose repeats are counted separately; refusals from further sources are counted together.
    audit_sources_max: usize = 4_096;
    /// Free bytes on the disk below which everything that must be recorded is refused; 0 turns this off.
    disk_free_bytes_min: u64 = 16_777_216;
    /// Audit records that may wait to be written.
    audit_waiting_max: usize = 8_192;
    /// Where the master key comes from, under which secrets are sealed; without one they lie in clear.
    master_key: MasterKeySource = MasterKeySource::default();
    /// Issuers of ID tokens of one app.
    issuers_per_app_max: u32 = 8;
    /// Rules of one issuer.
    issuer_rules_max: usize = 64;
    /// How long an issuer is not asked again for a key that it did not have, or after a failure, in seconds.
    issuer_retry_s: u64 = 30;
    /// How long an issuer's keys are used after their time while the issuer cannot be reached, in seconds.
    issuer_outage_s: u64 = 86_400;
    /// Exchanges of ID tokens per second of one address.
    exchange_per_s: u32 = 20;
    /// Exchanges of ID tokens that one address may make at once above the rate.
    exchange_burst: u32 = 200;
    /// Connections that the server opens itself, such as those to issuers of ID tokens.
    outbound: OutboundConfig = OutboundConfig::default();
}

/// Connections that the server opens itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// Networks that are not public and may be connected to. Loopback, link-local, multicast and reserved addresses
    /// are opened only by an entry that lies in that network, such as `127.0.0.0/8`.
    pub allow: Vec<IpNet>,
    /// The PEM file with the certificates to trust; by default the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where the master key comes from: at most one of these, or the variable `STAGEDOOR_MASTER_KEY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MasterKeySource {
    /// A file with the master key, 32 random bytes that only their owner can read; `stagedoor master-key make` makes it.
    pub file: Option<PathBuf>,
    /// A program and its arguments, run without a shell, that prints the master key: 32 bytes, or those as hexadecimal
    /// digits or base64url.
    pub command: Vec<String>,
    /// How long that program may take, in milliseconds.
    pub command_timeout_ms: u64,
}

impl Default for MasterKeySource {
    fn default() -> Self {
        Self { file: None, command: Vec::new(), command_timeout_ms: 10_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_trails_bounds_match_the_spec() {
        let spec = include_str!("../../spec/audit.md");
        let table = spec.split("## Bounds").nth(1).expect("the spec has the section");
        let rows: Vec<String> = table
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.split('|').take(3).collect::<Vec<_>>().join("|"))
            .collect();
        let Config {
            audit_keep_days,
            audit_bytes_max,
            audit_checkpoint_s,
            audit_repeat_window_s,
            audit_repeats_written,
            audit_sources_max,
            audit_waiting_max,
            disk_free_bytes_min,
            ..
        } = Config::default();
        let ours = [
            ("audit_keep_days", audit_keep_days),
            ("audit_bytes_max", audit_bytes_max),
            ("audit_checkpoint_s", audit_checkpoint_s),
            ("audit_repeat_window_s", audit_repeat_window_s),
            ("audit_repeats_written", audit_repeats_written.into()),
            ("audit_sources_max", audit_sources_max as u64),
            ("audit_waiting_max", audit_waiting_max as u64),
            ("disk_free_bytes_min", disk_free_bytes_min),
        ];
        assert_eq!(rows, ours.map(|(name, value)| format!("| `{name}` | {value} ")));
    }
}
