//! Admits waiting members, many per request, for a member or the API. The cost to others is bounded: the room's lock is
//! taken for each of them, and no more is announced than a reader that keeps up has room for.

use std::sync::Arc;

use crate::{
    room::{GrantChange, Occupant, Room, member_bytes},
    shared::Shared,
};

/// The result of a request to admit.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// Those who were admitted.
    pub(crate) admitted: Vec<Arc<Occupant>>,
    /// How many of those concerned still wait.
    pub(crate) waiting: usize,
}

/// Admits waiting members: of a list of users, or all. With `by`, only those whom its grants let it admit; without,
/// any.
pub(crate) fn admit(
    shared: &Shared,
    room: &Arc<Room>,
    users: Option<&[String]>,
    by: Option<&Occupant>,
) -> Admission {
    let limits = &shared.limits;
    // Half of a reader's room; the other half is for what others announce meanwhile.
    let bytes_max = limits.outbox_bytes_max.min(limits.events_log_bytes_max) / 2;
    let (mut admission, mut bytes) = (Admission::default(), 0);
    for member in room.waiting(users, by.map(|by| &*by.grants)) {
        let told = member_bytes(&member.member);
        let admitted = admission.admitted.len();
        let fits = admitted == 0 || bytes + told <= bytes_max;
        if !fits || admitted >= limits.admits_at_once_max {
            admission.waiting += 1;
            continue;
        }
        match admit_one(shared, room, &member, by) {
            Some(true) => {
                bytes += told;
                admission.admitted.push(member);
            }
            Some(false) => admission.waiting += 1,
            None => {}
        }
    }
    admission
}

/// Whether a member was admitted; `None` if it no longer waits.
fn admit_one(
    shared: &Shared,
    room: &Arc<Room>,
    member: &Arc<Occupant>,
    by: Option<&Occupant>,
) -> Option<bool> {
    let user = &member.member.user;
    let mut found = Some(member.clone());
    let again = || room.waiting(Some(std::slice::from_ref(user)), by.map(|by| &*by.grants)).pop();
    let admitted = Room::change(
        || found.take().or_else(again).ok_or(None),
        |member| {
            let changed = shared.change_grants(room, member, &GrantChange::Admit, by);
            changed.map_err(|failed| failed.map(|_| Some(())))?;
            shared.change_others(room, member, &GrantChange::Admit, by);
            Ok(())
        },
    );
    match admitted {
        Ok(()) => Some(true),
        Err(Some(())) => Some(false),
        Err(None) => None,
    }
}
