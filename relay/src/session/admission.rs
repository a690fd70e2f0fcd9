//! Those who wait let in, many by one request, of a member or of the API. What it costs others is bounded: the
//! room's lock is taken for each of them, and no more is said than a reader that keeps up has place for.

use std::sync::Arc;

use crate::{
    room::{GrantChange, Occupant, Room, member_bytes},
    shared::Shared,
};

/// What a request to admit came to.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// Those who were let in.
    pub(crate) admitted: Vec<Arc<Occupant>>,
    /// How many of those whom it was about still wait.
    pub(crate) waiting: usize,
}

/// Lets those in who wait: of a list of users, or all. `by` decides only about those whom its grants let it
/// admit; without, about everybody.
pub(crate) fn admit(
    shared: &Shared,
    room: &Arc<Room>,
    users: Option<&[String]>,
    by: Option<&Occupant>,
) -> Admission {
    let limits = &shared.limits;
    // Half of what may wait for a reader: the other half is for what others say meanwhile.
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

/// Whether a member was let in; `None` if it waits no longer.
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
