"""Authlib against our OAuth, from discovery on. Told on standard input; answers with what it saw."""

import json
import sys

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

asked = json.load(sys.stdin)
verify = asked["ca"]

found = requests.get(get_well_known_url(asked["issuer"], external=True), verify=verify)
metadata = AuthorizationServerMetadata(found.json())
# Every rule but one: Authlib takes an empty list for none, and ours is empty, because no grant has a response type.
assert found.json()["response_types_supported"] == []
for key in metadata.REGISTRY_KEYS:
    if key != "response_types_supported":
        getattr(metadata, f"validate_{key}")()


def session(id, secret, how, **more):
    made = OAuth2Session(id, secret, token_endpoint_auth_method=how, **more)
    # A bundle that the environment names would be taken instead.
    made.trust_env = False
    made.verify = verify
    return made


def refused(act):
    try:
        act()
    except OAuthError as error:
        return error.error
    return "accepted"


token_url = metadata["token_endpoint"]
answer = {"issuer": metadata["issuer"], "grants": metadata["grant_types_supported"]}
for how in ["client_secret_basic", "client_secret_post"]:
    client = session(asked["id"], asked["secret"], how)
    token = client.fetch_token(token_url, grant_type="client_credentials", scope="tokens:verify")
    me = client.get(asked["issuer"] + "/v1/me").json()
    introspect = metadata["introspection_endpoint"]
    room = client.introspect_token(introspect, token=asked["room_token"]).json()
    access = client.introspect_token(introspect, token=token["access_token"]).json()
    revoked = client.revoke_token(metadata["revocation_endpoint"], token=token["access_token"])
    after = client.introspect_token(introspect, token=token["access_token"]).json()
    answer[how] = {
        "token": token,
        "me": me,
        "room": room,
        "access": access,
        "revoked": revoked.status_code,
        "after": after,
    }

basic = "client_secret_basic"
good = session(asked["id"], asked["secret"], basic)
weak = session(asked["weak_id"], asked["weak_secret"], basic)


def grant(client, **more):
    return lambda: client.fetch_token(token_url, **{"grant_type": "client_credentials", **more})


answer["refused"] = {
    "client": refused(grant(session(asked["id"], asked["weak_secret"], basic))),
    "grant": refused(grant(good, grant_type="urn:example:none")),
    "scope": refused(grant(good, scope="rooms:write")),
    "target": refused(grant(good, resource="urn:stagedoor:app:1")),
    "request": refused(grant(good, x="1" * 17_000)),
    "client_unauthorized": weak.introspect_token(
        metadata["introspection_endpoint"], token=asked["room_token"]
    ).json()["error"],
    "token_type": good.revoke_token(
        metadata["revocation_endpoint"], token=asked["weak_secret"]
    ).json()["error"],
}
json.dump(answer, sys.stdout)
