//! Where each code of the index is: found in the trail, or not, and why.

/// Refused at the door for the claims of a signed token.
pub(super) const CLAIMS: [&str; 22] = [
    "app_mismatch",
    "at_exp_invalid",
    "claim_missing",
    "claim_unknown",
    "claims_malformed",
    "cnf_invalid",
    "grants_invalid",
    "grants_too_wide",
    "jti_invalid",
    "lifetime_too_long",
    "max_stay_invalid",
    "meta_invalid",
    "name_invalid",
    "role_invalid",
    "role_unknown",
    "room_invalid",
    "times_invalid",
    "token_expired",
    "token_not_yet_valid",
    "until_invalid",
    "user_invalid",
    "user_mismatch",
];
/// Refused before the signature is verified, filed by the key that the token names.
pub(super) const UNPROVEN: [&str; 3] = ["key_retired", "signature_invalid", "token_too_large"];
/// Refused without a known key, or before the token is looked at: in no app's trail, for the operator.
pub(super) const NOBODYS: [&str; 7] = [
    "alg_unsupported",
    "crit_unsupported",
    "header_invalid",
    "key_unknown",
    "rate_limited",
    "ticket_unknown",
    "token_malformed",
];
/// Refused at the door for its present state.
pub(super) const AT_THE_DOOR: [&str; 13] = [
    "banned",
    "connections_exceeded",
    "key_bounds_exceeded",
    "memory_exceeded",
    "proof_invalid",
    "proof_key_private",
    "proof_required",
    "rate_exceeded",
    "role_full",
    "room_full",
    "room_mismatch",
    "seat_held",
    "token_revoked",
];
/// Refused by the API, or to a member that moderates.
pub(super) const BY_CALL: [&str; 12] = [
    "address_refused",
    "app_unknown",
    "ask_unknown",
    "bounds_exceeded",
    "credential_expired",
    "credential_invalid",
    "credential_missing",
    "moderate_denied",
    "role_refused",
    "room_unknown",
    "scope_missing",
    "user_unknown",
];

const FORM: &str =
    "the form of a request or of its head: the log has its line, and nobody was proven";
const CHANGE: &str = "a change of the app itself that did not fit: its caller has the answer, nothing was decided about a \
                      member or a token";
const IN_THE_SEAT: &str =
    "a member's own request in its seat: its client has the answer, with the rule";
const STATE: &str = "the process cannot record it: the store is away, or the process goes away";
/// Codes that are not recorded, or whose record cannot be requested within a second, and why.
pub(super) const NOT_FOUND: &[(&str, &[&str])] = &[
    (
        FORM,
        &[
            "body_invalid",
            "body_malformed",
            "body_timeout",
            "body_too_large",
            "handshake_invalid",
            "handshake_too_large",
            "idempotency_key_invalid",
            "idempotency_mismatch",
            "idempotency_under_way",
            "idempotency_unsupported",
            "if_match_invalid",
            "media_type_unsupported",
            "method_not_allowed",
            "origin_refused",
            "path_invalid",
            "path_unknown",
            "query_invalid",
            "query_refused",
            "upgrade_required",
        ],
    ),
    (
        CHANGE,
        &[
            "api_key_unknown",
            "api_keys_exceeded",
            "app_exists",
            "app_id_invalid",
            "audit_keys_exceeded",
            "bounds_invalid",
            "bounds_too_wide",
            "etag_mismatch",
            "expires_invalid",
            "jwk_invalid",
            "key_busy",
            "key_current",
            "key_private_absent",
            "keys_exceeded",
            "leak_invalid",
            "line_invalid",
            "next_key_exists",
            "no_current_key",
            "overlap_invalid",
            "revocation_invalid",
            "revocation_unknown",
            "revocations_exceeded",
            "roles_invalid",
            "scopes_invalid",
            "ttl_invalid",
            "version_conflict",
            "version_unknown",
        ],
    ),
    (
        IN_THE_SEAT,
        &[
            "already_logged_in",
            "ask_denied",
            "asks_exceeded",
            "invite_denied",
            "login_required",
            "op_unknown",
            "publish_denied",
            "request_invalid",
            "send_denied",
            "set_denied",
            "state_exceeded",
            "stream_exists",
            "stream_unknown",
            "streams_exceeded",
            "subscribe_denied",
            "subscriptions_exceeded",
            "too_large",
        ],
    ),
    (STATE, &["closing", "internal", "relay_unavailable", "store_unavailable"]),
];
