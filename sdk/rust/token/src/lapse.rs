//! Grants without the privileges that have ended (`spec/token.md` §The stay). The caller passes the time;
//! [`Until::next`] says when to look again.

use std::sync::Arc;

use stagedoor_grants::{Grants, Patterns, Publish, SendTo, Subscribe, Verbs};

use crate::stay::Until;

/// The grants without the sections that have ended at `now_s` (Unix seconds). Returns the same `Arc` where nothing has.
///
/// ```
/// use std::sync::Arc;
/// use stagedoor_token::{Roles, Until, lapsed};
///
/// let roles = Roles::built_in();
/// let host = roles.get("host").ok_or("a built-in role")?.grants();
/// let until = Until { publish: Some(100), ..Until::default() };
/// assert!(Arc::ptr_eq(&lapsed(host, &until, 99), host));
/// assert!(lapsed(host, &until, 100).publish.streams.is_empty());
/// # Ok::<(), &str>(())
/// ```
pub fn lapsed(grants: &Arc<Grants>, until: &Until, now_s: u64) -> Arc<Grants> {
    let over = |end_s: Option<u64>| end_s.is_some_and(|end_s| end_s <= now_s);
    let Until { publish, subscribe, send, set, moderate } = *until;
    if ![publish, subscribe, send, set, moderate].into_iter().any(over) {
        return grants.clone();
    }
    let mut left = Grants::clone(grants);
    if over(publish) {
        left.publish = Publish::default();
    }
    if over(subscribe) {
        left.subscribe = Subscribe::default();
    }
    if over(send) {
        left.send = SendTo::default();
    }
    if over(set) {
        left.set = Patterns::none();
    }
    if over(moderate) {
        left.moderate = Verbs::default();
    }
    Arc::new(left)
}
