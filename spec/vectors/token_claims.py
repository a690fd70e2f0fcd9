"""Cases of what a token says (spec/token.md §Claims to §Refusals)."""

import json

from signing import GOOD, LEEWAY_S, NOW, TTL_S_MAX, base, case, compact, good, text_of, token, with_spare_bit


def claim_cases():
    for name, body in [
        ("an empty payload", ""),
        ("a payload that is no JSON", "app=7"),
        ("a payload that is an array", compact(list(base().values()))),
        ("a payload that is a text", '"anna"'),
        ("a payload that is null", "null"),
        ("a payload cut short", compact(base())[:-1]),
        ("something after the claims", compact(base()) + "{}"),
        ("a NUL after the claims", compact(base()) + "\0"),
        ("a byte order mark before the claims", "\ufeff" + compact(base())),
        ("a comment in the claims", compact(base())[:-1] + "/**/}"),
        ("a comma too many in the claims", compact(base())[:-1] + ",}"),
        ("names in single quotes", compact(base()).replace('"', "'")),
        ("claims that are not UTF-8", compact(base(sub="ann?")).encode().replace(b"?", b"\xff")),
        ("an overlong form of UTF-8", compact(base(sub="ann?")).encode().replace(b"?", b"\xc1\xa1")),
        ("half of a surrogate pair", text_of(sub='"ann\\ud800"')),
        ("a control character that is not escaped", text_of(sub='"ann\na"')),
        ("a claim twice", compact(base())[:-1] + ',"room":"lobby"}'),
        ("a claim twice with another value", compact(base())[:-1] + ',"role":"host"}'),
        ("a claim twice, once escaped", compact(base())[:-1] + ',"r\\u006fle":"host"}'),
        ("an optional claim twice", compact(base(name="a"))[:-1] + ',"name":"b"}'),
        ("grants twice", compact(base(grants={}))[:-1] + ',"grants":{}}'),
        ("an unknown claim twice", compact(base())[:-1] + ',"x":1,"x":1}'),
        ("app as text", text_of(app='"7"')),
        ("app negative", text_of(app="-7")),
        ("app as a fraction", text_of(app="7.0")),
        ("app past 32 bits", text_of(app="4294967296")),
        ("app null", text_of(app="null")),
        ("room as a number", text_of(room="1")),
        ("room null", text_of(room="null")),
        ("sub as a number", text_of(sub="1")),
        ("sub as a list", text_of(sub='["anna"]')),
        ("role as a list", text_of(role='["speaker"]')),
        ("jti as a number", text_of(jti="1")),
        ("name null", text_of(name="null")),
        ("meta as an object", text_of(meta='{"a":1}')),
        ("meta null", text_of(meta="null")),
        ("iss as a number", text_of(iss="1")),
        ("gen as text", text_of(gen='"1"')),
        ("gen negative", text_of(gen="-1")),
        ("gen past 64 bits", text_of(gen="18446744073709551616")),
        ("gen null", text_of(gen="null")),
        ("gen twice", text_of(gen="1")[:-1] + ',"gen":1}'),
        ("once as a number", text_of(once="1")),
        ("once as text", text_of(once='"true"')),
        ("once null", text_of(once="null")),
        ("once twice", text_of(once="true")[:-1] + ',"once":false}'),
        ("max_stay as text", text_of(max_stay='"60"')),
        ("max_stay negative", text_of(max_stay="-60")),
        ("max_stay as a fraction", text_of(max_stay="60.0")),
        ("max_stay null", text_of(max_stay="null")),
        ("at_exp twice", text_of(at_exp='"close"')[:-1] + ',"at_exp":"close"}'),
        ("until twice", text_of(until="{}")[:-1] + ',"until":{}}'),
        ("cnf twice", text_of(cnf="{}")[:-1] + ',"cnf":{}}'),
        ("iat as text", text_of(iat=f'"{NOW}"')),
        ("iat as a fraction", text_of(iat=f"{NOW}.5")),
        ("the second of two faults", text_of(iat=f"{NOW}.5", room="7")),
        ("an unknown claim before a fault", '{"x":{"iat":1,"iat":2},' + text_of(iat="null")[1:]),
        ("nbf as text", text_of(nbf=f'"{NOW}"')),
        ("exp as text", text_of(exp=f'"{NOW + 600}"')),
        ("exp as a fraction", text_of(exp=f"{NOW + 600}.0")),
        ("exp with an exponent", text_of(exp="1.79e9")),
        ("exp with an exponent and no fraction", text_of(exp="2e9")),
        ("exp negative", text_of(exp="-1")),
        ("exp minus zero", text_of(exp="-0")),
        ("exp with a leading zero", text_of(exp=f"0{NOW + 600}")),
        ("exp with a plus", text_of(exp=f"+{NOW + 600}")),
        ("exp past 64 bits", text_of(exp="18446744073709551616")),
        ("exp null", text_of(exp="null")),
        ("exp true", text_of(exp="true")),
        ("exp infinite", text_of(exp="Infinity")),
        ("a wrong type next to a missing claim", text_of(exp="null").replace('"jti":"t-1",', "")),
    ]:
        yield case(f"{name}: refused", "claims_malformed", token(body))

    for name in ("app", "room", "sub", "role", "iat", "nbf", "exp", "jti"):
        yield case(f"claims without {name} are refused", "claim_missing", token(base(**{name: None})))
    yield case("an empty object for claims is refused", "claim_missing", token("{}"))
    yield case("a missing claim is told before an unknown one", "claim_missing", token(base(jti=None) | {"x": 1}))

    for name in ("aud", "grant", "Grants", "user", "scope", "x", "", "https://example.com/role", "r\u00f4le`\"\n.[0]", "n" * 33, "\u00e9" * 33):
        yield case(f"the claim {name!r} is refused as unknown", "claim_unknown", token(base() | {name: "x"}))
    yield case("iss is taken and ignored", "ok", token(base() | {"iss": "https://backend.example"}), claims=base())
    yield case("another order of the claims is taken", "ok", token(dict(reversed(base().items()))), claims=base())
    yield case("white space among the claims is taken", "ok", token(json.dumps(base(), indent=2)), claims=base())

    yield case("an empty room is refused", "room_invalid", token(base(room="")))
    yield good("a room of 128 bytes is taken", base(room="r" * 128))
    yield case("a room of 129 bytes is refused", "room_invalid", token(base(room="r" * 129)))
    yield good("a room of 128 bytes in two-byte letters is taken", base(room="\u00e9" * 64))
    yield case("a room of 65 letters of two bytes is refused", "room_invalid", token(base(room="\u00e9" * 65)))
    yield case("a room with a line end is refused", "room_invalid", token(base(room="lob\nby")))
    yield case("a room with a NUL is refused", "room_invalid", token(base(room="lobby\0")))
    yield case("a room with a DEL is refused", "room_invalid", token(base(room="lobby\x7f")))
    yield case("a room with a C1 control is refused", "room_invalid", token(base(room="lobby\x85")))
    yield good("a room with spaces and emoji is taken", base(room="the lobby \U0001f3ad"))
    for dots in (".", ".."):
        yield case(f"the room {dots!r} is refused", "room_invalid", token(base(room=dots)))
        yield case(f"the user {dots!r} is refused", "user_invalid", token(base(sub=dots)))
    for dots in ("...", ".a", "a.", "./.."):
        yield good(f"the room and the user {dots!r} are taken", base(room=dots, sub=dots))
    yield case("a foreign room is refused", "room_mismatch", GOOD, expect_room="backstage")
    yield case("a room of other letters is foreign", "room_mismatch", GOOD, expect_room="Lobby")
    yield good("its own room is taken", expect_room="lobby")
    yield case("an empty user is refused", "user_invalid", token(base(sub="")))
    yield good("a user of 64 bytes is taken", base(sub="u" * 64))
    yield case("a user of 65 bytes is refused", "user_invalid", token(base(sub="u" * 65)))
    yield case("a user with a tab is refused", "user_invalid", token(base(sub="an\tna")))
    for role in ("", "Host", "host ", "h\u00f6st", "a" * 33, "*", "ho.st"):
        yield case(f"the role {role!r} is refused as no name", "role_invalid", token(base(role=role)))
    yield case("a role of 32 bytes that no app has is refused", "role_unknown", token(base(role="a" * 32)))
    yield case("a role that the app has not is refused", "role_unknown", token(base(role="king")))
    yield case("an empty jti is refused", "jti_invalid", token(base(jti="")))
    yield good("a jti of 64 bytes is taken", base(jti="~" * 64))
    yield case("a jti of 65 bytes is refused", "jti_invalid", token(base(jti="j" * 65)))
    yield case("a jti with a space is refused", "jti_invalid", token(base(jti="t 1")))
    yield case("a jti outside ASCII is refused", "jti_invalid", token(base(jti="t\u00e9")))
    yield good("an empty name is taken", base(name=""))
    yield good("a name of 128 bytes is taken", base(name="n" * 128))
    yield case("a name of 129 bytes is refused", "name_invalid", token(base(name="n" * 129)))
    yield case("a name with a line end is refused", "name_invalid", token(base(name="Anna\nAdmin")))
    yield good("meta is any text", base(meta='{"color":"red"}\n\t\0'), minted=False)
    yield case("a meta of 1,025 bytes is refused", "meta_invalid", token(base(meta="m" * 1_025)))
    # Each pair of faults is told as the one whose check comes first.
    order = [("app", 8, "app_mismatch"), ("room", "", "room_invalid"), ("sub", "", "user_invalid"), ("role", "", "role_invalid"),
             ("jti", "", "jti_invalid"), ("name", "\0", "name_invalid"), ("meta", "m" * 1_025, "meta_invalid"),
             ("grants", [], "grants_invalid"), ("at_exp", "never", "at_exp_invalid"), ("max_stay", 0, "max_stay_invalid"),
             ("until", {"publish": 0}, "until_invalid"), ("cnf", {}, "cnf_invalid"), ("exp", NOW, "times_invalid")]
    for at, (name, value, code) in enumerate(order):
        rest = {name: value for name, value, _ in order[at:]}
        yield case(f"the order of the checks, from {name} on", code, token(base(**rest)))


THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def stay_cases():
    yield good("everything about the stay at once is taken", base(
        role="host", gen=3, once=True, at_exp={"demote": "audience"}, max_stay=3_600,
        until={"publish": NOW + 60, "subscribe": NOW + 600, "send": NOW + 120, "set": NOW + 1, "moderate": 1},
        cnf={"jkt": THUMBPRINT}))
    for value in (0, 1, 2**64 - 1):
        yield good(f"gen {value} is taken", base(gen=value))
    yield good("once is taken", base(once=True))
    # It is not written back, because it says nothing.
    yield case("once false says nothing", "ok", token(base(once=False)), claims=base())
    yield case("at_exp close is what is done anyway", "ok", token(base(at_exp="close")), claims=base())
    yield case("at_exp close escaped is the same", "ok", token(text_of(at_exp='"cl\\u006fse"')), claims=base())
    yield case("an empty until ends nothing", "ok", token(base(until={})), claims=base())

    for value in ({"demote": "audience"}, {"demote": "observer"}, {"grace": 1}, {"grace": 300}):
        yield good(f"at_exp {compact(value)} is taken", base(at_exp=value))
    yield case("at_exp with an escaped name is the same", "ok", token(text_of(at_exp='{"gr\\u0061ce":30}')), claims=base(at_exp={"grace": 30}))
    for value in ['"demote"', '"grace"', '"Close"', '""', "null", "true", "30", "[]", '["close"]', "{}", '{"close":null}', '{"close":true}',
                  '{"demote":null}', '{"demote":""}', '{"demote":"Audience"}', '{"demote":["audience"]}', '{"demote":"audience","demote":"audience"}',
                  '{"demote":"audience","grace":30}', '{"grace":30,"after":"close"}', '{"grace":0}', '{"grace":301}', '{"grace":-1}', '{"grace":30.0}',
                  '{"grace":"30"}', '{"grace":null}', '{"grace":4294967297}', '{"Grace":30}', '{"renew":30}']:
        yield case(f"at_exp {value} is refused", "at_exp_invalid", token(text_of(at_exp=value)))
    yield case("a demotion to a role that the app has not is refused", "role_unknown", token(base(at_exp={"demote": "king"})))
    yield case("a demotion to the role itself is refused", "at_exp_invalid", token(base(at_exp={"demote": "speaker"})))
    yield case("a demotion to a higher role is refused", "at_exp_invalid", token(base(at_exp={"demote": "cohost"})))
    yield case("a demotion from the lowest role is refused", "at_exp_invalid", token(base(role="observer", at_exp={"demote": "observer"})))
    yield case("the role is told before that of the demotion", "role_unknown", token(base(role="king", at_exp={"demote": "host"})))
    yield case("a high demotion is told before wide grants", "at_exp_invalid", token(base(at_exp={"demote": "host"}, grants={"set": ["*"]})))
    yield case("a demotion to a role that the app has not is told before wide grants", "role_unknown", token(base(at_exp={"demote": "king"}, grants={"set": ["*"]})))
    yield case("an expired token is told before its high demotion", "token_expired", token(base(at_exp={"demote": "host"})), NOW + 600)
    yield case("a grace makes no expired token good", "token_expired", token(base(at_exp={"grace": 300})), NOW + 600)

    for value in (1, 2**32 - 1):
        yield good(f"max_stay {value} is taken", base(max_stay=value))
    for value in (0, 2**32, 2**64 - 1):
        yield case(f"max_stay {value} is refused", "max_stay_invalid", token(base(max_stay=value)))

    for name in ("publish", "subscribe", "send", "set", "moderate"):
        yield good(f"{name} may end with the token", base(until={name: NOW + 600}))
        yield case(f"{name} may not end after the token", "until_invalid", token(base(until={name: NOW + 601})))
        yield case(f"{name} may not end at zero", "until_invalid", token(base(until={name: 0})))
    yield good("a privilege may end before the token begins", base(until={"publish": 1}))
    for value in ["null", "[]", "1", '"publish"', '{"publish":null}', f'{{"publish":"{NOW}"}}', '{"publish":1.0}', '{"publish":-1}',
                  '{"publish":18446744073709551616}', '{"publish":1,"publish":1}', '{"Publish":1}', '{"presence":1}', '{"ask":1}', '{"x":1}']:
        yield case(f"until {value} is refused", "until_invalid", token(text_of(until=value)))
    yield case("the last end is told as well", "until_invalid", token(base(until={"publish": NOW, "moderate": NOW + 601})))

    yield good("cnf is taken", base(cnf={"jkt": THUMBPRINT}))
    assert len(THUMBPRINT) == 43 and with_spare_bit(THUMBPRINT) != THUMBPRINT
    for name, value in [
        ("null", "null"), ("a text", f'"{THUMBPRINT}"'), ("a list", f'["{THUMBPRINT}"]'), ("an empty object", "{}"),
        ("a jkt that is null", '{"jkt":null}'), ("a jkt that is a number", '{"jkt":1}'), ("an empty jkt", '{"jkt":""}'),
        ("a jkt of 42 characters", compact({"jkt": THUMBPRINT[1:]})), ("a jkt of 44 characters", compact({"jkt": "A" + THUMBPRINT})),
        ("a jkt with padding", compact({"jkt": THUMBPRINT + "="})), ("a jkt with spare bits", compact({"jkt": with_spare_bit(THUMBPRINT)})),
        ("a jkt of plain base64", compact({"jkt": THUMBPRINT.replace("-", "+")})), ("a jkt with a space", compact({"jkt": " " + THUMBPRINT[1:]})),
        ("jkt twice", f'{{"jkt":"{THUMBPRINT}","jkt":"{THUMBPRINT}"}}'), ("another member", compact({"jkt": THUMBPRINT, "kid": "k"})),
        ("a key itself", '{"jwk":{"kty":"EC"}}'), ("x5t#S256", compact({"x5t#S256": THUMBPRINT})),
    ]:
        yield case(f"cnf with {name} is refused", "cnf_invalid", token(text_of(cnf=value)))
    yield case("an unknown claim is told before a bad end", "claim_unknown", token(base(at_exp="never") | {"x": 1}))
    yield case("another app is told before a bad end", "app_mismatch", token(base(app=8, at_exp="never")))


def time_cases():
    def at(**change):
        return token(base(**change))

    yield good("a token is good in the second before its end", now=NOW + 599)
    yield case("a token is over at its exp, without leeway", "token_expired", GOOD, NOW + 600)
    yield case("a token is over after its exp", "token_expired", GOOD, NOW + 601)
    yield case("a token is over for ever", "token_expired", GOOD, 2**63)
    yield good("a token of the leeway's future is taken", now=NOW - LEEWAY_S)
    yield case("a token from beyond the leeway is refused", "token_not_yet_valid", GOOD, NOW - LEEWAY_S - 1)
    yield case("a clock at zero is refused", "token_not_yet_valid", GOOD, 0)
    yield good("an nbf at the leeway's edge is taken", base(nbf=NOW + LEEWAY_S))
    yield case("an nbf past the leeway is refused", "token_not_yet_valid", at(nbf=NOW + LEEWAY_S + 1))
    yield good("an nbf before iat is taken", base(nbf=NOW - 1_000))
    yield good("an nbf of zero is taken", base(nbf=0))
    yield good("an iat at the leeway's edge is taken", base(iat=NOW + LEEWAY_S))
    yield case("an iat past the leeway is refused", "token_not_yet_valid", at(iat=NOW + LEEWAY_S + 1))
    yield case("exp at iat is refused", "times_invalid", at(exp=NOW))
    yield case("exp before iat is refused", "times_invalid", at(exp=NOW - 1))
    yield case("exp at nbf is refused", "times_invalid", at(nbf=NOW + 600))
    yield case("exp before nbf is refused", "times_invalid", at(nbf=NOW + 601))
    yield case("an exp of zero is refused", "times_invalid", at(exp=0))
    yield good("a life of one day is taken", base(exp=NOW + TTL_S_MAX))
    yield case("a life of a day and a second is refused", "lifetime_too_long", at(exp=NOW + TTL_S_MAX + 1))
    yield case("a life without end is refused", "lifetime_too_long", at(exp=2**64 - 1))
    yield case("a long life that is over is told as long", "lifetime_too_long", at(iat=1, nbf=1), NOW * 2)
    yield case("a life from zero on is refused", "lifetime_too_long", at(iat=0))
    top = 2**64 - 1
    yield case("times at the end of 64 bits are read", "ok", at(iat=top - 2, nbf=top - 2, exp=top), top - 1, claims=base(iat=top - 2, nbf=top - 2, exp=top))
    yield case("an expired token is told before an unknown role", "token_expired", at(role="king"), NOW + 600)


def grants_cases():
    def with_grants(grants, role="speaker"):
        return base(grants=grants, role=role)

    yield good("empty grants narrow nothing", with_grants({}))
    # It is not written back.
    yield case("an empty section narrows nothing", "ok", token(with_grants({"publish": {}})), claims=with_grants({}))
    yield good("grants within the role are taken", with_grants({"publish": {"streams": ["cam-*"], "kinds": ["audio"], "streams_max": 1}}))
    yield good("a list of nothing takes a right away", with_grants({"subscribe": {"streams": []}, "send": {"room": False}}))
    yield good("the rest of the role is narrowed as well", with_grants({"ask": [], "waits": True, "second_login": "reject", "caps": {"messages_per_s": 1, "bytes_per_s": 1_000, "frame_bytes_max": 2**32 - 1}}))
    yield good("invite is narrowed", with_grants({"moderate": ["mute", "unmute"], "invite": ["audience"]}, "host"))
    yield case("empty caps narrow nothing", "ok", token(with_grants({"caps": {}})), claims=with_grants({}))
    yield good("the role's own grants are within it", with_grants({"publish": {"streams": ["*"], "kinds": ["audio", "video", "screen", "data"], "streams_max": 8}}))
    for name, role, grants in [
        ("publish.streams", "audience", {"publish": {"streams": ["cam"]}}),
        ("publish.kinds", "audience", {"publish": {"kinds": ["audio"]}}),
        ("publish.streams_max", "speaker", {"publish": {"streams_max": 9}}),
        ("subscribe.from", "audience", {"subscribe": {"from": ["*"]}}),
        ("subscribe.from by a name", "audience", {"subscribe": {"from": ["audience"]}}),
        ("subscribe.from by its second pattern", "audience", {"subscribe": {"from": ["host", "audience"]}}),
        ("subscribe.from by a prefix of what it has", "audience", {"subscribe": {"from": ["host*"]}}),
        ("send.room", "audience", {"send": {"room": True}}),
        ("send.roles", "audience", {"send": {"roles": ["host", "speaker"]}}),
        ("send.users", "audience", {"send": {"users": ["host"]}}),
        ("set", "speaker", {"set": ["slide"]}),
        ("moderate", "cohost", {"moderate": ["kick", "close"]}),
        ("presence.sees", "speaker", {"presence": {"sees": ["*"]}}),
        ("presence.seen_by", "audience", {"presence": {"seen_by": ["*"]}}),
        ("ask", "speaker", {"ask": ["host"]}),
        ("invite", "cohost", {"invite": ["cohost"]}),
        ("second_login", "host", {"second_login": "replace"}),
    ]:
        yield case(f"grants beyond the role are refused: {name}", "grants_too_wide", token(with_grants(grants, role)))
    for name, grants in [
        ("null", "null"), ("a list", "[]"), ("a text", '"host"'), ("true", "true"),
        ("an unknown section", '{"admin":true}'),
        ("a mistyped section", '{"publsh":{"streams":[]}}'),
        ("a role", '{"role":"host"}'), ("a rank", '{"rank":100}'),
        ("an unknown field of publish", '{"publish":{"stream":[]}}'),
        ("an unknown field of subscribe", '{"subscribe":{"rooms":["*"]}}'),
        ("an unknown field of send", '{"send":{"all":true}}'),
        ("an unknown field of presence", '{"presence":{"hidden":true}}'),
        ("a section twice", '{"set":[],"set":["*"]}'),
        ("a field twice", '{"publish":{"streams":[],"streams":["*"]}}'),
        ("a section that is null", '{"publish":null}'),
        ("a section that is a list", '{"publish":[["a"],["audio"],1]}'),
        ("a field that is null", '{"publish":{"streams":null}}'),
        ("set null", '{"set":null}'),
        ("moderate null", '{"moderate":null}'),
        ("a pattern that is no list", '{"set":"*"}'),
        ("a pattern that is a number", '{"set":[1]}'),
        ("an empty pattern", '{"set":[""]}'),
        ("a star in the middle", '{"set":["a*b"]}'),
        ("a star at the beginning", '{"set":["*a"]}'),
        ("two stars", '{"set":["a**"]}'),
        ("a pattern with a space", '{"set":["a b"]}'),
        ("a pattern outside ASCII", '{"set":["\u00e9"]}'),
        ("a pattern of 257 bytes", compact({"set": ["a" * 257]})),
        ("65 patterns", compact({"set": ["a"] * 65})),
        ("an unknown kind", '{"publish":{"kinds":["smell"]}}'),
        ("a kind in capitals", '{"publish":{"kinds":["Audio"]}}'),
        ("a kind that is an object", '{"publish":{"kinds":[{"audio":null}]}}'),
        ("an unknown verb", '{"moderate":["silence"]}'),
        ("a verb in capitals", '{"moderate":["Ban"]}'),
        ("ask null", '{"ask":null}'),
        ("ask that is no list", '{"ask":"host"}'),
        ("invite null", '{"invite":null}'),
        ("a pattern of invite that is none", '{"invite":["a*b"]}'),
        ("waits null", '{"waits":null}'),
        ("waits as a number", '{"waits":1}'),
        ("second_login null", '{"second_login":null}'),
        ("an unknown second_login", '{"second_login":"allow"}'),
        ("a second_login of one", '{"second_login":{"allow":1}}'),
        ("a second_login of 17", '{"second_login":{"allow":17}}'),
        ("a second_login of two fields", '{"second_login":{"allow":2,"oldest":true}}'),
        ("a second_login twice", '{"second_login":{"allow":2,"allow":2}}'),
        ("a second_login that is an object of null", '{"second_login":{"reject":null}}'),
        ("caps null", '{"caps":null}'),
        ("caps that are a list", '{"caps":[1,1,1]}'),
        ("a cap that is null", '{"caps":{"bytes_per_s":null}}'),
        ("a cap of zero", '{"caps":{"messages_per_s":0}}'),
        ("a cap past 32 bits", '{"caps":{"frame_bytes_max":4294967296}}'),
        ("an unknown cap", '{"caps":{"streams_max":1}}'),
        ("a cap of all members", '{"caps":{"members_max":1}}'),
        ("a cap twice", '{"caps":{"bytes_per_s":1,"bytes_per_s":1}}'),
        ("streams_max negative", '{"publish":{"streams_max":-1}}'),
        ("streams_max as text", '{"publish":{"streams_max":"1"}}'),
        ("streams_max past 32 bits", '{"publish":{"streams_max":4294967296}}'),
        ("send.room as a number", '{"send":{"room":0}}'),
        ("two faults", '{"set":["a","b c","*d"],"send":{"all":true}}'),
        ("a name of letters that are not told", '{"publish":{"str\u00e9ams\\u0000.[0]":[]}}'),
        ("a name of 3,000 letters", compact({"n" * 2_000: True})),
        ("very deep nesting", '{"set":' + "[" * 500 + "]" * 500 + "}"),
    ]:
        yield case(f"grants with {name}: refused", "grants_invalid", token(text_of(grants=grants)))
    yield case("64 patterns are taken", "ok", token(base(grants={"set": ["a"] * 64}, role="host")), claims=base(grants={"set": ["a"] * 64}, role="host"))
    yield case("malformed grants are told before an expired token", "grants_invalid", token(text_of(grants="null")), NOW + 600)
    yield case("an unknown role is told before wide grants", "role_unknown", token(with_grants({"set": ["*"]}, "king")))
