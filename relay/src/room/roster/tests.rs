use super::*;
use proptest::prelude::*;
use stagedoor_token::{AppId, Claims, Roles};

use super::super::{
    inbox::{GrantUpdate, Letter, News},
    seat_token::SeatToken,
    views::Dues,
};

fn occupant(user: &str, role: &str) -> Arc<Occupant> {
    let grants = Roles::built_in().get(role).expect("a built-in role").grants().clone();
    let grants_role = grants.role.clone();
    Arc::new(Occupant {
        seat: 0,
        member: Member { user: user.into(), role: role.into(), name: None, meta: None },
        grants,
        waiting: false,
        token: Arc::new(SeatToken::of(
            &mut Claims::builder(AppId(1), grants_role)
                .room("r")
                .user(user)
                .jti("t")
                .lifetime(0, 60)
                .build(),
            "k".into(),
        )),
        user: user.into(),
        peer: "peer".into(),
        since_ms: 0,
        began_ms: 0,
        stay_ms: 0,
    })
}

fn entry(occupant: Arc<Occupant>) -> Entry {
    Entry { occupant, inbox: Arc::new(Inbox::new(Arc::default())) }
}

fn role() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["host", "cohost", "speaker", "audience", "observer"][..])
}

#[test]
fn the_newest_seat_is_primary_and_an_older_one_succeeds_it() {
    let mut roster = Roster::default();
    let seat = |seat: u64, role: &str| {
        Arc::new(Occupant { seat, ..Occupant::clone(&occupant("anna", role)) })
    };
    let primary = |roster: &Roster| roster.get("anna").map(|primary| primary.seat);
    for (number, role) in [(1, "host"), (2, "audience"), (3, "speaker")] {
        roster.insert(entry(seat(number, role)));
    }
    assert_eq!((roster.len(), roster.seats_len(), primary(&roster)), (1, 3, Some(3)));
    assert_eq!(roster.staff().count(), 1, "also a seat that is not the primary");
    roster.replace(&seat(1, "cohost"));
    assert_eq!(roster.seat("anna", 1).map(|seat| &*seat.member.role), Some("cohost"));
    assert!(roster.remove("anna", 3).is_some() && roster.remove("anna", 3).is_none());
    assert_eq!((primary(&roster), roster.count_of("audience")), (Some(2), 1));
    assert!(roster.remove("anna", 1).is_some() && roster.remove("anna", 2).is_some());
    assert!(roster.is_empty() && roster.seats_len() == 0 && roster.others.is_empty());
}

#[test]
fn an_ended_seat_drops_its_unread_letters() {
    let mut roster = Roster::default();
    let anna = occupant("anna", "host");
    roster.insert(entry(anna.clone()));
    let inbox = roster.entry("anna", 0).map(|entry| entry.inbox.clone()).expect("she sits");
    let update = GrantUpdate { occupant: anna.clone(), switch: None, event: None };
    inbox.announce();
    inbox.put_announced(Letter::new(Dues::default(), News::GrantUpdate(update)), usize::MAX);
    let (member, mail) = (Arc::downgrade(&anna), Arc::downgrade(inbox.mailbox()));
    drop((anna, inbox));
    assert!(member.strong_count() > 0 && mail.strong_count() > 0);
    drop(roster.remove("anna", 0));
    assert_eq!((member.strong_count(), mail.strong_count()), (0, 0));
}

proptest! {
    #[test]
    fn pages_hold_all_visible_members_in_order(
        comes in prop::collection::vec(("[a-f]{1,2}", role()), 0..40),
        goes in prop::collection::vec("[a-f]{1,2}", 0..20),
        viewer in role(),
        limit in 1_usize..5,
        bytes_max in 0_usize..1_000,
    ) {
        let mut roster = Roster::default();
        for (user, role) in &comes {
            roster.remove(user, 0);
            roster.insert(entry(occupant(user, role)));
        }
        goes.iter().for_each(|user| drop(roster.remove(user, 0)));
        let viewer = occupant("viewer", viewer).grants.clone();
        let seen: Vec<Member> = roster
            .after(None)
            .filter(|occupant| sees(&viewer, &occupant.grants))
            .map(|occupant| occupant.member.clone())
            .collect();
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = roster.page(&viewer, after.as_deref(), (limit, bytes_max));
            prop_assert!(page.len() <= limit);
            let bytes: usize = page.iter().map(member_bytes).sum();
            prop_assert!(page.len() == 1 || bytes <= bytes_max);
            paged.extend(page);
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(paged, seen);
        let hosts = roster.after(None).filter(|occupant| occupant.member.role == "host");
        prop_assert_eq!(roster.count_of("host"), hosts.count());
    }
}
