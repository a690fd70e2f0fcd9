"""Verifies a token with PyJWT and mints one. A JSON object comes in on stdin, one goes out on stdout."""

import base64
import json
import sys

import jwt


def main():
    asked = json.load(sys.stdin)
    secret = base64.urlsafe_b64decode(asked["secret"] + "=" * (-len(asked["secret"]) % 4))
    required = {"require": ["exp", "nbf", "iat", "jti", "sub"]}

    def decode(token):
        return jwt.decode(token, secret, algorithms=["HS256"], options=required)

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
        "token": jwt.encode(asked["claims"], secret, algorithm="HS256", **mint),
        "token_hs512": jwt.encode(asked["claims"], secret * 2, algorithm="HS512", **mint),
        "token_none": jwt.encode(asked["claims"], None, algorithm="none", **mint),
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
