"""Keys of EdDSA and ES256, and what they sign. The signatures are those of `cryptography` (PyPI), and kept in
`signatures.json`, so that only somebody who changes these cases has to install it. EdDSA is deterministic (RFC 8032
§5.1.6), and ES256 is made so (RFC 6979)."""

import hashlib
import json
import pathlib

from signing import b64, base, case, compact

KEPT = pathlib.Path(__file__).resolve().parent / "signatures.json"

# The orders of the groups (RFC 8032 §5.1, FIPS 186-4 §D.1.2.3).
L = 2**252 + 27742317777372353535851937790883648493
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def private(kid):
    # As a number it is far below N with all but no chance of the contrary.
    return hashlib.sha256(b"stagedoor vector key " + kid.encode()).digest()


PUBLIC = {
    kid: {"kid": kid, "app": app, "state": state, "alg": alg}
    for kid, app, state, alg in [
        ("e-current", 7, "current", "EdDSA"),
        ("e-next", 7, "next", "EdDSA"),
        ("e-retiring", 7, "retiring", "EdDSA"),
        ("e-retired", 7, "retired", "EdDSA"),
        ("e-other", 8, "current", "EdDSA"),
        ("p-current", 7, "current", "ES256"),
        ("p-next", 7, "next", "ES256"),
        ("p-retiring", 7, "retiring", "ES256"),
        ("p-retired", 7, "retired", "ES256"),
        ("p-other", 8, "current", "ES256"),
    ]
}


class Kept:
    """The signatures and public keys that are kept, and those of them that were asked for."""

    def __init__(self):
        self.kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
        self.used = {}

    def get(self, name, make):
        if name not in self.used:
            self.used[name] = self.kept.get(name) or make().hex()
        return bytes.fromhex(self.used[name])

    def text(self):
        return json.dumps(dict(sorted(self.used.items())), indent=0) + "\n"


kept = Kept()


def private_key(kid):
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if PUBLIC[kid]["alg"] == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(private(kid))
    return ec.derive_private_key(int.from_bytes(private(kid)), ec.SECP256R1())


def public(kid):
    """The 32 bytes of EdDSA, or the 64 of x and y."""
    def make():
        if PUBLIC[kid]["alg"] == "EdDSA":
            return private_key(kid).public_key().public_bytes_raw()
        point = private_key(kid).public_key().public_numbers()
        return point.x.to_bytes(32) + point.y.to_bytes(32)

    return kept.get(f"{kid} public", make)


def signature(signed, kid):
    """The 64 bytes of a signature."""
    def make():
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        if PUBLIC[kid]["alg"] == "EdDSA":
            return private_key(kid).sign(signed.encode())
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = utils.decode_dss_signature(private_key(kid).sign(signed.encode(), algorithm))
        return r.to_bytes(32) + s.to_bytes(32)

    return kept.get(f"{kid} {hashlib.sha256(signed.encode()).hexdigest()[:32]}", make)


def jwk(kid):
    bytes_ = public(kid)
    if PUBLIC[kid]["alg"] == "EdDSA":
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes_)}
    return {"kty": "EC", "crv": "P-256", "x": b64(bytes_[:32]), "y": b64(bytes_[32:])}


def rows():
    """The keys as a file of vectors has them: `d` is the private key, for what mints."""
    return [{**key, "jwk": jwk(kid), "d": b64(private(kid))} for kid, key in PUBLIC.items()]


def head_of(kid, **change):
    return {"alg": PUBLIC[kid]["alg"], "typ": "JWT", "kid": kid} | change


def parts(claims, kid, head=None):
    """What is signed, and the signature's bytes."""
    head = head_of(kid) if head is None else head
    claims = base() if claims is None else claims
    signed = ".".join(b64(part if isinstance(part, str) else compact(part)) for part in (head, claims))
    return signed, signature(signed, kid)


def token(claims=None, kid="e-current", head=None):
    signed, pair = parts(claims, kid, head)
    return f"{signed}.{b64(pair)}"


def twin_of(pair):
    """The signature that anybody makes of one of ES256, without the key: (r, n - s)."""
    return pair[:32] + (N - int.from_bytes(pair[32:])).to_bytes(32)


def good(name, claims=None, kid="e-current", head=None, minted=None, **more):
    """A case of a good token; of ES256 with its twin, which is as good."""
    claims = base() if claims is None else claims
    signed, pair = parts(claims, kid, head)
    if PUBLIC[kid]["alg"] == "ES256":
        more["twin"] = f"{signed}.{b64(twin_of(pair))}"
    elif minted is not False:
        more["minted"] = PUBLIC[kid]["state"] == "current" and head is None
    return case(name, "ok", f"{signed}.{b64(pair)}", kid=kid, claims=claims, **more)
