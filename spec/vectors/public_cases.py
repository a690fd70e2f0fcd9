"""Cases of tokens of EdDSA and ES256 (spec/token.md §Signature), and of public keys as JWKs (§Public keys)."""

import hashlib
import hmac

from public_keys import L, N, PUBLIC, good, head_of, jwk, parts, private, public, signature, token, twin_of
from signing import KEYS, PAYLOAD, b64, base, case, compact, flip, next_of
from signing import token as hs256

NOBODY = {"alg": "EdDSA", "typ": "JWT", "kid": "e-nobody"}


def unsigned(head, pair=bytes(64)):
    """A token with a header that its signature is not of."""
    return f"{b64(compact(head))}.{PAYLOAD}.{b64(pair)}"


def states(letter):
    """What is so of both algorithms alike."""
    current, other = f"{letter}-current", f"{letter}-other"
    alg = PUBLIC[current]["alg"]
    yield good(f"a token of {alg} is taken", kid=current)
    full = base(grants={"publish": {"streams": ["cam-*"]}}, name="\u00c4nna", once=True, max_stay=60)
    yield good(f"claims of every kind are taken, {alg}", full, kid=current)
    for state in ("next", "retiring"):
        yield good(f"a {state} key of {alg} verifies", kid=f"{letter}-{state}")
    yield case(f"a retired key of {alg} is refused", "key_retired", token(kid=f"{letter}-retired"))
    yield case(f"the key of another app is refused, {alg}", "app_mismatch", token(kid=other))
    yield good(f"another app's own token is taken, {alg}", base(app=8), kid=other)
    yield good(f"another order of the header is taken, {alg}", kid=current, head={"kid": current, "alg": alg})
    yield case(f"crit is refused, {alg}", "crit_unsupported", token(kid=current, head=head_of(current, crit=["exp"])))
    yield case(f"jwk in the header is refused, {alg}", "header_invalid", token(kid=current, head=head_of(current, jwk=jwk(current))))

    signed, pair = parts(None, current)
    yield case(f"claims behind another signature are not read, {alg}", "signature_invalid", f"{signed.split('.')[0]}.{b64('{}')}.{b64(pair)}")
    for at in (0, 31, 32, 63):
        for bit in (0, 7):
            yield case(f"one bit of the signature flipped is refused, {alg}, byte {at} bit {bit}", "signature_invalid", f"{signed}.{b64(flip(pair, at, bit))}")
    flipped = flip(compact(base()).encode(), 20)
    yield case(f"one bit of the payload flipped is refused, {alg}", "signature_invalid", f"{signed.split('.')[0]}.{b64(flipped)}.{b64(pair)}")
    yield case(f"the halves of the signature exchanged are refused, {alg}", "signature_invalid", f"{signed}.{b64(pair[32:] + pair[:32])}")
    yield case(f"a signature of zeros is refused, {alg}", "signature_invalid", f"{signed}.{b64(bytes(64))}")
    yield case(f"a signature of ones is refused, {alg}", "signature_invalid", f"{signed}.{b64(bytes([255] * 64))}")
    yield case(f"half a signature is that of another algorithm, {alg}", "signature_invalid", f"{signed}.{b64(pair[:32])}")
    for name, changed in (("63 bytes", pair[:63]), ("65 bytes", pair + b"x"), ("96 bytes", pair + pair[:32])):
        yield case(f"a signature of {name} is refused, {alg}", "token_malformed", f"{signed}.{b64(changed)}")
    spare = b64(pair)
    yield case(f"spare bits at the end of the signature are refused, {alg}", "token_malformed", f"{signed}.{spare[:-1]}{next_of(spare[-1], 1)}")
    yield case(f"padding after the signature is refused, {alg}", "token_malformed", f"{signed}.{spare}==")
    yield case(f"the signature of a key of another state is refused, {alg}", "signature_invalid", f"{signed}.{b64(signature(signed, f'{letter}-next'))}")

    for wrong in ("HS256", "ES256" if alg == "EdDSA" else "EdDSA", "none", alg.lower(), "Ed25519", "ES384", "RS256"):
        yield case(f"a header that says {wrong} is refused, {alg}", "alg_unsupported", token(kid=current, head=head_of(current, alg=wrong)))
    # The key that everybody has, as the secret of a MAC.
    signed = f"{b64(compact(head_of(current, alg='HS256')))}.{PAYLOAD}"
    mac = hmac.new(public(current), signed.encode(), "sha256").digest()
    yield case(f"a MAC with the public key for a secret is refused, {alg}", "alg_unsupported", f"{signed}.{b64(mac)}")
    retired = head_of(f"{letter}-retired", alg="HS256")
    yield case(f"another algorithm is told before a retired key, {alg}", "alg_unsupported", unsigned(retired, bytes(32)))
    yield case(f"a key of HS256 with a header of {alg} is refused", "alg_unsupported", unsigned({"alg": alg, "typ": "JWT", "kid": "k-current"}))
    yield case(f"an unknown kid with a header of {alg} is refused", "key_unknown", unsigned({"alg": alg, "typ": "JWT", "kid": f"{letter}-nobody"}))


def eddsa_cases():
    yield from states("e")
    signed, pair = parts(None, "e-current")
    s = int.from_bytes(pair[32:], "little")
    for times in (1, 2, 8):
        more = (s + times * L).to_bytes(32, "little")
        yield case(f"S with {times} times the order added is refused", "signature_invalid", f"{signed}.{b64(pair[:32] + more)}")
    minus = (L - s).to_bytes(32, "little")
    yield case("the negative of S is refused, which of ES256 would be a twin", "signature_invalid", f"{signed}.{b64(pair[:32] + minus)}")
    yield case("the high bits of S set are refused", "signature_invalid", f"{signed}.{b64(flip(flip(pair, 63, 6), 63, 5))}")

    # With the private key one signs with a nonce of 0, so R is a point of small order and S is h times the key.
    def nonce_of_zero(r):
        digest = hashlib.sha512(private("e-current")).digest()
        scalar = int.from_bytes(bytes([digest[0] & 248]) + digest[1:31] + bytes([digest[31] & 127 | 64]), "little")
        h = int.from_bytes(hashlib.sha512(r + public("e-current") + signed.encode()).digest(), "little")
        return f"{signed}.{b64(r + (h * scalar % L).to_bytes(32, 'little'))}"

    two = bytes.fromhex("ec" + "ff" * 30 + "7f")
    yield case("a signature that needs the cofactor is refused", "signature_invalid", nonce_of_zero(two))
    again = bytes.fromhex("ee" + "ff" * 30 + "7f")
    yield case("an R in a second spelling is refused", "signature_invalid", nonce_of_zero(again))


def der(pair):
    """ASN.1, in which other formats have the signature."""
    def integer(data):
        data = data.lstrip(b"\0")
        data = b"\0" + data if data[0] & 128 else data
        return bytes([2, len(data)]) + data

    body = integer(pair[:32]) + integer(pair[32:])
    return bytes([48, len(body)]) + body


def es256_cases():
    yield from states("p")
    signed, pair = parts(None, "p-current")
    r, s = int.from_bytes(pair[:32]), int.from_bytes(pair[32:])
    twin = f"{signed}.{b64(twin_of(pair))}"
    yield case("the twin of a signature is as good", "ok", twin, kid="p-current", claims=base(), twin=f"{signed}.{b64(pair)}")
    for name, left, right in [
        ("r and n - s exchanged", N - s, r),
        ("n - r and s", N - r, s),
        ("n - r and n - s", N - r, N - s),
        ("r of zero", 0, s),
        ("s of zero", r, 0),
        ("r of n", N, s),
        ("s of n", r, N),
        ("r and s of one", 1, 1),
    ]:
        yield case(f"{name}: refused", "signature_invalid", f"{signed}.{b64(left.to_bytes(32) + right.to_bytes(32))}")
    yield case("a signature in ASN.1 is refused", "token_malformed", f"{signed}.{b64(der(pair))}")
    head, payload, _ = twin.split(".")
    yield case("the twin of other claims is refused", "signature_invalid", f"{head}.{b64(compact(base(sub='eve')))}.{b64(twin_of(pair))}")


# --- JWKs -----------------------------------------------------------------------------------------------

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
# The eight points of small order of edwards25519, in their canonical spelling.
SMALL = [
    "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "00" * 32, "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
# y at or above the prime of the field, or a sign of x where x is 0.
TWICE = ["01" + "00" * 30 + "80", "ec" + "ff" * 31, "ed" + "ff" * 30 + "7f", "ed" + "ff" * 31, "ee" + "ff" * 30 + "7f", "ee" + "ff" * 31, "f0" + "ff" * 30 + "7f"]


def thumbprint(key):
    return b64(hashlib.sha256(compact(dict(sorted(key.items()))).encode()).digest())


def jwk_cases():
    """`jwk` is the text that is read; `expect` is `ok` or the reason of the refusal."""
    okp, ec = jwk("e-current"), jwk("p-current")

    def row(name, text, expect, **more):
        return {"name": name, "expect": expect, **more, "jwk": text if isinstance(text, str) else compact(text)}

    for name, key in (("Ed25519", okp), ("P-256", ec)):
        alg = "EdDSA" if key is okp else "ES256"
        told = {"alg": alg, "thumbprint": thumbprint(key)}
        yield row(f"a key of {name}", key, "ok", **told)
        yield row(f"a key of {name} with everything that says it verifies", {"kid": "a", "use": "sig", "key_ops": ["verify"], "alg": alg, **key}, "ok", kid="a", **told)
        yield row(f"members without a meaning here are ignored, {name}", {**key, "ext": True, "x5t": "AA", "n": 1}, "ok", **told)
        yield row(f"white space and escapes, {name}", compact(key).replace('"kty":', ' "\\u006bty" : \n'), "ok", **told)
        for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
            yield row(f"{member} in a key of {name}", {**key, member: "AA"}, "private")
        yield row(f"d of null, {name}", {**key, "d": None}, "private")
        for member, value in (("alg", "HS256"), ("alg", "none"), ("alg", ""), ("alg", "ES256" if key is okp else "EdDSA"), ("use", "enc"), ("use", ""), ("key_ops", []), ("key_ops", ["sign"]), ("key_ops", ["sign", "verify"]), ("key_ops", ["verify", "verify"])):
            yield row(f"{member} of {compact(value)}, {name}", {**key, member: value}, "purpose")
        for member, value in (("kid", None), ("kid", 7), ("alg", None), ("use", ["sig"]), ("key_ops", "verify"), ("x", 7), ("kty", None)):
            yield row(f"{member} of {compact(value)}, {name}", {**key, member: value}, "malformed")
        x = key["x"]
        for bad in ("", x[:42], x + "A", x + "=", x[:-1] + next_of(x[-1], 1), b64(bytes(31)), b64(bytes(33))):
            yield row(f"x of {bad!r}, {name}", {**key, "x": bad}, "coordinate")
        yield row(f"x twice, {name}", compact(key)[:-1] + f',"x":"{x}"}}', "malformed")
        yield row(f"something behind the key, {name}", compact(key) + "{}", "malformed")
        yield row(f"more than 8,192 bytes, {name}", {**key, "x5c": "A" * 8_192}, "malformed")
        yield row(f"no x, {name}", {name: value for name, value in key.items() if name != "x"}, "coordinate")

    yield row("the newer name of EdDSA (RFC 9864)", {**okp, "alg": "Ed25519"}, "ok", alg="EdDSA", thumbprint=thumbprint(okp))
    yield row("a key of Ed25519 with y", {**okp, "y": okp["x"]}, "coordinate")
    yield row("a key of P-256 without y", {"kty": "EC", "crv": "P-256", "x": ec["x"]}, "coordinate")
    for name, change in (("X25519", {**okp, "crv": "X25519"}), ("Ed448", {**okp, "crv": "Ed448"}), ("Ed25519 as EC", {**okp, "kty": "EC"}), ("P-384", {**ec, "crv": "P-384"}), ("secp256k1", {**ec, "crv": "secp256k1"}), ("P-256 as OKP", {**ec, "kty": "OKP"}), ("RSA", {"kty": "RSA", "n": "AQAB", "e": "AQAB"}), ("oct", {"kty": "oct"})):
        yield row(f"a key of {name}", change, "kind")
    yield row("a secret", {"kty": "oct", "k": b64(KEYS["k-current"]["secret"])}, "private")
    for name, text in (("nothing", ""), ("null", "null"), ("a list", compact(list(okp.values()))), ("an empty object", "{}"), ("a set of keys", {"keys": [okp]})):
        yield row(name, text, "malformed")

    for point in SMALL:
        yield row(f"a point of small order, {point}", {**okp, "x": b64(bytes.fromhex(point))}, "weak")
    for point in TWICE:
        yield row(f"a second spelling, {point}", {**okp, "x": b64(bytes.fromhex(point))}, "off_curve")
    yield row("y of 2, which no point has", {**okp, "x": b64((2).to_bytes(32, "little"))}, "off_curve")

    x, y = public("p-current")[:32], public("p-current")[32:]
    for name, left, right in (
        ("another y", x, flip(y, 31)), ("another x", flip(x, 31), y), ("x and y exchanged", y, x), ("zeros", bytes(32), bytes(32)),
        ("ones", bytes([255] * 32), bytes([255] * 32)), ("x of the prime", P.to_bytes(32), y), ("y of the prime", x, P.to_bytes(32)),
    ):
        yield row(f"no point of P-256: {name}", {**ec, "x": b64(left), "y": b64(right)}, "off_curve")
    negative = (P - int.from_bytes(y)).to_bytes(32)
    mirrored = {**ec, "y": b64(negative)}
    yield row("the negative of a point is another point", mirrored, "ok", alg="ES256", thumbprint=thumbprint(mirrored))
