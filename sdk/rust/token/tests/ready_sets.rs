//! The ready sets of `examples/roles` do what their names promise (`spec/roles.md` §Ready sets).

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use stagedoor_token::{
    Action, Decision, Grants, Kind, Role, Roles, Rule, SecondLogin, Verb, authorize,
};

const WEBINAR: &str = include_str!("../../../../examples/roles/webinar.json");
const CLASSROOM: &str = include_str!("../../../../examples/roles/classroom.json");
const WAR_ROOM: &str = include_str!("../../../../examples/roles/war-room.json");
const SPEC: &str = include_str!("../../../../spec/roles.md");

struct Set(Roles);

impl Set {
    fn of(json: &str) -> Self {
        Self(Roles::from_json(json).expect("a set of roles"))
    }

    fn role(&self, name: &str) -> &Arc<Grants> {
        self.0.get(name).unwrap_or_else(|| panic!("no role {name}")).grants()
    }

    fn names(&self) -> Vec<String> {
        let mut grants: Vec<&Grants> = self.0.iter().map(|role| role.grants().as_ref()).collect();
        grants.sort_by_key(|grants| std::cmp::Reverse(grants.rank));
        grants.into_iter().map(|grants| grants.role.to_string()).collect()
    }

    fn decide(&self, role: &str, action: &Action<'_>) -> Decision {
        authorize(self.role(role), action)
    }

    /// The roles that may do something, from the highest rank down.
    fn those_who_may(&self, action: &Action<'_>) -> Vec<String> {
        let may = |name: &String| self.decide(name, action) == Decision::Allowed;
        self.names().into_iter().filter(may).collect()
    }

    fn publishers(&self, stream: &str, kind: Kind) -> Vec<String> {
        self.those_who_may(&Action::Publish { stream, kind, live: 0 })
    }

    fn subscribers(&self, stream: &str, publisher_role: &str) -> Vec<String> {
        self.those_who_may(&Action::Subscribe { stream, publisher_role })
    }
}

#[test]
fn every_ready_set_is_in_the_spec_with_its_roles_and_back() {
    let sets = [("webinar", WEBINAR), ("classroom", CLASSROOM), ("war-room", WAR_ROOM)];
    let ours: Vec<String> = sets
        .iter()
        .map(|(name, json)| format!("| `{name}` | `{}` |", Set::of(json).names().join("` `")))
        .collect();
    let (_, rest) = SPEC.split_once("\n## Ready sets\n").expect("the spec has the section");
    let body = rest.split("\n## ").next().expect("a section ends");
    let table: Vec<&str> = body.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(table.len(), ours.len());
    for (row, ours) in table.iter().zip(&ours) {
        assert!(row.starts_with(ours.as_str()), "{row}\nis not {ours}");
    }
}

#[test]
fn no_role_of_a_ready_set_reaches_for_what_it_cannot_have() {
    for json in [WEBINAR, CLASSROOM, WAR_ROOM] {
        let set = Set::of(json);
        for grants in set.0.iter().map(Role::grants) {
            for role in grants.invite.iter().map(|name| set.role(name.as_str())) {
                let invite = Action::Invite { role: &role.role, rank: role.rank };
                assert_eq!(authorize(grants, &invite), Decision::Allowed, "{}", grants.role);
            }
            // Whoever asks must find somebody who gives.
            for role in grants.ask.iter().map(|name| set.role(name.as_str())) {
                let promote = Action::Assign {
                    verb: Verb::Promote,
                    target_rank: grants.rank,
                    from_rank: grants.rank,
                    to_rank: role.rank,
                };
                assert!(!set.those_who_may(&promote).is_empty(), "{}", grants.role);
            }
            // Who waits must find somebody who lets it in.
            let admits = Action::Moderate { verb: Verb::Admit, target_rank: Some(grants.rank) };
            assert!(!grants.waits || !set.those_who_may(&admits).is_empty(), "{}", grants.role);
        }
    }
}

#[test]
fn in_a_webinar_only_hosts_and_cohosts_read_what_the_audience_asks() {
    let set = Set::of(WEBINAR);
    assert!(set.publishers("questions-ben", Kind::Data).contains(&"audience".to_owned()));
    assert_eq!(set.subscribers("questions-ben", "audience"), ["host", "cohost"]);
    // And that is all that the audience publishes.
    let stage = ["host", "cohost", "speaker"];
    assert_eq!(set.publishers("questions-ben", Kind::Audio), stage);
    assert_eq!(set.publishers("cam", Kind::Video), stage);
    assert_eq!(set.publishers("mic", Kind::Data), stage);
    let second = Action::Publish { stream: "questions-2", kind: Kind::Data, live: 1 };
    assert_eq!(set.decide("audience", &second), Decision::Refused(Rule::PublishStreamsMax));
}

#[test]
fn in_a_webinar_everybody_receives_the_stage_and_the_audience_does_not_see_itself() {
    let set = Set::of(WEBINAR);
    for publisher in ["host", "cohost", "speaker"] {
        assert_eq!(set.subscribers("cam", publisher), set.names());
    }
    let ben = Action::See { member: set.role("audience") };
    assert_eq!(set.those_who_may(&ben), ["host", "cohost"]);
    assert_eq!(set.those_who_may(&Action::SendRoom), ["host", "cohost", "speaker"]);
    assert_eq!(set.those_who_may(&Action::SendRole("audience")), ["host", "cohost"]);
    // Whoever raises a hand is brought onto the stage by those who moderate.
    assert_eq!(set.decide("audience", &Action::Ask { role: "speaker" }), Decision::Allowed);
    let rank = |name| set.role(name).rank;
    let promote = Action::Assign {
        verb: Verb::Promote,
        target_rank: rank("audience"),
        from_rank: rank("audience"),
        to_rank: rank("speaker"),
    };
    assert_eq!(set.those_who_may(&promote), ["host", "cohost"]);
}

#[test]
fn in_a_classroom_students_wait_and_are_heard_by_those_who_teach_alone() {
    let set = Set::of(CLASSROOM);
    let student = set.role("student");
    assert!(student.waits && !set.role("presenter").waits);
    let admit = Action::Moderate { verb: Verb::Admit, target_rank: Some(student.rank) };
    assert_eq!(set.those_who_may(&admit), ["teacher", "assistant"]);
    assert!(set.publishers("cam-ben", Kind::Video).contains(&"student".to_owned()));
    for stream in ["cam-ben", "mic-ben", "answers-ben"] {
        assert_eq!(set.subscribers(stream, "student"), ["teacher", "assistant"], "{stream}");
    }
    assert_eq!(set.subscribers("cam", "teacher"), set.names());
    // No student writes to another, or shows a screen, before it is called to the board.
    assert_eq!(set.those_who_may(&Action::SendUser { role: "student" }), ["teacher", "assistant"]);
    let screen = Action::Publish { stream: "cam-ben", kind: Kind::Screen, live: 0 };
    assert_eq!(set.decide("student", &screen), Decision::Refused(Rule::PublishKinds));
    assert_eq!(set.decide("student", &Action::Ask { role: "presenter" }), Decision::Allowed);
    assert_eq!(set.subscribers("screen", "presenter"), set.names());
    let close = Action::Moderate { verb: Verb::Close, target_rank: None };
    assert_eq!(set.those_who_may(&close), ["teacher"]);
}

#[test]
fn in_a_war_room_those_at_work_hear_all_and_observers_the_briefing_alone() {
    let set = Set::of(WAR_ROOM);
    let at_work = ["commander", "responder", "scribe"];
    assert_eq!(set.subscribers("work-db", "responder"), at_work);
    assert_eq!(set.subscribers("side", "commander"), at_work);
    assert_eq!(set.subscribers("briefing-1", "commander"), set.names());
    assert_eq!(set.publishers("briefing-1", Kind::Audio), ["commander"]);
    assert_eq!(set.subscribers("briefing-1", "responder"), at_work);
    assert_eq!(set.those_who_may(&Action::SendRoom), at_work);
    assert_eq!(set.those_who_may(&Action::Set { key: "timeline.1" }), ["commander", "scribe"]);
    assert_eq!(set.those_who_may(&Action::Set { key: "status.db" }), ["commander", "responder"]);
    assert!(set.role("observer").waits);
    assert_eq!(set.role("observer").publish.streams_max, 0);
    // At a desk and on a telephone at once.
    assert_eq!(set.role("responder").second_login, Some(SecondLogin::Allow(3)));
    let rank = set.role("observer").rank;
    assert_eq!(
        set.those_who_may(&Action::Invite { role: "observer", rank }),
        ["commander", "responder"]
    );
}
