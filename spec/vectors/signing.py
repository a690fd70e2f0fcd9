"""Keys, and how a token is signed: the tools of the cases of `token_texts` and `token_claims`."""

import base64
import hashlib
import hmac
import json

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
