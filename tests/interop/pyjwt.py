"""Verifies a token with PyJWT and mints one. A JSON object comes in on stdin, one goes out on stdout."""

import base64
import json
import sys

import jwt


def keys(asked):
    """What signs and what verifies."""
    if asked["alg"] == "HS256":
        secret = base64.urlsafe_b64decode(asked["secret"] + "=" * (-len(asked["secret"]) % 4))
        return secret, secret
    algorithm = jwt.get_algorithm_by_name(asked["alg"])
    public = {name: value for name, value in asked["jwk"].items() if name != "d"}
    return algorithm.from_jwk(asked["jwk"]), algorithm.from_jwk(public)


def main():
    asked = json.load(sys.stdin)
    alg, (signs, verifies) = asked["alg"], keys(asked)
    required = {"require": ["exp", "nbf", "iat", "jti", "sub"]}

    def decode(token):
        return jwt.decode(token, verifies, algorithms=[alg], options=required)

    refused = None
    try:
        decode(asked["forged"])
    except jwt.InvalidSignatureError:
        refused = "signature"
    mint = {"headers": {"kid": asked["kid"]}}
    answer = {
        "header": jwt.get_unverified_header(asked["token"]),
        "claims": decode(asked["token"]),
        "forged_refused_for": refused,
        "token": jwt.encode(asked["claims"], signs, algorithm=alg, **mint),
        "token_none": jwt.encode(asked["claims"], None, algorithm="none", **mint),
    }
    if alg == "HS256":
        answer["token_hs512"] = jwt.encode(asked["claims"], signs * 2, algorithm="HS512", **mint)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
