"""Cases of a token's text, header, key and signature (spec/token.md §Form to §Keys)."""

import hashlib
import hmac

from signing import (
    GOOD, HEAD, KEYS, PAYLOAD, SIGNATURE, SIGNATURE_BYTES, b64, base, case, compact, flip, good, header, mac, next_of,
    payload_of, sign_parts, token, with_spare_bit,
)


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
    yield case("a true HS512 signature is refused for its algorithm", "alg_unsupported", f"{long}.{b64(mac(long, 'k-current', 'sha512'))}")
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
    text = b64(KEYS["k-current"]["secret"]).encode()
    yield case("a signature by the text of the secret is refused", "signature_invalid", f"{HEAD}.{PAYLOAD}.{b64(hmac.new(text, f'{HEAD}.{PAYLOAD}'.encode(), 'sha256').digest())}")
    yield case("a plain hash for a signature is refused", "signature_invalid", f"{HEAD}.{PAYLOAD}.{b64(hashlib.sha256(f'{HEAD}.{PAYLOAD}'.encode()).digest())}")
    yield case("a signature of 31 bytes is refused", "token_malformed", f"{HEAD}.{PAYLOAD}.{b64(SIGNATURE_BYTES[:31])}")
    yield case("a signature of 33 bytes is refused", "token_malformed", f"{HEAD}.{PAYLOAD}.{b64(SIGNATURE_BYTES + b'x')}")
    yield case("bad claims behind a bad signature are told as the signature", "signature_invalid", f"{HEAD}.{b64('{}')}.{SIGNATURE}")
