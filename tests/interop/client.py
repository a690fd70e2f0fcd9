"""Uses the client that openapi-python-client made of spec/openapi.json: mints and lists, and reads a refusal."""

import os
import sys

sys.path.insert(0, os.environ["STAGEDOOR_CLIENT"])

from stagedoor_client import AuthenticatedClient  # noqa: E402
from stagedoor_client.api.api_keys import api_keys_create  # noqa: E402
from stagedoor_client.api.apps import apps_create, apps_list, apps_show  # noqa: E402
from stagedoor_client.api.audit import audit_list  # noqa: E402
from stagedoor_client.api.keys import keys_list  # noqa: E402
from stagedoor_client.api.tokens import tokens_create  # noqa: E402
from stagedoor_client.models import (  # noqa: E402
    NewApiKey,
    NewApp,
    NewToken,
    Problem,
    Scope,
)

URL = os.environ["STAGEDOOR_URL"]


def client(credential):
    return AuthenticatedClient(base_url=URL, token=credential, raise_on_unexpected_status=True)


root = client(os.environ["STAGEDOOR_ROOT"])
LARGEST = 4294967295
created = apps_create.sync(client=root, body=NewApp(name="generated", id=LARGEST), idempotency_key="k1")
assert created.app == LARGEST and created.key.secret and created.replayed is False, created
again = apps_create.sync(client=root, body=NewApp(name="generated", id=LARGEST), idempotency_key="k1")
assert again.app == LARGEST and again.key.secret is None and again.replayed is True, again

key = NewApiKey(name="backend", scopes=[Scope.TOKENSMINT, Scope.APPSADMIN])
backend = client(api_keys_create.sync(LARGEST, client=root, body=key).api_key)
token = tokens_create.sync(LARGEST, client=backend, body=NewToken(room="lobby", user="anna", role="host"))
assert token.token.count(".") == 2 and token.expires_in_s > 0, token
refused = tokens_create.sync(LARGEST, client=backend, body=NewToken(room="lobby", user="anna", role="king"))
assert isinstance(refused, Problem) and refused.code == "role_unknown", refused

listed = apps_list.sync(client=root, limit=200)
assert LARGEST in [app.app for app in listed.items], listed
assert [app.app for app in apps_list.sync(client=backend).items] == [LARGEST]
shown = apps_show.sync_detailed(LARGEST, client=backend)
assert shown.parsed.name == "generated" and shown.headers["etag"], shown
assert [key.state for key in keys_list.sync(LARGEST, client=backend).items] == ["current"]
records = audit_list.sync(LARGEST, client=backend, kind="token.mint", limit=1).items
assert records[0].jti == token.jti or records[0].code == "role_unknown", records
