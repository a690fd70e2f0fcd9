//! The minimum and maximum of every number in the configuration. Beyond them a server would be useless, or a counter
//! would overflow; a test keeps the list and the settings in step.

/// Every number: its name, its minimum and its maximum.
pub(super) const BOUNDS: &[(&str, u64, u64)] = &[
    ("listen.operations_connections_max", 1, 65_536),
    ("listen.stop_timeout_ms", 100, HOUR_MS),
    ("listen.workers", 0, 1_024),
    ("http.head_timeout_ms", 100, HOUR_MS),
    ("http.body_timeout_ms", 100, HOUR_MS),
    ("http.answer_timeout_ms", 100, HOUR_MS),
    ("http.idle_timeout_ms", 100, DAY_MS),
    ("http.head_bytes_max", 1_024, MIB),
    ("server.ttl_s_default", 1, DAY_S),
    ("server.ttl_s_max", 1, DAY_S),
    ("server.body_bytes_max", 1_024, 64 * MIB),
    ("server.json_depth_max", 4, 127),
    ("server.name_bytes_max", 1, 4_096),
    ("server.page_entries_max", 1, 10_000),
    ("server.rate_per_s", 1, MILLION),
    ("server.rate_burst", 1, MILLION),
    ("server.refusals_per_s", 1, MILLION),
    ("server.refusals_burst", 1, MILLION),
    ("server.rates_kept_max", 1, 10 * MILLION),
    ("server.keys_per_app_max", 2, MILLION),
    ("server.api_keys_per_app_max", 1, MILLION),
    ("server.api_key_expires_s_max", 1, CENTURY_S),
    ("server.roles_max", 1, 1_024),
    ("server.role_versions_max", 1, MILLION),
    ("server.revocations_per_app_max", 1, 100 * MILLION),
    ("server.revocation_margin_s_max", 0, DAY_S),
    ("server.revocation_reason_bytes_max", 1, 65_536),
    ("server.revocation_ban_s_max", 1, CENTURY_S),
    ("server.revocation_prune_interval_s", 1, DAY_S),
    ("server.acts_under_way_max", 1, 65_536),
    ("server.store_wait_ms", 1, HOUR_MS),
    ("server.clock_settle_s", 0, 30 * DAY_S),
    ("server.idempotency_s", 1, 30 * DAY_S),
    ("server.audit_keep_days", 1, 36_500),
    ("server.audit_waiting_max", 1, MILLION),
    ("server.audit_bytes_max", MIB, 1_024 * GIB),
    ("server.audit_repeat_window_s", 0, DAY_S),
    ("server.audit_repeats_written", 0, MILLION),
    ("server.audit_sources_max", 1, MILLION),
    ("server.disk_free_bytes_min", 0, 1_024 * GIB),
    ("relay.limits.login_timeout_ms", 100, HOUR_MS),
    ("relay.limits.handshake_bytes_max", 256, MIB),
    ("relay.limits.connections_max", 1, 10 * MILLION),
    ("relay.limits.connections_per_app_max", 1, 10 * MILLION),
    ("relay.limits.connections_per_address_max", 1, 10 * MILLION),
    ("relay.limits.connections_told_max", 0, MILLION),
    ("relay.limits.room_members_max", 1, 10 * MILLION),
    ("relay.limits.control_bytes_max", 1_024, 64 * MIB),
    ("relay.limits.json_depth_max", 4, 127),
    ("relay.limits.frame_bytes_max", 64, 256 * MIB),
    ("relay.limits.message_bytes_max", 1, 64 * MIB),
    ("relay.limits.requests_per_s", 1, MILLION),
    ("relay.limits.requests_burst", 1, MILLION),
    ("relay.limits.control_bytes_per_s", 1_024, GIB),
    ("relay.limits.control_bytes_burst", 1_024, GIB),
    ("relay.limits.sends_per_s", 1, MILLION),
    ("relay.limits.sends_burst", 1, MILLION),
    ("relay.limits.logins_per_s", 1, MILLION),
    ("relay.limits.logins_burst", 1, MILLION),
    ("relay.limits.address_logins_per_s", 1, MILLION),
    ("relay.limits.address_logins_burst", 1, MILLION),
    ("relay.limits.rate_refusals_max", 1, MILLION),
    ("relay.limits.streams_per_room_max", 1, MILLION),
    ("relay.limits.stream_meta_bytes_max", 0, MIB),
    ("relay.limits.subscriptions_per_member_max", 1, MILLION),
    ("relay.limits.state_keys_max", 0, 65_536),
    ("relay.limits.state_value_bytes_max", 1, 64 * MIB),
    ("relay.limits.stream_log_bytes_max", 1_024, GIB),
    ("relay.limits.stream_log_age_ms_max", 1, DAY_MS),
    ("relay.limits.room_log_bytes_max", 1_024, 64 * GIB),
    ("relay.limits.events_log_bytes_max", 1_024, GIB),
    ("relay.limits.events_log_age_ms_max", 1, DAY_MS),
    ("relay.limits.memory_bytes_max", 0, 1_024 * 1_024 * GIB),
    ("relay.limits.outbox_bytes_max", 1_024, GIB),
    ("relay.limits.gather_bytes_max", 1_024, GIB),
    ("relay.limits.presence_batch_interval_ms", 1, HOUR_MS),
    ("relay.limits.presence_batch_members_max", 1, 10_000),
    ("relay.limits.members_page_max", 1, 10_000),
    ("relay.limits.page_bytes_max", 1_024, 64 * MIB),
    ("relay.limits.ping_interval_ms", 100, DAY_MS),
    ("relay.limits.pong_timeout_ms", 100, HOUR_MS),
    ("relay.limits.write_timeout_ms", 100, HOUR_MS),
    ("relay.limits.close_timeout_ms", 1, HOUR_MS),
    ("relay.limits.token_expiring_notice_s", 0, DAY_S),
    ("relay.limits.drain_grace_ms", 0, DAY_MS),
    ("relay.limits.standing_keep_ms", 0, DAY_MS),
    ("relay.limits.asks_max", 0, MILLION),
    ("relay.limits.admits_at_once_max", 1, MILLION),
    ("relay.limits.socket_send_buffer_bytes", 0, GIB),
    ("log.refusals_per_min", 0, MILLION),
];

/// The first of two settings must not exceed the second; otherwise what it limits could never arrive, or never leave.
pub(super) const AT_MOST: &[(&str, &str)] = &[
    ("server.ttl_s_default", "server.ttl_s_max"),
    ("relay.limits.message_bytes_max", "relay.limits.control_bytes_max"),
    ("relay.limits.state_value_bytes_max", "relay.limits.control_bytes_max"),
    ("relay.limits.control_bytes_max", "relay.limits.control_bytes_burst"),
    ("relay.limits.message_bytes_max", "relay.limits.outbox_bytes_max"),
    ("relay.limits.frame_bytes_max", "relay.limits.stream_log_bytes_max"),
    ("relay.limits.stream_log_bytes_max", "relay.limits.room_log_bytes_max"),
];

const MILLION: u64 = 1_000_000;
const MIB: u64 = 1_048_576;
const GIB: u64 = 1_024 * MIB;
const DAY_S: u64 = 86_400;
const CENTURY_S: u64 = 3_153_600_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What to write for a number, if this setting is one.
pub(super) fn remedy(name: &str) -> Option<String> {
    let (_, least, most) = BOUNDS.iter().find(|(bounded, ..)| *bounded == name)?;
    Some(format!("write a number from {least} to {most}"))
}
