"""The cases of spec/token04.md: tokens with what must come of them, written down by hand."""

import base64
import hashlib
import json
import struct

from aes import cbc, gcm

# The secrets and the time of the shared vectors.
SECRET, OTHER = b"fa94dd0f974cf2e293728a526b028271", b"0123456789abcdef0123456789ABCDE~"
CTIME, EXPIRE, NOW = 1_700_000_000, 1_700_003_600, 1_700_000_001
HOST = {"room_id": "room1", "privilege": {"1": 1, "2": 1}, "stream_id_list": ["s123"]}
APP, TTL_S_MAX = 1_234_567_890, 86_400
IV, NONCE = b"0123456789abcdef", bytes(range(12))
# Of what lies before the plaintext. In CBC everything does, because nothing proves it.
UNPROVEN = {"token_too_large", "token_malformed", "key_unknown", "token04_layout_invalid", "token04_cbc_refused", "token04_tag_invalid"}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def plain(payload=HOST, drop=(), **fields):
    """A plaintext; `payload` is a document, or the text of one."""
    payload = compact(payload) if isinstance(payload, dict) else payload
    whole = {"app_id": APP, "user_id": "host1", "nonce": 7, "ctime": CTIME, "expire": EXPIRE, "payload": payload} | fields
    return compact({name: value for name, value in whole.items() if name not in drop}).encode()


def body(text, mode, secret=SECRET, expire=EXPIRE, padding=None, iv=None):
    if mode == "gcm":
        iv = iv or NONCE
        cipher, rest = gcm(secret, iv, text), b"\x01"
    else:
        iv, pad = iv or IV, 16 - len(text) % 16
        cipher, rest = cbc(secret, iv, text + (padding or bytes([pad] * pad))), b""
    return struct.pack(">qH", expire, len(iv)) + iv + struct.pack(">H", len(cipher)) + cipher + rest


def written(bytes_):
    return "04" + base64.b64encode(bytes_).decode()


def id_of(fields):
    head = struct.pack(">Iqqq", fields["app_id"], fields["nonce"], fields["ctime"], fields["expire"])
    digest = hashlib.sha256(b"stagedoor token04\0" + head + fields["user_id"].encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def case(name, mode, code, token, settings=None):
    """`settings` differ from those of most cases: the app of SECRET alone, at NOW, which takes what `mode` needs."""
    public = code if code == "ok" or (mode == "gcm" and code not in UNPROVEN) else "token_invalid"
    accept = "legacy" if mode == "cbc" else "gcm"
    usual = {"accept": accept, "basic": False, "now": NOW, "secrets": ["current"]}
    return {"name": name, "code": code, "public_code": public} | usual | (settings or {}) | {"token": token}


def good(name, mode, text, settings=None, **made):
    fields = json.loads(text)
    said = json.loads(fields["payload"]) if fields["payload"] else {}
    claims = {
        "app": fields["app_id"],
        "user": fields["user_id"],
        "room": said.get("room_id"),
        "may_publish": said.get("privilege", {}).get("2") == 1,
        "streams": said.get("stream_id_list") or None,
        "ctime": fields["ctime"],
        "expire": fields["expire"],
    }
    token = written(body(text, mode, expire=fields["expire"], **made))
    made = case(name, mode, "ok", token, settings)
    return made | {"claims": claims, "id": id_of(fields)}


def shared():
    """Those of the format's description: the same bytes."""
    basic, one = {"basic": True, "app": 1}, dict(user_id="demo", app_id=1, nonce=123456789, payload="")
    user1 = {name: json.loads(plain(HOST | {"stream_id_list": None}, user_id="user1"))[name] for name in ("user_id", "payload", "expire", "ctime", "app_id", "nonce")}
    forged_iv = xor_at(IV, 12, b"user", b"host")
    yield good("described: cbc, basic", "cbc", plain(**one), basic)
    yield good("described: cbc, host", "cbc", plain())
    yield good("described: gcm, basic", "gcm", plain(**one), basic)
    yield good("described: cbc, user1", "cbc", compact(user1).encode())
    # Its plaintext was never encrypted by anybody who has the secret.
    forged = good("described: cbc, user1 made host1 without the secret", "cbc", compact(user1 | {"user_id": "host1"}).encode(), iv=forged_iv)
    assert forged["token"][40:] == written(body(compact(user1).encode(), "cbc"))[40:]
    yield forged
    for of in (plain(**one), plain(), compact(user1).encode()):
        yield case(f"cbc is refused where only gcm is accepted: {len(of)} bytes", "cbc", "token04_cbc_refused", written(body(of, "cbc")), {"accept": "gcm"})
    yield case("the forged one is refused where only gcm is accepted", "cbc", "token04_cbc_refused", forged["token"], {"accept": "gcm"})


def xor_at(text, at, old, new):
    return text[:at] + bytes(a ^ b ^ c for a, b, c in zip(text[at:], old, new)) + text[at + len(old) :]


def goods():
    for mode in ("gcm", "cbc"):
        yield good(f"{mode}: a host of one stream", mode, plain())
        yield good(f"{mode}: legacy takes both", mode, plain(), {"accept": "legacy"})
        yield good(f"{mode}: an unknown secret before the right one", mode, plain(), {"accept": "legacy", "secrets": ["other", "current"]})
        yield good(f"{mode}: an unknown secret behind the right one", mode, plain(), {"accept": "legacy", "secrets": ["current", "other"]})
    payload = lambda **change: HOST | change
    yield good("only privilege 1", "gcm", plain(payload(privilege={"1": 1})))
    yield good("privilege 2 is 0", "gcm", plain(payload(privilege={"2": 0, "1": 1})))
    yield good("no list of streams", "gcm", plain({name: HOST[name] for name in ("room_id", "privilege")}))
    yield good("the list of streams is null", "gcm", plain(payload(stream_id_list=None)))
    yield good("the list of streams is empty", "gcm", plain(payload(stream_id_list=[])))
    yield good("64 streams", "gcm", plain(payload(stream_id_list=[f"s{n}" for n in range(64)])))
    yield good("a stream of 256 bytes", "gcm", plain(payload(stream_id_list=["a" * 256, "_.:-"])))
    yield good("payload is null", "gcm", plain(None), {"basic": True})
    yield good("a privilege token where basic ones are accepted", "gcm", plain(), {"basic": True})
    yield good("the least nonce", "gcm", plain(nonce=-(2**63)))
    yield good("the greatest nonce", "gcm", plain(nonce=2**63 - 1))
    yield good("the greatest app", "gcm", plain(app_id=2**32 - 1), {"app": 2**32 - 1})
    yield good("ctime is zero", "gcm", plain(ctime=0, expire=600), {"now": 599})
    yield good("ctime at the end of the leeway", "gcm", plain(), {"now": CTIME - 10})
    yield good("the last second", "gcm", plain(), {"now": EXPIRE - 1})
    yield good("the longest life", "gcm", plain(expire=CTIME + TTL_S_MAX))
    yield good("keys in another order and white space", "gcm", json.dumps(dict(reversed(json.loads(plain()).items())), indent="\t").encode())
    yield good("a user in utf-8", "gcm", plain(user_id="Zoë 😀 学生"))
    yield good("a user in escapes", "gcm", json.dumps(json.loads(plain(user_id="Zoë \"😀\" 学生/\\"))).encode())
    yield good("a room in escapes within escapes", "gcm", plain(json.dumps(payload(room_id="Zoë \"😀\" 学生"))))
    yield good("a user of 64 bytes, a room of 128", "gcm", plain(payload(room_id="r" * 128), user_id="u" * 64))
    yield good("a user of three dots", "gcm", plain(payload(room_id=".x"), user_id="..."))


def texts():
    """Refused for the text and the fields in clear."""
    for mode in ("gcm", "cbc"):
        whole = body(plain(), mode)
        token = written(whole)
        refused = lambda name, code, token: case(f"{mode}: {name}", mode, code, token)
        for name, text in [
            ("an empty text", ""),
            ("04 alone", "04"),
            ("another version", "05" + token[2:]),
            ("no version", token[2:]),
            ("white space behind", token + " "),
            ("a line break within", token[:40] + "\n" + token[40:]),
            ("a character of base64url", token[:-6] + "-" + token[-5:]),
            ("one character too few", token[:-1]),
            ("one = too many", token + "="),
            ("two tokens", token + token),
            ("a body of 43 bytes", written(whole[:43])),
        ]:
            yield refused(name, "token_malformed", text)
        yield refused("4097 characters", "token_too_large", token + "A" * (4097 - len(token)))
        at = 8
        put = lambda at, bytes_: written(whole[:at] + bytes_ + whole[at + len(bytes_) :])
        behind = 10 + int.from_bytes(whole[8:10], "big")
        length = int.from_bytes(whole[behind : behind + 2], "big")
        for name, text in [
            ("an iv of none", put(at, b"\0\0")),
            ("an iv of 13", put(at, b"\0\x0d")),
            ("an iv of 65535", put(at, b"\xff\xff")),
            ("the other mode's iv", put(at, b"\0\x10" if mode == "gcm" else b"\0\x0c")),
            ("a ciphertext of none", put(behind, b"\0\0")),
            ("a ciphertext one shorter", put(behind, (length - 1).to_bytes(2, "big"))),
            ("a ciphertext one longer", put(behind, (length + 1).to_bytes(2, "big"))),
            ("a ciphertext of 65535", put(behind, b"\xff\xff")),
            ("a version in the base64", written(b"04" + whole)),
            ("a byte behind the end", written(whole + b"\0")),
            ("a mode byte of 1 behind the end", written(whole + b"\x01")),
            ("the last byte missing", written(whole[:-1])),
        ]:
            yield refused(name, "token04_layout_invalid", text)
    yield case("gcm: a mode byte of 0", "gcm", "token04_layout_invalid", written(body(plain(), "gcm")[:-1] + b"\0"))
    yield case("gcm: a mode byte of 2", "gcm", "token04_layout_invalid", written(body(plain(), "gcm")[:-1] + b"\x02"))
    yield case("gcm: no mode byte, and the length of that", "gcm", "token04_layout_invalid", written(body(plain(), "gcm")[:-1]))
    short = body(plain(), "cbc")
    yield case("cbc: half a block", "cbc", "token04_layout_invalid", written(short[:26] + struct.pack(">H", 200) + short[28:228]))
    yield case("no secret", "gcm", "key_unknown", written(body(plain(), "gcm")), {"secrets": []})


def ciphers():
    """Refused because no secret opens it."""
    token = body(plain(), "gcm")
    flip = lambda at: written(token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :])
    yield case("gcm: the tag's last bit", "gcm", "token04_tag_invalid", flip(len(token) - 2))
    yield case("gcm: a bit of the ciphertext", "gcm", "token04_tag_invalid", flip(30))
    yield case("gcm: a bit of the nonce", "gcm", "token04_tag_invalid", flip(10))
    yield case("gcm: another secret", "gcm", "token04_tag_invalid", written(body(plain(), "gcm", secret=OTHER)))
    yield case("gcm: another secret where legacy is accepted", "gcm", "token04_tag_invalid", written(body(plain(), "gcm", secret=OTHER)), {"accept": "legacy"})
    yield case("gcm: two other secrets", "gcm", "token04_tag_invalid", written(body(plain(), "gcm")), {"secrets": ["other", "other"]})
    whole = plain() + b" " * (-len(plain()) % 16)
    for name, padding in [
        ("of 0", bytes(16)),
        ("of 17", bytes([17] * 16)),
        ("of 255", bytes([255] * 16)),
        ("whose first byte is another", bytes([3] + [16] * 15)),
        ("of two, once", bytes([0] * 14 + [1, 2])),
    ]:
        yield case(f"cbc: padding {name}", "cbc", "token04_padding_invalid", written(body(whole, "cbc", padding=padding)))
    yield case("cbc: another secret", "cbc", "token04_padding_invalid", written(body(plain(), "cbc", secret=OTHER)))


def plaintexts():
    """Plaintexts that are refused, in both modes."""
    text, payload = plain().decode(), lambda **change: HOST | change
    for name, code, made in [
        ("not utf-8", "token04_utf8_invalid", plain(user_id="hoXt1").replace(b"X", b"\xff")),
        ("a surrogate in utf-8", "token04_utf8_invalid", plain(user_id="hoXt1").replace(b"X", b"\xed\xa0\x80")),
        ("an overlong form", "token04_utf8_invalid", plain(user_id="hoXt1").replace(b"X", b"\xc0\xaf")),
        ("utf-8 cut off", "token04_utf8_invalid", plain() + b"\xc3"),
        ("empty", "token04_json_invalid", b"   "),
        ("text, not json", "token04_json_invalid", b"Z" * 64),
        ("a list", "token04_json_invalid", f"[{text}]".encode()),
        ("two objects", "token04_json_invalid", f"{text}{text}".encode()),
        ("cut off", "token04_json_invalid", text[:-1].encode()),
        ("a comma too many", "token04_json_invalid", (text[:-1] + ",}").encode()),
        ("a fraction", "token04_json_invalid", plain(nonce=7.5)),
        ("an exponent", "token04_json_invalid", text.replace(":7,", ":7e0,").encode()),
        ("minus zero", "token04_json_invalid", text.replace(":7,", ":-0,").encode()),
        ("a leading zero", "token04_json_invalid", text.replace(":7,", ":07,").encode()),
        ("a boolean", "token04_json_invalid", plain(nonce=True)),
        ("a name in escapes", "token04_json_invalid", text.replace("app_id", "app\\u005fid").encode()),
        ("half a surrogate pair", "token04_json_invalid", text.replace("host1", "\\ud83d").encode()),
        ("a raw control character", "token04_json_invalid", text.replace("host1", "a\tb").encode()),
        *[(f"no {name}", "token04_fields_invalid", plain(drop=[name])) for name in json.loads(text)],
        *[(f"{name} twice", "token04_fields_invalid", (text[:-1] + f',"{name}":{compact(value)}}}').encode()) for name, value in json.loads(text).items()],
        ("a field that is unknown", "token04_fields_invalid", plain(extra=1)),
        ("a field that is unknown in the place of another", "token04_fields_invalid", plain(drop=["nonce"], extra=1)),
        ("a field twice in the place of another", "token04_fields_invalid", text.replace("nonce", "ctime").encode()),
        ("app_id is a text", "token04_fields_invalid", plain(app_id=str(APP))),
        ("app_id is 2^32", "token04_fields_invalid", plain(app_id=2**32)),
        ("app_id is negative", "token04_fields_invalid", plain(app_id=-1)),
        ("app_id is null", "token04_fields_invalid", plain(app_id=None)),
        ("user_id is a number", "token04_fields_invalid", plain(user_id=1)),
        ("user_id is null", "token04_fields_invalid", plain(user_id=None)),
        ("nonce is 2^63", "token04_fields_invalid", plain(nonce=2**63)),
        ("nonce is -2^63-1", "token04_fields_invalid", plain(nonce=-(2**63) - 1)),
        ("nonce has 40 digits", "token04_fields_invalid", plain(nonce=10**39)),
        ("nonce is a text", "token04_fields_invalid", plain(nonce="7")),
        ("ctime is a text", "token04_fields_invalid", plain(ctime=str(CTIME))),
        ("expire is a text", "token04_fields_invalid", plain(expire=str(EXPIRE))),
        ("payload is an object", "token04_fields_invalid", text.replace(json.dumps(json.loads(text)["payload"]), "{}").encode()),
        ("payload is a number", "token04_fields_invalid", plain(payload=0)),
        ("app_id is another app's", "app_mismatch", plain(app_id=APP - 1)),
        ("user_id is empty", "user_invalid", plain(user_id="")),
        ("user_id has 65 bytes", "user_invalid", plain(user_id="u" * 65)),
        ("user_id is .", "user_invalid", plain(user_id=".")),
        ("user_id is .. in escapes", "user_invalid", plain(user_id="XX").replace(b"X", b"\\u002e")),
        ("user_id has a line break", "user_invalid", plain(user_id="a\nb")),
        ("user_id has a control character of latin 1", "user_invalid", plain(user_id="a\u0085b")),
        ("user_id has one in escapes", "user_invalid", plain(user_id="aXb").replace(b"X", b"\\u0085")),
        ("payload is a space", "token04_payload_invalid", plain(" ")),
        ("payload is no json", "token04_payload_invalid", plain("room1")),
        ("payload is null in a text", "token04_payload_invalid", plain("null")),
        ("payload is an empty object", "token04_payload_invalid", plain({})),
        ("payload is cut off", "token04_payload_invalid", plain(compact(HOST)[:-1])),
        *[(f"payload without {name}", "token04_payload_invalid", plain({other: HOST[other] for other in HOST if other != name})) for name in ("room_id", "privilege")],
        *[(f"payload with {name} twice", "token04_payload_invalid", plain(compact(HOST)[:-1] + f',"{name}":{compact(HOST[name])}}}')) for name in HOST],
        ("payload with room_id three times", "token04_payload_invalid", plain(compact(HOST)[:-1] + ',"room_id":"room1"' * 2 + "}")),
        ("payload with a field that is unknown", "token04_payload_invalid", plain(payload(role="host"))),
        ("room_id is a number", "token04_payload_invalid", plain(payload(room_id=1))),
        ("room_id is null", "token04_payload_invalid", plain(payload(room_id=None))),
        ("privilege is a list", "token04_payload_invalid", plain(payload(privilege=["1"]))),
        ("privilege is null", "token04_payload_invalid", plain(payload(privilege=None))),
        ("privilege 1 is 2", "token04_payload_invalid", plain(payload(privilege={"1": 2}))),
        ("privilege 1 is -1", "token04_payload_invalid", plain(payload(privilege={"1": -1}))),
        ("privilege 1 is a text", "token04_payload_invalid", plain(payload(privilege={"1": "1"}))),
        ("privilege 2 is null", "token04_payload_invalid", plain(payload(privilege={"1": 1, "2": None}))),
        ("privilege 3", "token04_payload_invalid", plain(payload(privilege={"1": 1, "3": 1}))),
        ("privilege 1 twice", "token04_payload_invalid", plain(compact(HOST).replace('"2"', '"1"'))),
        ("a privilege outside of its object", "token04_payload_invalid", plain(payload(privilege={}) | {"1": 1})),
        ("stream_id_list is an object", "token04_payload_invalid", plain(payload(stream_id_list={}))),
        ("stream_id_list is a text", "token04_payload_invalid", plain(payload(stream_id_list="s123"))),
        ("stream_id_list has a number", "token04_payload_invalid", plain(payload(stream_id_list=[1]))),
        ("room_id is empty", "room_invalid", plain(payload(room_id=""))),
        ("room_id has 129 bytes", "room_invalid", plain(payload(room_id="r" * 129))),
        ("room_id is ..", "room_invalid", plain(payload(room_id=".."))),
        ("room_id has a delete", "room_invalid", plain(payload(room_id="a\u007fb"))),
        ("a stream of no name", "token04_stream_invalid", plain(payload(stream_id_list=["s1", ""]))),
        ("a stream of 257 bytes", "token04_stream_invalid", plain(payload(stream_id_list=["a" * 257]))),
        ("a stream with a *", "token04_stream_invalid", plain(payload(stream_id_list=["s*"]))),
        ("a stream with a space", "token04_stream_invalid", plain(payload(stream_id_list=["s 1", "s2"]))),
        ("a stream not in ascii", "token04_stream_invalid", plain(payload(stream_id_list=["é"]))),
        ("65 streams", "token04_stream_invalid", plain(payload(stream_id_list=[f"s{n}" for n in range(65)]))),
        ("ctime is negative", "times_invalid", plain(ctime=-1)),
        ("ctime is expire", "times_invalid", plain(ctime=EXPIRE)),
        ("a life one second too long", "lifetime_too_long", plain(ctime=EXPIRE - TTL_S_MAX - 1)),
        ("milliseconds", "lifetime_too_long", plain(ctime=1)),
        ("privilege 1 is 0", "token04_login_denied", plain(payload(privilege={"1": 0, "2": 1}))),
        ("no privilege 1", "token04_login_denied", plain(payload(privilege={"2": 1}))),
        ("no privilege", "token04_login_denied", plain(payload(privilege={}))),
        ("a basic token", "token04_basic_refused", plain("")),
        ("a basic token whose payload is null", "token04_basic_refused", plain(None)),
    ]:
        for mode in ("gcm", "cbc"):
            yield case(f"{mode}: {name}", mode, code, written(body(made, mode)))
    for mode in ("gcm", "cbc"):
        for name, outer in [("one second more", EXPIRE + 1), ("zero", 0), ("-1", -1), ("the greatest", 2**63 - 1)]:
            yield case(f"{mode}: expire in clear is {name}", mode, "token04_expire_mismatch", written(body(plain(), mode, expire=outer)))
        for name, code, now in [("expired", "token_expired", EXPIRE), ("expired long ago", "token_expired", 2**64 - 1), ("11 seconds of the future", "token_not_yet_valid", CTIME - 11)]:
            yield case(f"{mode}: {name}", mode, code, written(body(plain(), mode)), {"now": now})


def of_one_length():
    """A failure of each kind before anything is proven, and all as long as each other: what must cost the same."""
    text = plain()
    text += b" " * (15 - len(text) % 16)
    in_cbc = lambda made, **how: body(made, "cbc", **how)
    in_gcm = body(text[: len(text) + 1 - 13], "gcm")
    fits = lambda old, new: text.replace(old, new)
    whole = in_cbc(text)
    found = [
        ("layout", "token04_layout_invalid", whole[:26] + (len(whole) - 29).to_bytes(2, "big") + whole[28:]),
        ("tag", "token04_tag_invalid", in_gcm[:-2] + bytes([in_gcm[-2] ^ 1]) + in_gcm[-1:]),
        ("padding", "token04_padding_invalid", in_cbc(text, padding=b"\0")),
        ("utf8", "token04_utf8_invalid", in_cbc(fits(b"host1", b"h\xffst1"))),
        ("json", "token04_json_invalid", in_cbc(b"Z" + text[1:])),
        ("fields", "token04_fields_invalid", in_cbc(fits(b'"nonce":7', b'"count":7'))),
        ("expire", "token04_expire_mismatch", in_cbc(text, expire=EXPIRE + 1)),
        ("app", "app_mismatch", in_cbc(fits(b"1234567890", b"1234567891"))),
        ("secret", "token04_padding_invalid", in_cbc(text, secret=OTHER)),
        ("payload", "token04_payload_invalid", in_cbc(fits(b"stream_id_list", b"stream_id_lisT"))),
        ("stream", "token04_stream_invalid", in_cbc(fits(b"s123", b"s*23"))),
        ("denied", "token04_login_denied", in_cbc(fits(b'\\"1\\":1', b'\\"1\\":0'))),
    ]
    assert {len(bytes_) for _, _, bytes_ in found} == {len(whole)}
    for name, code, bytes_ in found:
        yield case(name, "cbc", code, written(bytes_), {"accept": "legacy"})
    yield case("cbc", "cbc", "token04_cbc_refused", written(whole), {"accept": "gcm"})
    yield case("gcm_layout", "gcm", "token04_layout_invalid", written(in_gcm[:-1] + b"\x02"), {"accept": "gcm"})
    yield case("gcm_tag", "gcm", "token04_tag_invalid", written(found[1][2]), {"accept": "gcm"})


def token04_cases():
    for part in (shared, goods, texts, ciphers, plaintexts):
        yield from part()


HEAD = {
    "law": "spec/token04.md",
    "app": APP,
    "ttl_s_max": TTL_S_MAX,
    "secrets": [{"name": "current", "secret": SECRET.decode()}, {"name": "other", "secret": OTHER.decode()}],
}
