//! However a seat ends, and whatever it had not read by then, nothing of it remains.

mod hall;

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use stagedoor_bus::{Actor, Command, Revocation, Target, Then};
use stagedoor_wire::{limits::Limits, request::To};
use tokio::{runtime::Handle, task::yield_now, time::timeout};
use tokio_tungstenite::tungstenite::Message;

use self::hall::{APP, Hall, ROOM, Socket, Traces, ask, begin, close_of, take_everything};

const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The change of bob before his seat ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Nothing,
    /// He sees the same events.
    Muted,
    /// He sees other events.
    Demoted,
    /// All of it in a row.
    Several,
}

const CHANGES: [Change; 4] = [Change::Nothing, Change::Muted, Change::Demoted, Change::Several];

/// A room with anna and bob, each of whom may be gone.
struct Scene {
    hall: Hall,
    anna: Option<Socket>,
    bob: Option<Socket>,
    change: Change,
    traces: Traces,
}

impl Scene {
    /// Changes bob's grants; until something is awaited his task does not notice.
    fn change(&mut self) {
        match self.change {
            Change::Nothing => {}
            Change::Muted => self.hall.mute("bob"),
            Change::Demoted => self.hall.assign("bob", "audience"),
            Change::Several => {
                self.hall.mute("bob");
                self.traces.follow(&self.hall);
                self.hall.assign("bob", "audience");
                self.traces.follow(&self.hall);
                self.hall.assign("bob", "cohost");
            }
        }
        self.traces.follow(&self.hall);
    }

    /// The same, with a task that has turns but does not read the change.
    async fn change_unread(&mut self) {
        self.change();
        for _ in 0..200 {
            yield_now().await;
        }
        assert_eq!(self.traces.is_changing(), self.change != Change::Nothing, "bob is not stalled");
    }
}

fn limits() -> Limits {
    Limits {
        drain_grace_ms: 50,
        close_timeout_ms: 200,
        write_timeout_ms: 1_500,
        gather_bytes_max: 4_096,
        outbox_bytes_max: 25_000,
        events_log_bytes_max: 250_000,
        socket_send_buffer_bytes: 4_096,
        presence_batch_interval_ms: 0,
        ..Limits::default()
    }
}

/// Anna and bob both have seats; bob's socket may accept nothing. `end` changes his grants and ends his seat; then all
/// that he had is gone, and when anna has left too, everything is.
async fn ends(
    how: &str,
    ttl_s: u64,
    stalled: bool,
    change: Change,
    end: impl AsyncFnOnce(&mut Scene),
) {
    let how = format!("{how}, stalled: {stalled}, {change:?}");
    let run = async {
        let hall = Hall::open(limits()).await;
        let alive = || Handle::current().metrics().num_alive_tasks();
        let tasks = alive();
        let anna = Some(hall.join("anna", "host", 600).await);
        let mut bob = hall.join("bob", "speaker", ttl_s).await;
        ask(&mut bob, json!({"op": "subscribe", "streams": ["*"]})).await;
        let traces = Traces::of(&hall, "bob");
        let mut scene = Scene { hall, anna, bob: Some(bob), change, traces };
        if stalled {
            scene.hall.stall().await;
        }
        end(&mut scene).await;
        let Scene { hall, anna, bob, traces, .. } = scene;
        traces.member_gone(&how).await;
        drop((anna, bob));
        traces.room_gone(&how).await;
        assert_eq!(hall.shared.rooms.count(), (0, 0), "{how}: a seat is still counted");
        while alive() > tasks {
            yield_now().await;
        }
    };
    timeout(TIME_LIMIT, run).await.unwrap_or_else(|_| panic!("{how}: a task is still running"));
}

/// Ends without a turn of bob's task after the change, and with a stalled task.
async fn ends_at_once(how: &str, end: fn(&Hall)) {
    for change in CHANGES {
        for stalled in [false, true] {
            ends(how, 600, stalled, change, async |scene| {
                scene.change();
                end(&scene.hall);
            })
            .await;
        }
    }
}

/// Ends of a stalled task that take their time.
async fn ends_stalled(how: &str, ttl_s: u64, end: impl AsyncFn(&mut Scene)) {
    for change in CHANGES {
        ends(how, ttl_s, true, change, async |scene| {
            scene.change_unread().await;
            end(scene).await;
        })
        .await;
    }
}

fn of_bob(hall: &Hall, ban: bool) -> Revocation {
    Revocation {
        app: APP,
        target: Target::RoomUser { room: ROOM.into(), user: "bob".into() },
        generation: 1,
        at_s: hall.shared.clock.unix_s(),
        ends_s: None,
        ban,
        reason: None,
    }
}

fn revoke(hall: &Hall, ban: bool) {
    let revocation = of_bob(hall, ban);
    hall.command(Command::Revoke { revocation, margin_s: 0, then: Then::Close });
}

#[tokio::test]
async fn a_kicked_seat_is_freed_with_what_it_had_not_read() {
    ends_at_once("kick", |hall| {
        let (room, user, by) = (ROOM.into(), "bob".into(), Actor::Root);
        hall.command(Command::Kick { app: APP, room, user, by });
    })
    .await;
}

#[tokio::test]
async fn a_banned_or_revoked_seat_is_freed_with_its_letters() {
    ends_at_once("ban", |hall| revoke(hall, true)).await;
    ends_at_once("revoked", |hall| revoke(hall, false)).await;
}

#[tokio::test]
async fn the_seats_of_a_closed_room_are_freed_with_their_letters() {
    ends_at_once("close", |hall| {
        hall.command(Command::CloseRoom { app: APP, room: ROOM.into() });
    })
    .await;
}

#[tokio::test]
async fn a_slow_seat_is_freed_with_its_letters() {
    ends_at_once("outbox", |hall| {
        (0..4).for_each(|_| hall.message(To::User("bob".into())));
    })
    .await;
    ends_at_once("events", |hall| {
        (0..30).for_each(|_| hall.message(To::Room));
    })
    .await;
}

#[tokio::test]
async fn a_seat_that_is_left_or_lost_is_freed_with_its_letters() {
    for change in CHANGES {
        ends("goodbye", 600, false, change, async |scene| {
            let bob = scene.bob.as_mut().expect("he sits");
            bob.send(Message::Close(None)).await.expect("it takes");
            scene.change();
        })
        .await;
        ends("leave", 600, false, change, async |scene| {
            let bob = scene.bob.as_mut().expect("he sits");
            let leave = json!({"op": "leave", "id": 2}).to_string();
            bob.send(Message::text(leave)).await.expect("it takes");
            scene.change();
        })
        .await;
        ends("lost", 600, false, change, async |scene| {
            scene.change();
            scene.bob = None;
        })
        .await;
    }
    ends_stalled("lost", 600, async |scene| scene.bob = None).await;
}

#[tokio::test]
async fn a_seat_that_another_takes_over_is_freed_with_its_letters() {
    ends_stalled("replaced", 600, async |scene| {
        scene.bob = Some(scene.hall.join("bob", "speaker", 600).await);
    })
    .await;
}

#[tokio::test]
async fn a_seat_that_time_ends_is_freed_with_its_letters() {
    ends_stalled("token expired", 1, async |_| {}).await;
    ends_stalled("nothing taken", 600, async |_| {}).await;
}

#[tokio::test]
async fn a_drained_seat_is_freed_with_its_letters() {
    ends_stalled("drain", 600, async |scene| scene.hall.stop()).await;
}

/// With a one-time token that the API revokes between its use and the moment that is stored.
#[tokio::test]
async fn a_token_revoked_during_its_use_opens_nothing() {
    let run = async {
        for renews in [false, true] {
            let (hall, mut stores) = Hall::open_with_store(limits()).await;
            let mut once = hall.claims("bob", "speaker", 600);
            (once.once, once.jti) = (true, "once".into());
            let token = hall.mint(&once);
            let (mut bob, op) = match renews {
                true => (hall.join("bob", "speaker", 600).await, "renew"),
                false => (hall.connect().await, "login"),
            };
            begin(&mut bob, json!({"op": op, "token": token})).await;
            let used = stores.recv().await.expect("its use");
            let revocation =
                Revocation { target: Target::Jti("once".into()), ..of_bob(&hall, false) };
            hall.shared.bus.revoke(&revocation);
            hall.command(Command::Revoke { revocation, margin_s: 0, then: Then::Close });
            used.stored(vec![2]);
            tokio::spawn(take_everything(stores));
            assert_eq!(close_of(&mut bob).await, "token_revoked", "{op}");
            assert_eq!(hall.shared.rooms.count(), (0, 0), "{op}");
        }
    };
    timeout(TIME_LIMIT, run).await.expect("in time");
}

#[tokio::test]
async fn mute_and_kick_in_one_segment_free_the_seat() {
    for stalled in [false, true] {
        ends("segment", 600, stalled, Change::Nothing, async |scene| {
            let anna = scene.anna.as_mut().expect("she sits");
            for verb in ["mute", "kick"] {
                let moderate = json!({"op": "moderate", "id": 2, "verb": verb, "user": "bob"});
                anna.feed(Message::text(moderate.to_string())).await.expect("it takes");
            }
            anna.flush().await.expect("it takes");
        })
        .await;
    }
}
