//! How the server is set up; every limit by name.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

macro_rules! config {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// How the server is set up. An unknown name is refused.
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
    /// The folder that the database lies in; made if it is not there.
    data_dir: PathBuf = PathBuf::from("data");
    /// A new app's tokens live so long unless asked otherwise, in seconds.
    ttl_s_default: u64 = 3_600;
    /// A new app's tokens live at most so long, in seconds.
    ttl_s_max: u64 = 86_400;
    /// One request's body, in bytes.
    body_bytes_max: usize = 65_536;
    /// Lists and objects within each other in one request's body.
    json_depth_max: usize = 64;
    /// Names of apps and API keys, in bytes.
    name_bytes_max: usize = 128;
    /// Entries of one page.
    page_entries_max: u32 = 200;
    /// Requests a second of one credential.
    rate_per_s: u32 = 200;
    /// Requests above the rate that one credential may make at once.
    rate_burst: u32 = 400;
    /// Failed authentications a second of one address, and of one credential. A good credential is never refused
    /// for the failures of others.
    refusals_per_s: u32 = 5;
    /// Failed authentications above the rate that one address, and one credential, may make at once.
    refusals_burst: u32 = 50;
    /// Addresses, and credentials, of which failed authentications are counted; further ones share one count.
    rates_kept_max: usize = 10_000;
    /// Keys of one app that are not retired.
    keys_per_app_max: u32 = 8;
    /// API keys of one app.
    api_keys_per_app_max: u32 = 100;
    /// How long an API key that ends may be good for at most, in seconds; one that lives longer has no end.
    api_key_expires_s_max: u64 = 3_153_600_000;
    /// Roles of one app.
    roles_max: usize = 64;
    /// Versions of an app's roles that are kept; older ones are let go.
    role_versions_max: u32 = 100;
    /// Revoked targets of one app.
    revocations_per_app_max: u32 = 1_000_000;
    /// For how long at most a member may bring another token before a revocation acts on its seat, in
    /// seconds.
    revocation_margin_s_max: u32 = 300;
    /// The reason of a revocation, in bytes.
    revocation_reason_bytes_max: usize = 256;
    /// How long a ban that ends may last at most, in seconds; a longer one is for good.
    revocation_ban_s_max: u64 = 3_153_600_000;
    /// How often revocations that are over are let go of, in seconds.
    revocation_prune_interval_s: u64 = 60;
    /// Acts under way at once; further ones wait.
    acts_under_way_max: u32 = 1_024;
    /// How long a write waits for the database, for other writes of this process and as long again for other
    /// processes, in milliseconds; then it is refused with `store_unavailable`.
    store_wait_ms: u64 = 5_000;
    /// For how long the calendar must have stood, after a start and after a jump, before anything is deleted for
    /// being old, in seconds.
    clock_settle_s: u64 = 3_600;
    /// For how long a creation's idempotency key is remembered, in seconds.
    idempotency_s: u64 = 86_400;
    /// For how long the audit trail is kept, in days.
    audit_keep_days: u64 = 90;
    /// How large the audit trail may be, in bytes; of a larger one the oldest records are deleted.
    audit_bytes_max: u64 = 4_294_967_296;
    /// For how long what one source repeats is counted before the count is written, in seconds; 0: everything is
    /// written.
    audit_repeat_window_s: u64 = 60;
    /// How often the very same act of one source is written in a window before it is counted. Refusals are written
    /// once.
    audit_repeats_written: u32 = 10;
    /// Sources whose repeats are counted each by itself; refusals of further ones are counted together.
    audit_sources_max: usize = 4_096;
    /// Below so many free bytes on the disk what must be recorded is refused; 0: never.
    disk_free_bytes_min: u64 = 16_777_216;
    /// Audit records that may wait for the database.
    audit_waiting_max: usize = 8_192;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_the_audit_trail_are_those_of_the_spec() {
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
            ("audit_repeat_window_s", audit_repeat_window_s),
            ("audit_repeats_written", audit_repeats_written.into()),
            ("audit_sources_max", audit_sources_max as u64),
            ("audit_waiting_max", audit_waiting_max as u64),
            ("disk_free_bytes_min", disk_free_bytes_min),
        ];
        assert_eq!(rows, ours.map(|(name, value)| format!("| `{name}` | {value} ")));
    }
}
