"""The built-in roles, and cases of what a role allows (spec/roles.md)."""

from signing import compact

ALL_KINDS = ["audio", "video", "screen", "data"]
ALL_VERBS = ["kick", "ban", "mute", "unmute", "promote", "demote", "close", "admit"]
SPEAKING = ["host", "cohost", "speaker"]


def template(role, rank, publish=([], [], 0), subscribe=([], []), send=(False, [], []), set=(), moderate=(), presence=([], []),
             ask=(), invite=(), waits=False, second_login=None, **caps):
    return {
        "role": role, "rank": rank,
        "publish": dict(zip(("streams", "kinds", "streams_max"), publish)),
        "subscribe": dict(zip(("streams", "from"), subscribe)),
        "send": dict(zip(("room", "roles", "users"), send)),
        "set": list(set), "moderate": list(moderate),
        "presence": dict(zip(("sees", "seen_by"), presence)),
        "ask": list(ask), "invite": list(invite), "waits": waits,
        **({"second_login": second_login} if second_login else {}),
        "caps": caps,
    }


BUILT_IN = [
    template("host", 100, (["*"], ALL_KINDS, 16), (["*"], ["*"]), (True, ["*"], ["*"]), ["*"], ALL_VERBS, (["*"], ["*"]),
             invite=["cohost", "speaker", "audience", "observer"]),
    template("cohost", 80, (["*"], ALL_KINDS, 16), (["*"], ["*"]), (True, ["*"], ["*"]), ["*"],
             [verb for verb in ALL_VERBS if verb != "close"], (["*"], ["*"]), invite=["speaker", "audience"]),
    template("speaker", 50, (["*"], ALL_KINDS, 8), (["*"], ["*"]), (True, ["*"], ["host", "cohost"]), presence=(SPEAKING, ["*"]), ask=["cohost"]),
    template("audience", 10, subscribe=(["*"], SPEAKING), send=(False, ["host", "cohost"], []), presence=(SPEAKING, ["host", "cohost"]), ask=["speaker"]),
    template("observer", 0, subscribe=(["*"], ["*"]), presence=(["*"], [])),
]


def publish(stream="cam", kind="video", live=0):
    return {"do": "publish", "stream": stream, "kind": kind, "live": live}


def subscribe(stream="cam", publisher_role="speaker"):
    return {"do": "subscribe", "stream": stream, "publisher_role": publisher_role}


def moderate(verb="kick", target_rank=None):
    return {"do": "moderate", "verb": verb, "target_rank": target_rank}


def assign(verb, from_rank, to_rank, target_rank=None):
    return {"do": "assign", "verb": verb, "target_rank": from_rank if target_rank is None else target_rank, "from_rank": from_rank, "to_rank": to_rank}


def ask(role):
    return {"do": "ask", "role": role}


def invite(role, rank):
    return {"do": "invite", "role": role, "rank": rank}


def see(member, **narrowing):
    return {"do": "see", "member": member, **({"narrowing": narrowing} if narrowing else {})}


ROOM = {"do": "send_room"}


def to_role(role):
    return {"do": "send_role", "role": role}


def to_user(role):
    return {"do": "send_user", "role": role}


def setting(key="slide"):
    return {"do": "set", "key": key}


OK = "allowed"


def built_in_cases():
    """Each action for each role, as a table: the expectation by role in the order of `BUILT_IN`."""
    for name, action, *expect in [
        ("publish a camera", publish(), OK, OK, OK, "publish.streams", "publish.streams"),
        ("publish data", publish(kind="data"), OK, OK, OK, "publish.streams", "publish.streams"),
        ("publish with seven live", publish(live=7), OK, OK, OK, "publish.streams", "publish.streams"),
        ("publish with eight live", publish(live=8), OK, OK, "publish.streams_max", "publish.streams", "publish.streams"),
        ("publish with sixteen live", publish(live=16), "publish.streams_max", "publish.streams_max", "publish.streams_max", "publish.streams", "publish.streams"),
        ("subscribe to a host", subscribe(publisher_role="host"), OK, OK, OK, OK, OK),
        ("subscribe to a speaker", subscribe(), OK, OK, OK, OK, OK),
        ("subscribe to the audience", subscribe(publisher_role="audience"), OK, OK, OK, "subscribe.from", OK),
        ("subscribe to a role of the app's own", subscribe(publisher_role="host2"), OK, OK, OK, "subscribe.from", OK),
        ("message the room", ROOM, OK, OK, OK, "send.room", "send.room"),
        ("message the hosts", to_role("host"), OK, OK, OK, OK, "send.roles"),
        ("message the speakers", to_role("speaker"), OK, OK, OK, "send.roles", "send.roles"),
        ("message one host", to_user("host"), OK, OK, OK, "send.users", "send.users"),
        ("message one of the audience", to_user("audience"), OK, OK, "send.users", "send.users", "send.users"),
        ("set a key", setting(), OK, OK, "set", "set", "set"),
        ("kick a host", moderate(target_rank=100), "rank", "rank", "moderate", "moderate", "moderate"),
        ("kick a cohost", moderate(target_rank=80), OK, "rank", "moderate", "moderate", "moderate"),
        ("kick one just below a cohost", moderate(target_rank=79), OK, OK, "moderate", "moderate", "moderate"),
        ("kick an observer", moderate(target_rank=0), OK, OK, "moderate", "moderate", "moderate"),
        ("kick the highest rank", moderate(target_rank=65_535), "rank", "rank", "moderate", "moderate", "moderate"),
        ("close the room", moderate("close"), OK, "moderate", "moderate", "moderate", "moderate"),
        ("ban an observer", moderate("ban", 0), OK, OK, "moderate", "moderate", "moderate"),
        ("mute a speaker", moderate("mute", 50), OK, OK, "moderate", "moderate", "moderate"),
        ("unmute a speaker", moderate("unmute", 50), OK, OK, "moderate", "moderate", "moderate"),
        ("mute a cohost", moderate("mute", 80), OK, "rank", "moderate", "moderate", "moderate"),
        ("admit one of the audience", moderate("admit", 10), OK, OK, "moderate", "moderate", "moderate"),
        ("promote the audience to speaker", assign("promote", 10, 50), OK, OK, "moderate", "moderate", "moderate"),
        ("promote a speaker to cohost", assign("promote", 50, 80), OK, "rank", "moderate", "moderate", "moderate"),
        ("promote a cohost to host", assign("promote", 80, 100), "rank", "rank", "moderate", "moderate", "moderate"),
        ("promote past every rank", assign("promote", 10, 65_535), "rank", "rank", "moderate", "moderate", "moderate"),
        ("promote to the same rank", assign("promote", 50, 50), OK, OK, "moderate", "moderate", "moderate"),
        ("promote to a lower rank", assign("promote", 50, 10), "moderate.direction", "moderate.direction", "moderate", "moderate", "moderate"),
        ("demote a speaker to the audience", assign("demote", 50, 10), OK, OK, "moderate", "moderate", "moderate"),
        ("demote to the same rank", assign("demote", 50, 50), OK, OK, "moderate", "moderate", "moderate"),
        ("demote to a higher rank", assign("demote", 10, 50), "moderate.direction", "moderate.direction", "moderate", "moderate", "moderate"),
        ("demote a cohost to the audience", assign("demote", 80, 10), OK, "rank", "moderate", "moderate", "moderate"),
        ("demote a host to the audience", assign("demote", 100, 10), "rank", "rank", "moderate", "moderate", "moderate"),
        ("demote upwards past the own rank is told as the rank", assign("demote", 10, 100), "rank", "rank", "moderate", "moderate", "moderate"),
        ("promote one whose rank is now higher", assign("promote", 10, 50, target_rank=80), OK, "rank", "moderate", "moderate", "moderate"),
        ("give a role by kick", assign("kick", 10, 10), "moderate.direction", "moderate.direction", "moderate", "moderate", "moderate"),
        ("ask to be host", ask("host"), "ask", "ask", "ask", "ask", "ask"),
        ("ask to be cohost", ask("cohost"), "ask", "ask", OK, "ask", "ask"),
        ("ask to be speaker", ask("speaker"), "ask", "ask", "ask", OK, "ask"),
        ("invite a host", invite("host", 100), "invite", "invite", "invite", "invite", "invite"),
        ("invite a cohost", invite("cohost", 80), OK, "invite", "invite", "invite", "invite"),
        ("invite a speaker", invite("speaker", 50), OK, OK, "invite", "invite", "invite"),
        ("invite an observer", invite("observer", 0), OK, "invite", "invite", "invite", "invite"),
        ("invite a speaker of a rank of the app's own", invite("speaker", 80), OK, "invite.rank", "invite", "invite", "invite"),
        ("see a host", see("host"), OK, OK, OK, OK, OK),
        ("see a speaker", see("speaker"), OK, OK, OK, OK, OK),
        ("see one of the audience", see("audience"), OK, OK, "presence.sees", "presence.sees", "presence.seen_by"),
        ("see an observer", see("observer"), "presence.seen_by", "presence.seen_by", "presence.sees", "presence.sees", "presence.seen_by"),
        ("see a host that only cohosts see", see("host", presence={"seen_by": ["cohost"]}), "presence.seen_by", OK, "presence.seen_by", "presence.seen_by", "presence.seen_by"),
    ]:
        for role, expect in zip(BUILT_IN, expect, strict=True):
            yield {"name": f"{role['role']}: {name}", "role": role["role"], "action": action, "expect": expect}


def narrowed_cases():
    def of(name, role, narrowing, action, expect):
        return {"name": name, "role": role, "narrowing": narrowing, "action": action, "expect": expect}

    cam = {"publish": {"streams": ["cam-*", "mic"]}}
    yield of("a prefix stands for names that begin with it", "speaker", cam, publish("cam-1"), OK)
    yield of("a prefix stands for itself", "speaker", cam, publish("cam-"), OK)
    yield of("a prefix does not stand for less", "speaker", cam, publish("cam"), "publish.streams")
    yield of("a name stands for itself", "speaker", cam, publish("mic"), OK)
    yield of("a name does not stand for more", "speaker", cam, publish("mic2"), "publish.streams")
    yield of("a name does not stand for capitals", "speaker", cam, publish("MIC"), "publish.streams")
    yield of("what a section does not name stays", "speaker", cam, publish("mic", "audio", 7), OK)
    yield of("the first rule that refuses is told", "speaker", cam, publish("x", "audio", 99), "publish.streams")
    audio = {"publish": {"kinds": ["audio"], "streams_max": 1}}
    yield of("a kind that is left", "speaker", audio, publish(kind="audio"), OK)
    yield of("a kind that is taken away", "speaker", audio, publish(kind="screen"), "publish.kinds")
    yield of("kinds are told before streams_max", "speaker", audio, publish(kind="data", live=1), "publish.kinds")
    yield of("streams_max is of streams that live", "speaker", audio, publish(kind="audio", live=1), "publish.streams_max")
    yield of("a streams_max of zero", "speaker", {"publish": {"streams_max": 0}}, publish(), "publish.streams_max")
    yield of("no kinds", "host", {"publish": {"kinds": []}}, publish(kind="data"), "publish.kinds")
    only = {"subscribe": {"streams": ["main"], "from": ["host"]}}
    yield of("one stream of one role", "audience", only, subscribe("main", "host"), OK)
    yield of("another stream", "audience", only, subscribe("side", "host"), "subscribe.streams")
    yield of("another role", "audience", only, subscribe("main", "speaker"), "subscribe.from")
    yield of("streams are told before from", "audience", only, subscribe("side", "audience"), "subscribe.streams")
    yield of("nothing left to subscribe to", "host", {"subscribe": {"streams": []}}, subscribe(), "subscribe.streams")
    yield of("a muted host messages nobody", "host", {"send": {"room": False, "roles": [], "users": []}}, ROOM, "send.room")
    yield of("roles stay when the room goes", "host", {"send": {"room": False}}, to_role("speaker"), OK)
    yield of("users by a prefix", "host", {"send": {"users": ["co*"]}}, to_user("cohost"), OK)
    yield of("users not by a prefix", "host", {"send": {"users": ["co*"]}}, to_user("host"), "send.users")
    yield of("keys by a prefix", "host", {"set": ["poll.*"]}, setting("poll.1"), OK)
    yield of("other keys", "host", {"set": ["poll.*"]}, setting("slide"), "set")
    yield of("a verb taken away", "host", {"moderate": ["close"]}, moderate(target_rank=0), "moderate")
    yield of("a verb left", "host", {"moderate": ["close"]}, moderate("close"), OK)
    yield of("a narrowing leaves the rank", "host", {"moderate": ["kick"]}, moderate(target_rank=99), OK)
    yield of("a role no longer asked for", "audience", {"ask": []}, ask("speaker"), "ask")
    yield of("a role no longer invited", "host", {"invite": ["audience"]}, invite("speaker", 50), "invite")
    yield of("a role still invited", "host", {"invite": ["audience"]}, invite("audience", 10), OK)
    yield of("no promotion where the verb is taken away", "host", {"moderate": ["demote"]}, assign("promote", 10, 50), "moderate")
    yield of("a demotion where the verb is left", "host", {"moderate": ["demote"]}, assign("demote", 50, 10), OK)
    yield of("eyes closed", "host", {"presence": {"sees": []}}, see("host"), "presence.sees")
    yield of("empty grants leave everything", "host", {}, moderate("close"), OK)

    wide = [
        ("publish.streams", "audience", {"publish": {"streams": ["a"]}}),
        ("publish.kinds", "observer", {"publish": {"kinds": ["data"]}}),
        ("publish.streams_max", "host", {"publish": {"streams_max": 17}}),
        ("subscribe.from", "audience", {"subscribe": {"from": ["h*"]}}),
        ("send.room", "audience", {"send": {"room": True}}),
        ("send.roles", "audience", {"send": {"roles": ["*"]}}),
        ("send.users", "speaker", {"send": {"users": ["speaker"]}}),
        ("set", "speaker", {"set": ["a"]}),
        ("moderate", "cohost", {"moderate": ["kick", "close"]}),
        ("presence.sees", "audience", {"presence": {"sees": ["audience"]}}),
        ("presence.seen_by", "observer", {"presence": {"seen_by": ["host"]}}),
        # The first in the template's order is told.
        ("publish.streams_max", "speaker", {"publish": {"streams_max": 9}, "set": ["a"]}),
    ]
    wide += [
        ("ask", "speaker", {"ask": ["host"]}),
        ("ask", "audience", {"ask": ["speaker*"]}),
        ("invite", "cohost", {"invite": ["speaker", "observer"]}),
        ("moderate", "cohost", {"moderate": ["mute", "close"]}),
        ("second_login", "host", {"second_login": "replace"}),
        ("second_login", "host", {"second_login": {"allow": 2}}),
        ("presence.seen_by", "observer", {"presence": {"seen_by": ["host"]}, "ask": ["host"]}),
        ("ask", "observer", {"ask": ["host"], "invite": ["host"], "second_login": "replace"}),
        ("invite", "observer", {"invite": ["host"], "second_login": "replace"}),
    ]
    for rule, role, narrowing in wide:
        yield {"name": f"beyond {role} is refused: {compact(narrowing)}", "role": role, "narrowing": narrowing, "expect": "grants_too_wide", "rule": rule}
    capped = template("crew", 5, waits=True, second_login={"allow": 3}, members_max=9, messages_per_s=10, bytes_per_s=1_000, frame_bytes_max=100)
    for narrowing, rule in [
        ({"waits": True}, None), ({"waits": False}, "waits"),
        ({"second_login": "reject"}, None), ({"second_login": "replace"}, None), ({"second_login": {"allow": 2}}, None),
        ({"second_login": {"allow": 3}}, None), ({"second_login": {"allow": 4}}, "second_login"),
        ({"caps": {"messages_per_s": 10}}, None), ({"caps": {"messages_per_s": 1}}, None), ({"caps": {"messages_per_s": 11}}, "caps.messages_per_s"),
        ({"caps": {"bytes_per_s": 1_000}}, None), ({"caps": {"bytes_per_s": 1_001}}, "caps.bytes_per_s"),
        ({"caps": {"frame_bytes_max": 100}}, None), ({"caps": {"frame_bytes_max": 101}}, "caps.frame_bytes_max"),
        ({"waits": False, "second_login": {"allow": 16}}, "waits"),
        ({"second_login": {"allow": 16}, "caps": {"messages_per_s": 11}}, "second_login"),
        ({"caps": {"messages_per_s": 11, "bytes_per_s": 1_001, "frame_bytes_max": 101}}, "caps.messages_per_s"),
        ({"caps": {"bytes_per_s": 1_001, "frame_bytes_max": 101}}, "caps.bytes_per_s"),
    ]:
        expect = {"expect": "grants_too_wide", "rule": rule} if rule else {"expect": "narrows"}
        yield {"name": f"{compact(narrowing)} of a role that is capped", "template": capped, "narrowing": narrowing, **expect}
    for width, narrowing, rule in [
        ("reject", "reject", None), ("reject", "replace", "second_login"), ("replace", "replace", None), ("replace", {"allow": 2}, "second_login"),
        ({"allow": 2}, "replace", None), (None, "reject", None), (None, "replace", "second_login"),
    ]:
        expect = {"expect": "grants_too_wide", "rule": rule} if rule else {"expect": "narrows"}
        yield {"name": f"second_login {compact(narrowing)} within {compact(width)}", "template": template("crew", 5, second_login=width), "narrowing": {"second_login": narrowing}, **expect}
    free = template("crew", 5)
    for narrowing in ({"waits": True}, {"waits": False}, {"caps": {"messages_per_s": 2**32 - 1}}, {"caps": {"bytes_per_s": 1, "frame_bytes_max": 1}}):
        yield {"name": f"{compact(narrowing)} of a role without", "template": free, "narrowing": narrowing, "expect": "narrows"}
    held = template("crew", 5, (["cam-*", "mic"], ["audio"], 2), (["*"], ["crew"]))
    for patterns, rule in [
        (["cam-*"], None), (["cam-1"], None), (["cam-1*", "mic"], None), (["mic"], None), ([], None), (["cam-", "cam-"], None),
        (["cam*"], "publish.streams"), (["*"], "publish.streams"), (["mic*"], "publish.streams"),
        (["mic2"], "publish.streams"), (["cam-1", "x"], "publish.streams"), (["cam"], "publish.streams"),
    ]:
        narrowing = {"publish": {"streams": patterns}}
        expect = {"expect": "grants_too_wide", "rule": rule} if rule else {"expect": "narrows"}
        yield {"name": f"{compact(patterns)} within [\"cam-*\",\"mic\"]", "template": held, "narrowing": narrowing, **expect}
    yield {"name": "subscribe.streams beyond the role is refused", "template": template("crew", 5, subscribe=(["a*"], ["*"])),
           "narrowing": {"subscribe": {"streams": ["*"]}}, "expect": "grants_too_wide", "rule": "subscribe.streams"}


def template_cases():
    def of(name, template, action, expect):
        return {"name": name, "template": template, "action": action, "expect": expect}

    ghost = {"role": "ghost"}
    yield of("a template that names nothing: publish", ghost, publish(), "publish.streams")
    yield of("a template that names nothing: subscribe", ghost, subscribe(), "subscribe.streams")
    yield of("a template that names nothing: message the room", ghost, ROOM, "send.room")
    yield of("a template that names nothing: message a role", ghost, to_role("ghost"), "send.roles")
    yield of("a template that names nothing: message a user", ghost, to_user("ghost"), "send.users")
    yield of("a template that names nothing: set", ghost, setting(), "set")
    yield of("a template that names nothing: kick", ghost, moderate(target_rank=0), "moderate")
    yield of("a template that names nothing: close", ghost, moderate("close"), "moderate")
    yield of("a template that names nothing: see", ghost, see("host"), "presence.sees")
    yield of("a template that names nothing: promote", ghost, assign("promote", 0, 0), "moderate")
    yield of("a template that names nothing: ask", ghost, ask("ghost"), "ask")
    yield of("a template that names nothing: invite", ghost, invite("ghost", 0), "invite")
    yield of("rank zero invites nobody", {"role": "a", "invite": ["*"]}, invite("b", 0), "invite.rank")
    yield of("a role of the same rank is not invited", {"role": "a", "rank": 5, "invite": ["*"]}, invite("a", 5), "invite.rank")
    yield of("a role of lower rank is invited by a prefix", {"role": "a", "rank": 5, "invite": ["guest-*"]}, invite("guest-2", 4), OK)
    yield of("a role of any rank is asked for", {"role": "a", "ask": ["*"]}, ask("king"), OK)
    yield of("rank zero promotes nobody", {"role": "a", "moderate": ["promote"]}, assign("promote", 0, 0), "rank")
    for second_login in ("reject", "replace", {"allow": 2}, {"allow": 16}):
        yield {"name": f"a template with second_login {compact(second_login)}", "template": {"role": "a", "second_login": second_login}, "expect": "narrows"}
    yield {"name": "a template with every cap", "template": template("a", 0, members_max=1, messages_per_s=1, bytes_per_s=2**32 - 1, frame_bytes_max=1), "expect": "narrows"}
    yield of("streams without a kind", {"role": "a", "publish": {"streams": ["*"], "streams_max": 1}}, publish(), "publish.kinds")
    yield of("streams without a number", {"role": "a", "publish": {"streams": ["*"], "kinds": ["video"]}}, publish(), "publish.streams_max")
    yield of("rank zero moderates nobody", {"role": "a", "moderate": ["kick"]}, moderate(target_rank=0), "rank")
    yield of("rank zero may close the room where it has the verb", {"role": "a", "moderate": ["close"]}, moderate("close"), OK)
    yield of("subscribe by a role that is not built in", {"role": "a", "subscribe": {"streams": ["*"], "from": ["tutor-*"]}}, subscribe(publisher_role="tutor-2"), OK)
    for name, bad in [
        ("no role", {}), ("a bad role", {"role": "A"}), ("an unknown field", {"role": "a", "publsh": {}}),
        ("an unknown field in a section", {"role": "a", "send": {"rooms": True}}), ("a rank past 16 bits", {"role": "a", "rank": 65_536}),
        ("a section that is a list", {"role": "a", "send": [True]}), ("null for a section", {"role": "a", "send": None}),
        ("a list", ["a"]), ("an unknown verb", {"role": "a", "moderate": ["silence"]}),
        ("null for waits", {"role": "a", "waits": None}), ("waits as text", {"role": "a", "waits": "yes"}),
        ("null for second_login", {"role": "a", "second_login": None}), ("an unknown second_login", {"role": "a", "second_login": "first"}),
        ("a second_login of one", {"role": "a", "second_login": {"allow": 1}}), ("a second_login of 17", {"role": "a", "second_login": {"allow": 17}}),
        ("a cap of zero", {"role": "a", "caps": {"members_max": 0}}), ("a cap that is null", {"role": "a", "caps": {"members_max": None}}),
        ("an unknown cap", {"role": "a", "caps": {"members": 1}}), ("a cap past 32 bits", {"role": "a", "caps": {"bytes_per_s": 2**32}}),
        ("ask that is no list", {"role": "a", "ask": "host"}), ("invite that is an object", {"role": "a", "invite": {"roles": ["host"]}}),
    ]:
        yield {"name": f"a template with {name} is refused", "template": bad, "expect": "template_invalid"}
