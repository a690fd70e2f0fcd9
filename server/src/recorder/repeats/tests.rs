use proptest::prelude::*;
use stagedoor_bus::{Actor, AppLife};
use stagedoor_token::AppId;

use super::*;

const WINDOW: Duration = Duration::from_secs(60);

fn repeats(sources_max: usize, acts_written: u32) -> Repeats {
    Repeats::new(&Config {
        audit_repeat_window_s: WINDOW.as_secs(),
        audit_repeats_written: acts_written,
        audit_sources_max: sources_max,
        ..Config::default()
    })
}

#[test]
fn a_count_names_the_newest_attempts() {
    let (mut repeats, now) = (repeats(10, 1), Instant::now());
    let attempt = |n: u32| format!("a_{n:08}");
    let one = |n: u32| {
        let record = refused("token_invalid", "10.0.0.1:5", None);
        record.detail(&format!("attempt={}", attempt(n)))
    };
    let first = repeats.add(one(0), Class::Refusal, now).expect("written at once");
    assert_eq!(first.detail.as_deref(), Some("attempt=a_00000000"));
    for n in 1..=30 {
        assert_eq!(repeats.add(one(n), Class::Refusal, now), None);
    }
    let counts = repeats.ended(now + WINDOW);
    let detail = counts[0].detail.as_deref().expect("a detail");
    let named = detail.split("attempts=").nth(1).expect("numbers");
    let newest: Vec<String> = (7..=30).map(attempt).collect();
    assert_eq!((counts[0].count, named), (30, &*newest.join(",")));
}

fn refused(code: &str, peer: &str, jti: Option<&str>) -> Record {
    let record = Record::now("door", code).room("lobby").user(jti.unwrap_or("anna"));
    Record { peer: Text::peer(peer), jti: jti.and_then(Text::jti), ..record }
}

#[test]
fn a_sources_first_event_is_written_and_the_rest_counted() {
    let (mut repeats, now) = (repeats(10, 1), Instant::now());
    let mut add = |record| repeats.add(record, Class::Refusal, now).is_some();
    for (record, is_written) in [
        (refused("banned", "10.0.0.1:1000", Some("t1")), true),
        (refused("banned", "10.0.0.1:2000", Some("t1")), false),
        (refused("banned", "10.0.0.1:3000", Some("t1")), false),
        (refused("banned", "10.0.0.2:1000", Some("t1")), true),
        (refused("banned", "10.0.0.1:1000", Some("t2")), true),
        (refused("room_full", "10.0.0.1:1000", Some("t1")), true),
    ] {
        assert_eq!(add(record.clone()), is_written, "{record:?}");
    }
    assert_eq!(repeats.next_end(), Some(now + WINDOW));
    assert_eq!(repeats.ended(now + WINDOW / 2), []);
    let ended = repeats.ended(now + WINDOW);
    let [counted] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!((counted.count, counted.peer.as_deref()), (2, Some("10.0.0.1")));
    assert_eq!((counted.jti.as_deref(), counted.user.as_deref()), (Some("t1"), Some("t1")));
    assert!(counted.detail.as_deref().is_some_and(|text| text.starts_with("first_ms=")));
    let again = refused("banned", "10.0.0.1:1", Some("t1"));
    assert!(repeats.add(again, Class::Refusal, now + WINDOW).is_some(), "a window of its own");
}

#[test]
fn many_tokens_of_one_user_are_one_source() {
    let (mut repeats, now) = (repeats(10, 1), Instant::now());
    for jti in ["t1", "t2", "t2"] {
        for (code, class) in [("ok", Class::Act), ("banned", Class::Refusal)] {
            let record = Record::now("door", code).room("lobby").user("anna").jti(jti);
            repeats.add(record, class, now);
        }
    }
    for counted in repeats.end_all() {
        assert_eq!((counted.count, counted.user.as_deref()), (2, Some("anna")));
        assert_eq!(counted.jti.as_deref(), Some("t2"));
    }
    for jti in ["t1", "t2", "t3"] {
        let record = Record::now("door", "ok").user("anna").jti(jti);
        repeats.add(record, Class::Act, now);
    }
    assert_eq!(repeats.end_all()[0].jti, None, "of several tokens none is named");
}

#[test]
fn unproven_names_do_not_tell_sources_apart() {
    let (mut repeats, now) = (repeats(10, 1), Instant::now());
    for user in ["a", "b", "c"] {
        let actor = Some(Actor::User("anna".into()));
        let record = Record::now("moderate.kick", "moderate_denied").user(user);
        repeats.add(Record { actor, ..record }, Class::Refusal, now);
    }
    let counted = repeats.end_all();
    assert_eq!((counted.len(), counted[0].count, &counted[0].user), (1, 2, &None));
    assert_eq!(counted[0].actor, Some(Actor::User("anna".into())));
}

#[test]
fn only_identical_acts_are_repeats() {
    let (mut repeats, now) = (repeats(100, 2), Instant::now());
    let app = AppLife { id: AppId(1), since_ms: 1 };
    let kick = |user: &str| Record::now("moderate.kick", "ok").of_app(app).user(user);
    let mut add = |record| repeats.add(record, Class::Act, now).is_some();
    assert_eq!([0; 4].map(|_| add(kick("ben"))), [true, true, false, false]);
    assert!((0..50).all(|n| add(kick(&format!("u{n}")))), "each of another user");
    let counted = repeats.end_all();
    assert_eq!((counted.len(), counted[0].count), (1, 2));
    assert_eq!((counted[0].user.as_deref(), counted[0].app), (Some("ben"), Some(app)));
}

#[test]
fn acts_beyond_the_bound_are_written() {
    let (mut repeats, now) = (repeats(1, 1), Instant::now());
    for n in 0..9 {
        let record = Record::now("door", "ok").user(&format!("u{n}"));
        assert!(repeats.add(record, Class::Act, now).is_some());
    }
    assert_eq!(repeats.end_all(), []);
}

#[test]
fn addresses_lose_only_their_port() {
    for (peer, of) in [
        ("10.0.0.1:80", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unix", "unix"),
    ] {
        assert_eq!(address(peer), of);
    }
}

proptest! {
    #[test]
    fn every_event_is_in_exactly_one_record(
        events in prop::collection::vec((0..40_u8, 0..3_u8, any::<bool>(), 0..20_u64), 0..300),
    ) {
        let (mut repeats, start) = (repeats(8, 3), Instant::now());
        let (mut now, mut written) = (start, 0);
        for (source, code, is_act, passed_s) in &events {
            now += Duration::from_secs(*passed_s);
            let code = ["banned", "room_full", "token_expired"][usize::from(*code)];
            let record = refused(code, &format!("10.0.0.{source}:9"), None);
            let class = if *is_act { Class::Act } else { Class::Refusal };
            written += repeats.add(record, class, now).map_or(0, |record| record.count);
            written += repeats.ended(now).iter().map(|record| record.count).sum::<u64>();
            prop_assert!(repeats.refusals.len() <= 8 && repeats.acts.len() <= 8);
        }
        written += repeats.end_all().iter().map(|record| record.count).sum::<u64>();
        prop_assert_eq!(written, events.len() as u64);
        prop_assert!(repeats.refusals.is_empty() && repeats.others.is_empty());
    }
}
