#!/usr/bin/env python3
"""Writes the vectors of tokens, Token04, keys, roles, media, credentials and the audit trail, on Python's standard library alone.

    python3 spec/vectors/make.py            writes the JSON files in the folders of FOLDERS, next to this file
    python3 spec/vectors/make.py --check    exits 1 if a file is not what this writes

Shares no code with what it tests. What a case must give is written down by hand, from the documents in spec/,
and its field by `fields`, which reads the claims by the same law; nothing is asked of an implementation.
No clock and no chance: it always writes the same. The cases are in the files of this folder named `…_cases`,
and in `token_texts` and `token_claims`.
Signatures of public keys are kept in `signatures.json`; new ones need the package `cryptography`.
"""

import json
import pathlib
import sys

# Nothing but vectors is written here.
sys.dont_write_bytecode = True

from audit_cases import excerpt_cases, form_cases, key_cases as audit_key_cases, trail_cases
from credential_cases import LAW, credential_cases, secret_cases
from fields import beyond, field_of, parsed, template
from media_cases import media_cases
from role_cases import BUILT_IN, built_in_cases, narrowed_cases, template_cases
from public_cases import eddsa_cases, es256_cases, jwk_cases
from public_keys import KEPT, kept, rows
from signing import KEYS, LEEWAY_S, b64, compact
from token04_cases import HEAD as TOKEN04, of_one_length, token04_cases
from token_claims import claim_cases, grants_cases, stay_cases, time_cases
from token_texts import form, header_cases, key_cases

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = ("audit", "token", "token04", "jwk", "roles", "media", "credentials")


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


def with_field(case, field):
    return case | {"field": field} if field else case


def token_case(case):
    token = case.pop("token")
    return with_field(case, field_of(case["code"], token, case["now"], LEEWAY_S, BUILT_IN)) | {"token": token}


def role_case(case):
    if case["expect"] == "template_invalid":
        return with_field(case, template(parsed(compact(case["template"])), ""))
    held = case.get("template") or next(role for role in BUILT_IN if role["role"] == case["role"])
    wide = beyond(held, case.get("narrowing", {}))
    assert (case["expect"] == "grants_too_wide") == bool(wide), case["name"]
    assert not wide or wide[0] == case["rule"], case["name"]
    return with_field(case, wide and wide[1])


def files():
    keys = [{**key, "secret": b64(key["secret"])} for key in KEYS.values()]
    for name, cases in [("form", form), ("header", header_cases), ("key", key_cases), ("claims", claim_cases), ("stay", stay_cases), ("times", time_cases), ("grants", grants_cases)]:
        yield HERE / "token" / f"{name}.json", dump({"law": "spec/token.md", "keys": keys}, [token_case(case) for case in cases()])
    for name, cases in [("eddsa", eddsa_cases), ("es256", es256_cases)]:
        yield HERE / "token" / f"{name}.json", dump({"law": "spec/token.md", "keys": keys + rows()}, [token_case(case) for case in cases()])
    yield HERE / "jwk" / "keys.json", dump({"law": "spec/token.md"}, list(jwk_cases()))
    for name, cases in [("built_in", built_in_cases), ("narrowed", narrowed_cases), ("templates", template_cases)]:
        yield HERE / "roles" / f"{name}.json", dump({"law": "spec/roles.md", "roles": BUILT_IN}, [role_case(case) for case in cases()])
    for name, cases in [("tokens", token04_cases), ("of_one_length", of_one_length)]:
        yield HERE / "token04" / f"{name}.json", dump(TOKEN04, list(cases()))
    for name, cases in [("records", form_cases), ("keys", audit_key_cases), ("trails", trail_cases), ("excerpts", excerpt_cases)]:
        yield HERE / "audit" / f"{name}.json", dump({"law": "spec/audit.md"}, list(cases()))
    yield HERE / "media" / "payloads.json", dump({"law": "spec/media.md"}, list(media_cases()))
    for name, cases in [("credentials", credential_cases), ("secrets", secret_cases)]:
        yield HERE / "credentials" / f"{name}.json", dump({"law": f"spec/credentials.md. {LAW}"}, list(cases()))
    yield KEPT, kept.text()


def main(args):
    if args not in ([], ["--check"]):
        sys.exit(__doc__)
    written = dict(files())
    if not args:
        for path, text in written.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        return
    held = {path for folder in FOLDERS for path in (HERE / folder).glob("*.json")}
    held |= {KEPT} & {*HERE.iterdir()}
    drifted = sorted(
        str(path.relative_to(HERE))
        for path in held | written.keys()
        if path not in held or path.read_text(encoding="utf-8") != written.get(path)
    )
    if drifted:
        sys.exit("not what make.py writes: " + ", ".join(drifted))


if __name__ == "__main__":
    main(sys.argv[1:])
