#!/usr/bin/env python3
"""Writes the vectors of tokens and roles, on Python's standard library alone.

    python3 spec/vectors/make.py            writes spec/vectors/{token,roles}/*.json
    python3 spec/vectors/make.py --check    exits 1 if a file is not what this writes

Shares no code with what it tests. What a case must give is written down by hand, from spec/token.md and
spec/roles.md; nothing is asked of an implementation. No clock and no chance: it always writes the same.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# --- Keys -----------------------------------------------------------------------------------------------


def secret(kid, size=32):
    return (hashlib.sha256(b"stagedoor vector key " + kid.encode()).digest() * 4)[:size]


KEYS = {
    kid: {"kid": kid, "app": app, "state": state, "secret": secret(kid, size)}
    for kid, app, state, size in [
        ("k-current", 7, "current", 32),
        ("k-next", 7, "next", 32),
        ("k-retiring", 7, "retiring", 32),
        ("k-retired", 7, "retired", 32),
        # Longer than a block of SHA-256, so HMAC hashes it first.
        ("k-long", 7, "current", 100),
        ("k-other", 8, "current", 32),
        ("k" * 64, 7, "current", 64),
    ]
}

# --- Encoding -------------------------------------------------------------------------------------------


def b64(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def header(kid="k-current", **more):
    return compact({"alg": "HS256", "typ": "JWT", "kid": kid, **more})


def mac(signed, kid, digest="sha256"):
    return hmac.new(KEYS[kid]["secret"], signed.encode(), digest).digest()


def sign_parts(head, payload, kid="k-current"):
    """Signs two parts that are base64url (or are not) already."""
    signed = f"{head}.{payload}"
    return f"{signed}.{b64(mac(signed, kid))}"


def token(claims=None, head=None, kid="k-current"):
    """A token of a header and claims, each an object or a text taken as it is."""
    head = header(kid) if head is None else head
    claims = base() if claims is None else claims
    return sign_parts(
        b64(head if isinstance(head, (str, bytes)) else compact(head)),
        b64(claims if isinstance(claims, (str, bytes)) else compact(claims)),
        kid,
    )


NOW = 1_790_000_000
LEEWAY_S = 10
TTL_S_MAX = 86_400


def base(**change):
    """Good claims, in the order that minting writes, changed. `None` takes a claim out."""
    claims = {
        "app": 7, "room": "lobby", "sub": "anna", "role": "speaker", "grants": None,
        "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": "t-1", "name": None, "meta": None,
        "gen": None, "once": None, "at_exp": None, "max_stay": None, "until": None, "cnf": None,
    }
    claims.update(change)
    return {name: value for name, value in claims.items() if value is not None}


def text_of(**change):
    """Good claims as JSON, where a value of `change` is JSON already."""
    claims = {name: compact(value) for name, value in base().items()} | change
    return "{" + ",".join(f'"{name}":{value}' for name, value in claims.items()) + "}"


def flip(data, at, bit=0):
    data = bytearray(data)
    data[at] ^= 1 << bit
    return bytes(data)


# --- Cases ----------------------------------------------------------------------------------------------

BEFORE_THE_SIGNATURE = {
    "token_too_large", "token_malformed", "header_invalid", "alg_unsupported", "crit_unsupported",
    "key_unknown", "key_retired", "signature_invalid",
}


def case(name, code, token, now=NOW, **more):
    public = "token_invalid" if code in BEFORE_THE_SIGNATURE else code
    return {"name": name, "code": code, "public_code": public, "now": now, **more, "token": token}


def good(name, claims=None, now=NOW, minted=True, kid="k-current", **more):
    """A case of a good token. `minted`: minting the claims with the key writes exactly this token."""
    claims = base() if claims is None else claims
    return case(name, "ok", token(claims, kid=kid), now, kid=kid, claims=claims, minted=minted, **more)


GOOD = token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
SIGNATURE_BYTES = mac(f"{HEAD}.{PAYLOAD}", "k-current")


def next_of(char, step):
    return ALPHABET[(ALPHABET.index(char) + step) % 64]


def with_spare_bit(part):
    """The same bytes for a careless decoder: the last character has a bit that belongs to no byte."""
    assert len(part) % 4 in (2, 3), len(part) % 4
    return part[:-1] + next_of(part[-1], 1)


def payload_of(left):
    """A payload whose length leaves this remainder of four."""
    parts = (b64(compact(base(name="x" * size))) for size in (1, 2, 3))
    return next(part for part in parts if len(part) % 4 == left)


def form():
    yield good("a good token is taken")
    # One byte more each moves the end of the payload over every remainder.
    for size in (1, 2, 3):
        yield good(f"payloads of every remainder of three, {size}", base(name="x" * size))
    yield case("the empty text is refused", "token_malformed", "")
    yield case("a point alone is refused", "token_malformed", ".")
    yield case("two points alone are refused", "token_malformed", "..")
    yield case("a header alone is refused", "token_malformed", HEAD)
    yield case("two parts are refused", "token_malformed", f"{HEAD}.{PAYLOAD}")
    yield case("a token without its signature is refused", "token_malformed", f"{HEAD}.{PAYLOAD}.")
    yield case("four parts are refused", "token_malformed", f"{GOOD}.{SIGNATURE}")
    yield case("an empty fourth part is refused", "token_malformed", f"{GOOD}.")
    yield case("five parts, as of an encrypted token, are refused", "token_malformed", f"{HEAD}.{PAYLOAD}..{PAYLOAD}.{SIGNATURE}")
    yield case("a point before the token is refused", "token_malformed", f".{GOOD}")
    yield case("a space before the token is refused", "token_malformed", f" {GOOD}")
    yield case("a space after the token is refused", "token_malformed", f"{GOOD} ")
    yield case("a line end after the token is refused", "token_malformed", f"{GOOD}\n")
    yield case("a NUL after the token is refused", "token_malformed", f"{GOOD}\0")
    yield case("a space inside the payload is refused", "token_malformed", sign_parts(HEAD, f"{PAYLOAD[:8]} {PAYLOAD[8:]}"))
    yield case("a scheme before the token is refused", "token_malformed", f"Bearer {GOOD}")
    yield case("padding after the header is refused", "token_malformed", sign_parts(b64('{"alg":"HS256","kid":"k-current"}') + "=", PAYLOAD))
    for left in (2, 3):
        padded = payload_of(left) + "=" * (4 - left)
        yield case(f"padding after a payload of remainder {left} is refused", "token_malformed", sign_parts(HEAD, padded))
    yield case("padding after the signature is refused", "token_malformed", f"{GOOD}=")
    # Two and three bytes left over have spare bits in their last character; a spare bit set is not canonical.
    for left in (2, 3):
        spare = with_spare_bit(payload_of(left))
        yield case(f"spare bits at the end of a payload of remainder {left} are refused", "token_malformed", sign_parts(HEAD, spare))
    spare = with_spare_bit(b64('{"alg":"HS256","kid":"k-long"} '))
    yield case("spare bits at the end of the header are refused", "token_malformed", sign_parts(spare, PAYLOAD, "k-long"))
    for step in (1, 2, 3):
        spare = SIGNATURE[:-1] + next_of(SIGNATURE[-1], step)
        yield case(f"spare bits set at the end of the signature are refused, {step}", "token_malformed", f"{HEAD}.{PAYLOAD}.{spare}")
    yield case("a payload of a length that no bytes have is refused", "token_malformed", sign_parts(HEAD, PAYLOAD + "A" * ((5 - len(PAYLOAD) % 4) % 4)))
    plus = base(meta="\u07ff\u07fe\u07ff\u07fe\u07ff\u07fe")
    assert "-" in b64(compact(plus)) or "_" in b64(compact(plus))
    yield good("the alphabet's last two characters are taken", plus)
    other = b64(compact(plus)).replace("-", "+").replace("_", "/")
    yield case("the alphabet of plain base64 is refused", "token_malformed", sign_parts(HEAD, other))
    yield case("a letter outside ASCII is refused", "token_malformed", f"{HEAD}.{PAYLOAD[:-1]}\u00e9.{SIGNATURE}")
    yield case("an escaped character is refused", "token_malformed", f"{HEAD}.%41{PAYLOAD}.{SIGNATURE}")
    yield case("a malformed payload is told before an unknown key", "token_malformed", sign_parts(b64(header("k-nobody")), "A"))

    yield good("the longest meta is taken", base(meta="m" * 1_024))
    # Spaces between claims are good JSON, so that length alone is at fault.
    for size, code in ((4_096, "ok"), (4_097, "token_too_large")):
        body, payload_size = compact(base()), size - len(HEAD) - 43 - 2
        long = token(body[:-1] + " " * (payload_size * 3 // 4 - len(body)) + "}")
        assert len(long) == size, len(long)
        yield case(f"a token of {size:,} bytes", code, long, **({"claims": base()} if code == "ok" else {}))
    yield case("a text of 10,000 bytes is refused for its length", "token_too_large", "." * 10_000)


def header_cases():
    yield case("another order of the header's fields is taken", "ok", token(head='{"kid":"k-current","alg":"HS256","typ":"JWT"}'), claims=base())
    yield case("white space in the header is taken", "ok", token(head='{ "alg" : "HS256",\n "kid" : "k-current" }'), claims=base())
    yield case("a header without typ is taken", "ok", token(head='{"alg":"HS256","kid":"k-current"}'), claims=base())
    yield case("an escaped kid is the same kid", "ok", token(head='{"alg":"HS256","typ":"JWT","kid":"k\\u002dcurrent"}'), claims=base())
    yield case("an empty header is refused", "header_invalid", sign_parts("", PAYLOAD))
    for name, head in [
        ("a header that is no JSON", "alg=HS256"),
        ("a header that is an array", '["HS256","JWT","k-current"]'),
        ("a header that is a text", '"HS256"'),
        ("a header that is null", "null"),
        ("an empty object as header", "{}"),
        ("a header cut short", '{"alg":"HS256","typ":"JWT","kid":"k-current"'),
        ("something after the header", '{"alg":"HS256","typ":"JWT","kid":"k-current"}{}'),
        ("a comma too many in the header", '{"alg":"HS256","typ":"JWT","kid":"k-current",}'),
        ("a header without alg", '{"typ":"JWT","kid":"k-current"}'),
        ("a header without kid", '{"alg":"HS256","typ":"JWT"}'),
        ("alg twice", '{"alg":"HS256","alg":"HS256","typ":"JWT","kid":"k-current"}'),
        ("alg twice, none first", '{"alg":"none","alg":"HS256","typ":"JWT","kid":"k-current"}'),
        ("typ twice", '{"alg":"HS256","typ":"JWT","typ":"JWT","kid":"k-current"}'),
        ("kid twice", '{"alg":"HS256","typ":"JWT","kid":"k-other","kid":"k-current"}'),
        ("kid twice, once escaped", '{"alg":"HS256","typ":"JWT","kid":"k-other","\\u006bid":"k-current"}'),
        ("crit twice", '{"alg":"HS256","typ":"JWT","kid":"k-current","crit":[],"crit":[]}'),
        ("another typ", '{"alg":"HS256","typ":"at+jwt","kid":"k-current"}'),
        ("typ in small letters", '{"alg":"HS256","typ":"jwt","kid":"k-current"}'),
        ("typ null", '{"alg":"HS256","typ":null,"kid":"k-current"}'),
        ("kid null", '{"alg":"HS256","typ":"JWT","kid":null}'),
        ("a kid that is a number", '{"alg":"HS256","typ":"JWT","kid":1}'),
        ("an alg that is a list", '{"alg":["HS256"],"typ":"JWT","kid":"k-current"}'),
        ("a field in capitals", '{"ALG":"HS256","alg":"HS256","typ":"JWT","kid":"k-current"}'),
        ("jku", header(jku="https://evil.example/keys")),
        ("jwk", header(jwk={"kty": "oct", "k": "AAAA"})),
        ("x5c", header(x5c=["AAAA"])),
        ("x5u", header(x5u="https://evil.example/cert")),
        ("cty", header(cty="JWT")),
        ("zip", header(zip="DEF")),
        ("b64", header(b64=False)),
        ("an unknown field next to alg none", '{"alg":"none","kid":"k-current","x":1}'),
        ("a header that is not UTF-8", b'{"alg":"HS256","typ":"JWT","kid":"k-\xff"}'),
    ]:
        yield case(f"{name}: refused", "header_invalid", token(head=head))
    for alg in ("none", "None", "NONE", "", "hs256", "HS384", "HS512", "RS256", "ES256", "EdDSA", "HS256 "):
        yield case(f"alg {alg!r} is refused", "alg_unsupported", token(head={"alg": alg, "typ": "JWT", "kid": "k-current"}))
    none = b64('{"alg":"none","typ":"JWT","kid":"k-current"}')
    yield case("alg none with no signature is refused", "token_malformed", f"{none}.{PAYLOAD}.")
    long = b64('{"alg":"HS512","typ":"JWT","kid":"k-current"}')
    long = f"{long}.{PAYLOAD}"
    yield case("a true HS512 signature is refused for its length", "token_malformed", f"{long}.{b64(mac(long, 'k-current', 'sha512'))}")
    yield case("a truncated HS512 signature is refused", "alg_unsupported", f"{long}.{b64(mac(long, 'k-current', 'sha512')[:32])}")
    yield case("crit is refused", "crit_unsupported", token(head=header(crit=["exp"])))
    yield case("an empty crit is refused", "crit_unsupported", token(head=header(crit=[])))
    yield case("a crit that is null is refused", "crit_unsupported", token(head='{"alg":"HS256","typ":"JWT","kid":"k-current","crit":null}'))
    yield case("crit next to alg none is told as alg", "alg_unsupported", token(head='{"alg":"none","kid":"k-current","crit":["exp"]}'))


def key_cases():
    yield good("a key longer than a block of the hash verifies", kid="k-long")
    yield good("a kid of 64 bytes verifies", kid="k" * 64)
    yield good("a retiring key verifies", kid="k-retiring", minted=False)
    yield good("a next key verifies", kid="k-next", minted=False)
    yield case("a retired key is refused", "key_retired", token(kid="k-retired"))
    yield case("a retired key is told before a bad signature", "key_retired", token(kid="k-retired")[:-43] + "A" * 43)
    yield case("an unknown kid is refused", "key_unknown", sign_parts(b64(header("k-nobody")), PAYLOAD))
    yield case("an empty kid is refused", "key_unknown", sign_parts(b64(header("")), PAYLOAD))
    yield case("a kid of a path is refused", "key_unknown", sign_parts(b64(header("../../dev/null")), PAYLOAD))
    yield case("a kid of other letters is refused", "key_unknown", sign_parts(b64(header("K-CURRENT")), PAYLOAD))
    yield case("a kid with something after it is refused", "key_unknown", sign_parts(b64(header("k-current ")), PAYLOAD))
    yield case("a kid of 3,000 bytes is refused", "key_unknown", sign_parts(b64(header("k" * 2_000)), PAYLOAD))
    yield case("the header of another token of the app is refused", "signature_invalid", f"{b64(header('k-long'))}.{PAYLOAD}.{SIGNATURE}")
    yield case("the header of another app's key is refused", "signature_invalid", f"{b64(header('k-other'))}.{PAYLOAD}.{SIGNATURE}")
    yield case("the same header otherwise written is another header", "signature_invalid", f"{b64(compact({'alg': 'HS256', 'kid': 'k-current'}))}.{PAYLOAD}.{SIGNATURE}")
    yield case("the key of another app is refused", "app_mismatch", token(kid="k-other"))
    yield case("another app's claims are refused", "app_mismatch", token(base(app=8)))
    yield good("another app's own token is taken", base(app=8), kid="k-other")

    kid_at = header().index("k-current")
    flipped = b64(flip(header().encode(), kid_at + 2))
    yield case("one bit of the header's kid flipped is refused", "key_unknown", f"{flipped}.{PAYLOAD}.{SIGNATURE}")
    flipped = b64(flip(header().encode(), header().index("HS256") + 4))
    yield case("one bit of the header's alg flipped is refused", "alg_unsupported", f"{flipped}.{PAYLOAD}.{SIGNATURE}")
    flipped = b64(flip(header().encode(), 0))
    yield case("one bit of the header's brace flipped is refused", "header_invalid", f"{flipped}.{PAYLOAD}.{SIGNATURE}")
    body = compact(base()).encode()
    for at in (0, len(body) // 2, len(body) - 1):
        yield case(f"one bit of the payload flipped is refused, byte {at}", "signature_invalid", f"{HEAD}.{b64(flip(body, at))}.{SIGNATURE}")
    for at in (0, 15, 31):
        for bit in (0, 7):
            yield case(f"one bit of the signature flipped is refused, byte {at} bit {bit}", "signature_invalid", f"{HEAD}.{PAYLOAD}.{b64(flip(SIGNATURE_BYTES, at, bit))}")
    yield case("a signature of zeros is refused", "signature_invalid", f"{HEAD}.{PAYLOAD}.{'A' * 43}")
    yield case("the signature of other claims is refused", "signature_invalid", f"{HEAD}.{PAYLOAD}.{token(base(sub='eve')).split('.')[2]}")
    yield case("a signature of the payload alone is refused", "signature_invalid", f"{HEAD}.{PAYLOAD}.{b64(mac(PAYLOAD, 'k-current'))}")
    yield case("a plain hash for a signature is refused", "signature_invalid", f"{HEAD}.{PAYLOAD}.{b64(hashlib.sha256(f'{HEAD}.{PAYLOAD}'.encode()).digest())}")
    yield case("a signature of 31 bytes is refused", "token_malformed", f"{HEAD}.{PAYLOAD}.{b64(SIGNATURE_BYTES[:31])}")
    yield case("a signature of 33 bytes is refused", "token_malformed", f"{HEAD}.{PAYLOAD}.{b64(SIGNATURE_BYTES + b'x')}")
    yield case("bad claims behind a bad signature are told as the signature", "signature_invalid", f"{HEAD}.{b64('{}')}.{SIGNATURE}")


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

    for name in ("aud", "grant", "Grants", "user", "scope", "x", ""):
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
        ("subscribe.from by a prefix of what it has", "audience", {"subscribe": {"from": ["host*"]}}),
        ("send.room", "audience", {"send": {"room": True}}),
        ("send.roles", "audience", {"send": {"roles": ["host", "speaker"]}}),
        ("send.users", "audience", {"send": {"users": ["host"]}}),
        ("set", "speaker", {"set": ["slide"]}),
        ("moderate", "cohost", {"moderate": ["close"]}),
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
        ("very deep nesting", '{"set":' + "[" * 500 + "]" * 500 + "}"),
    ]:
        yield case(f"grants with {name}: refused", "grants_invalid", token(text_of(grants=grants)))
    yield case("64 patterns are taken", "ok", token(base(grants={"set": ["a"] * 64}, role="host")), claims=base(grants={"set": ["a"] * 64}, role="host"))
    yield case("malformed grants are told before an expired token", "grants_invalid", token(text_of(grants="null")), NOW + 600)
    yield case("an unknown role is told before wide grants", "role_unknown", token(with_grants({"set": ["*"]}, "king")))


# --- Roles ----------------------------------------------------------------------------------------------

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


# --- Files ----------------------------------------------------------------------------------------------


def dump(head, cases):
    """Every case on one line, so that a difference is read easily."""
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items() if not isinstance(value, list)]
    for name, value in (head | {"cases": cases}).items():
        if isinstance(value, list):
            rows = ",\n".join(f"    {json.dumps(row)}" for row in value)
            lines.append(f"  {json.dumps(name)}: [\n{rows}\n  ],")
    return "{\n" + "\n".join(lines).rstrip(",") + "\n}\n"


def files():
    keys = [{**key, "secret": b64(key["secret"])} for key in KEYS.values()]
    for name, cases in [("form", form), ("header", header_cases), ("key", key_cases), ("claims", claim_cases), ("stay", stay_cases), ("times", time_cases), ("grants", grants_cases)]:
        yield HERE / "token" / f"{name}.json", dump({"law": "spec/token.md", "keys": keys}, list(cases()))
    for name, cases in [("built_in", built_in_cases), ("narrowed", narrowed_cases), ("templates", template_cases)]:
        yield HERE / "roles" / f"{name}.json", dump({"law": "spec/roles.md", "roles": BUILT_IN}, list(cases()))


def main(args):
    if args not in ([], ["--check"]):
        sys.exit(__doc__)
    written = dict(files())
    if not args:
        for path, text in written.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        return
    held = {path for folder in ("token", "roles") for path in (HERE / folder).glob("*.json")}
    drifted = sorted(
        str(path.relative_to(HERE))
        for path in held | written.keys()
        if path not in held or path.read_text(encoding="utf-8") != written.get(path)
    )
    if drifted:
        sys.exit("not what make.py writes: " + ", ".join(drifted))


if __name__ == "__main__":
    main(sys.argv[1:])
