//! Every rule about the plaintext (`spec/token04.md` §Order of the checks), each as a bit, none instead of another. Takes
//! the same work for any plaintext of a length, because nothing that a CBC token says is ever proven: somebody who could
//! measure how far one got would read what is encrypted in it.

use crate::{
    limits::{Limits, STREAMS_MAX},
    refusal::Refusal,
    scan::{Entry, SLACK_BYTES, Scanned, name, scan},
    steps::kind,
};

/// What a plaintext is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// The app of the secret.
    pub(crate) app: u32,
    /// `expire` in clear.
    pub(crate) expire: i64,
    /// Whether basic tokens are accepted.
    pub(crate) basic: bool,
    /// The longest life, in seconds.
    pub(crate) ttl_s_max: u64,
    pub(crate) now_s: u64,
    pub(crate) limits: &'a Limits,
}

/// Memory for what is written out while plaintexts of a length are judged.
pub(crate) struct Desk {
    payload: Vec<u8>,
    rest: Vec<u8>,
}

impl Desk {
    pub(crate) fn new(plain_bytes: usize) -> Self {
        let room = vec![b' '; plain_bytes + SLACK_BYTES];
        Self { payload: room.clone(), rest: room }
    }

    /// Judges a plaintext: the set of refusals, none if it is good.
    pub(crate) fn judge(&mut self, plain: &[u8], rules: Rules<'_>) -> u32 {
        self.payload.fill(b' ');
        let outer = scan(plain, name("payload"), &mut self.payload);
        let inner = scan(&self.payload[..plain.len()], 0, &mut self.rest);
        document(&outer, rules) | payload(&outer, &inner, rules)
    }
}

fn fails(refusal: Refusal, yes: bool) -> u32 {
    u32::from(yes) << refusal as u32
}

fn document(found: &Scanned, rules: Rules<'_>) -> u32 {
    let (apps, app) = find(found, name("app_id"), 0);
    let (users, user) = find(found, name("user_id"), 0);
    let (nonces, nonce) = find(found, name("nonce"), 0);
    let (ctimes, ctime) = find(found, name("ctime"), 0);
    let (expires, expire) = find(found, name("expire"), 0);
    let (payloads, payload) = find(found, name("payload"), 0);
    let each = apps.max(users).max(nonces).max(ctimes).max(expires).max(payloads) == 1;
    let once =
        each & (found.names == 6) & (apps + users + nonces + ctimes + expires + payloads == 6);
    let numbers = is_i64(&app) & is_i64(&nonce) & is_i64(&ctime) & is_i64(&expire);
    let in_range = (app.negative == 0) & (app.number <= u64::from(u32::MAX));
    let texts =
        (user.kind == kind::TEXT) & ((payload.kind == kind::TEXT) | (payload.kind == kind::NULL));
    let (ctime, expire) = (value(&ctime), value(&expire));
    let (now, leeway) = (i128::from(rules.now_s), i128::from(rules.limits.leeway_s));
    fails(Refusal::Utf8Invalid, !found.is_utf8)
        | fails(Refusal::JsonInvalid, !found.is_json)
        | fails(Refusal::FieldsInvalid, !(once & numbers & in_range & texts))
        | fails(Refusal::ExpireMismatch, expire != i128::from(rules.expire))
        | fails(Refusal::AppMismatch, app.number != u64::from(rules.app))
        | fails(Refusal::UserInvalid, !is_name(&user, rules.limits.user_bytes_max))
        | fails(Refusal::TimesInvalid, (expire <= ctime) | (ctime < 0))
        | fails(Refusal::LifetimeTooLong, expire - ctime > i128::from(rules.ttl_s_max))
        | fails(Refusal::TokenExpired, now >= expire)
        | fails(Refusal::TokenNotYetValid, ctime > now + leeway)
        | fails(Refusal::BasicRefused, (payload.bytes == 0) & !rules.basic)
}

fn payload(outer: &Scanned, found: &Scanned, rules: Rules<'_>) -> u32 {
    let (rooms, room) = find(found, name("room_id"), 0);
    let (privileges, privilege) = find(found, name("privilege"), 0);
    let (lists, list) = find(found, name("stream_id_list"), 0);
    let (logins, login) = find(found, name("1"), kind::INNER);
    let (publishes, publish) = find(found, name("2"), kind::INNER);
    // The object of `privilege` is the only one, because no other name may have one.
    let once = (rooms == 1) & (privileges == 1) & (lists <= 1) & (logins <= 1) & (publishes <= 1);
    let no_other = rooms + privileges + lists + logins + publishes == found.names;
    let kinds = (room.kind == kind::TEXT)
        & (privilege.kind == kind::OBJECT)
        & ((lists == 0) | (list.kind == kind::LIST) | (list.kind == kind::NULL));
    let switches = is_switch(logins, &login) & is_switch(publishes, &publish);
    let bad_list = found.has_bad_item | (found.items > STREAMS_MAX);
    let failed =
        fails(Refusal::PayloadInvalid, !(found.is_json & once & no_other & kinds & switches))
            | fails(Refusal::RoomInvalid, !is_name(&room, rules.limits.room_bytes_max))
            | fails(Refusal::StreamInvalid, bad_list)
            | fails(Refusal::LoginDenied, login.number != 1);
    // A basic token has no payload.
    failed & u32::from(outer.wanted_bytes > 0).wrapping_neg()
}

/// How often a name occurs, up to what is remembered, and its value if that is once.
fn find(found: &Scanned, named: u128, inner: u32) -> (u32, Entry) {
    let (mut times, mut one) = (0, Entry::default());
    for entry in &found.entries {
        let hit = u32::from((entry.name == named) & (entry.kind & kind::INNER == inner));
        let mask = hit.wrapping_neg();
        times += hit;
        one.kind |= entry.kind & mask;
        one.digits |= entry.digits & mask;
        one.number |= entry.number & (u64::from(mask) | u64::from(mask) << 32);
        one.negative |= entry.negative & mask;
        one.bytes |= entry.bytes & mask;
        one.control |= entry.control & mask;
        one.not_dots |= entry.not_dots & mask;
    }
    (times, one)
}

fn is_i64(entry: &Entry) -> bool {
    let most = i64::MAX as u64 + u64::from(entry.negative & 1);
    (entry.kind == kind::NUMBER) & (entry.digits <= 19) & (entry.number <= most)
}

fn value(entry: &Entry) -> i128 {
    let minus = -i128::from(entry.negative & 1);
    (i128::from(entry.number) ^ minus) - minus
}

/// Whether a privilege is absent, 0 or 1.
fn is_switch(times: u32, entry: &Entry) -> bool {
    let number = entry.kind == kind::NUMBER | kind::INNER;
    let bit = (entry.negative == 0) & (entry.digits == 1) & (entry.number <= 1);
    (times == 0) | (number & bit)
}

/// Whether a text may name a room or a user (`spec/token.md` §Claims).
fn is_name(entry: &Entry, bytes_max: u32) -> bool {
    let dots = (entry.not_dots == 0) & (entry.bytes <= 2);
    (entry.bytes > 0) & (entry.bytes <= bytes_max) & (entry.control == 0) & !dots
}
