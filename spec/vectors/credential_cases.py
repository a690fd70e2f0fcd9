"""Cases of spec/credentials.md, with Python's own CRC-32 and integers."""

import base64
import zlib

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIXES = {"root": "sdroot_", "api_key": "sdkey_", "personal": "sdpat_", "access_token": "sdoat_", "link": "sdlnk_"}
ID = "7jq82dacgi687q88"
# The ends of 256 bits, one that needs leading zeros, and two as chance makes them.
SECRETS = {
    "zeros": bytes(32),
    "ones": b"\xff" * 32,
    "one": bytes(31) + b"\x01",
    "sevens": b"\x07" * 32,
    "mixed": bytes((37 * n + 11) % 256 for n in range(32)),
}


def base62(number, length):
    digits = ""
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits = DIGITS[rest] + digits
    assert number == 0
    return digits


def check(text):
    return base62(zlib.crc32(text.encode()), 6)


def of_bytes(secret):
    return base62(int.from_bytes(secret, "big"), 43)


def made(kind, secret, id=ID):
    """Prefix, id, secret and check. A file never has them in one piece, so that no scanner finds it."""
    parts = [PREFIXES[kind], id, of_bytes(secret)]
    return parts + [check("".join(parts))]


def case(name, expect, parts, **more):
    return {"name": name, "expect": expect} | more | {"parts": parts}


def credential_cases():
    for kind in PREFIXES:
        for name, secret in SECRETS.items():
            yield case(f"{kind}, a secret of {name}", "ok", made(kind, secret), kind=kind, id=ID, secret_hex=secret.hex())
    prefix, id, secret, right = made("api_key", SECRETS["mixed"])
    last = "0" if right[-1] != "0" else "1"
    yield case("the last digit of the check altered", "check", [prefix, id, secret, right[:-1] + last])
    yield case("a digit of the id altered", "check", [prefix, "8" + id[1:], secret, right])
    yield case("a digit of the secret altered", "check", [prefix, id, last + secret[1:], right])
    yield case("two digits of the secret exchanged", "check", [prefix, id, secret[1] + secret[0] + secret[2:], right])
    yield case("the prefix of another kind", "check", ["sdpat_", id, secret, right])
    yield case("the check of the secret alone", "check", [prefix, id, secret, check(secret)])
    yield case("the check in lower case", "check", [prefix, id, secret, right.lower()])
    yield case("no check", "form", [prefix, id, secret])
    yield case("a digit too few", "form", [prefix, id, secret, right[:-1]])
    yield case("a digit too many", "form", [prefix, id, secret, right, "0"])
    yield case("a sign in the secret", "form", [prefix, id, "-" + secret[1:], right])
    yield case("a letter beyond ASCII", "form", [prefix, id, "é" + secret[1:], right])
    yield case("a prefix that is none", "form", ["sdxyz_", id, secret, right])
    yield case("the prefix in capitals", "form", ["SDKEY_", id, secret, right])
    yield case("a space before", "form", [" ", prefix, id, secret, right])
    yield case("a line end behind", "form", [prefix, id, secret, right, "\n"])
    yield case("nothing", "form", [])


def secret_cases():
    for name, secret in SECRETS.items():
        prefix, digits = "sdsec_", of_bytes(secret)
        parts = [prefix, digits, check(prefix + digits)]
        raw = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        yield case(f"a secret of {name}", "ok", parts, secret_hex=secret.hex())
        yield case(f"a secret of {name}, raw", "ok", [raw[:20], raw[20:]], secret_hex=secret.hex())
    prefix, digits = "sdsec_", of_bytes(SECRETS["mixed"])
    right = check(prefix + digits)
    last = "0" if right[-1] != "0" else "1"
    yield case("the last digit of the check altered", "check", [prefix, digits, right[:-1] + last])
    yield case("a digit of the secret altered", "check", [prefix, "0" + digits[1:], right])
    above = base62(2**256, 43)
    yield case("more than 256 bits", "form", [prefix, above, check(prefix + above)])
    yield case("all digits the highest", "form", [prefix, "z" * 43, check(prefix + "z" * 43)])
    yield case("a sign that base64url lacks", "form", [prefix, digits[:-1] + "+", right])
    yield case("padding", "form", [prefix, digits, right, "="])


LAW = (
    "The text of a case is its parts in one piece. `expect` is `ok`; `form` where it does not have the form; "
    "`check` where it has, and its check is wrong. `secret_hex` is the 256 bits."
)
