"""The field that a refusal names (spec/token.md §Fields, spec/roles.md §Narrowing), read from the claims themselves.

A reading of the specification of its own: it knows the forms, and nothing of what an implementation says.
"""

import base64
import json
import re

TOP = 2**64 - 1
WORD = 2**32 - 1


class Objects(list):
    """An object, as the list of its members: a name may stand twice."""


class Number(str):
    """A number as it was written."""


def parsed(text):
    """JSON with what is usually lost; `ValueError` for what is none."""
    def none(word):
        raise ValueError(word)

    value = json.loads(text, object_pairs_hook=Objects, parse_int=Number, parse_float=Number, parse_constant=none)
    # Half of a surrogate pair stands for no character.
    json.dumps(value, ensure_ascii=False).encode()
    return value


def written(name):
    """A name that somebody invented, as far as it is told."""
    return re.sub(r"[^A-Za-z0-9_:/#@-]", "?", name[:32], flags=re.S) or "?"


# --- Forms: each takes a value and its path, and gives the path of the first fault, or None ---------------


def holds(check):
    return lambda value, path: None if check(value) else path


text = holds(lambda value: type(value) is str)
flag = holds(lambda value: type(value) is bool)
anything = holds(lambda value: True)
role_name = holds(lambda value: type(value) is str and re.fullmatch(r"[a-z0-9_-]{1,32}", value))
pattern = holds(lambda value: type(value) is str and len(value) <= 256 and re.fullmatch(r"[0-9A-Za-z_.:-]+\*?|\*", value))
thumbprint = holds(lambda value: type(value) is str and is_thumbprint(value))


def is_thumbprint(value):
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", value):
        return False
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(value + "=")).decode() == value + "="


def integer(top, low=0):
    return holds(lambda value: type(value) is Number and value.isdigit() and low <= int(value) <= top)


def one_of(*words):
    return holds(lambda value: type(value) is str and value in words)


def many(form, most=None):
    def check(value, path):
        if type(value) is not list:
            return path
        for at, item in enumerate(value):
            if fault := form(item, f"{path}[{at}]"):
                return fault
        return path if most is not None and len(value) > most else None
    return check


def record(forms, required=(), unknown=True):
    def check(value, path):
        if type(value) is not Objects:
            return path or None
        seen, before = set(), f"{path}." if path else ""
        for name, member in value:
            here = before + (name if name in forms else written(name))
            if name in seen or (unknown and name not in forms):
                return here
            seen.add(name)
            if fault := forms.get(name, anything)(member, here):
                return fault
        return next((before + name for name in required if name not in seen), None)
    return check


def choice(words, **members):
    """One of these words, or an object of exactly one of these members."""
    def check(value, path):
        if type(value) is Objects and len(value) == 1 and value[0][0] in members:
            name, member = value[0]
            return members[name](member, f"{path}.{name}")
        return one_of(*words)(value, path)
    return check


kinds = many(one_of("audio", "video", "screen", "data"))
verbs = many(one_of("kick", "ban", "mute", "unmute", "promote", "demote", "close", "admit"))
patterns = many(pattern, 64)
cap = integer(WORD, 1)
CAPS = {"messages_per_s": cap, "bytes_per_s": cap, "frame_bytes_max": cap}
SECTIONS = {
    "publish": record({"streams": patterns, "kinds": kinds, "streams_max": integer(WORD)}),
    "subscribe": record({"streams": patterns, "from": patterns}),
    "send": record({"room": flag, "roles": patterns, "users": patterns}),
    "set": patterns, "moderate": verbs,
    "presence": record({"sees": patterns, "seen_by": patterns}),
    "ask": patterns, "invite": patterns, "waits": flag,
    "second_login": choice(("reject", "replace"), allow=integer(16, 2)),
}
narrowing = record(SECTIONS | {"caps": record(CAPS)})
template = record({"role": role_name, "rank": integer(65_535)} | SECTIONS | {"caps": record(CAPS | {"members_max": cap})}, ["role"])
at_exp = choice(("close",), demote=role_name, grace=integer(300, 1))
until = record({name: integer(TOP) for name in ("publish", "subscribe", "send", "set", "moderate")})
cnf = record({"jkt": thumbprint}, ["jkt"])
TYPES = {
    "app": integer(WORD), "room": text, "sub": text, "role": text, "grants": anything,
    "iat": integer(TOP), "nbf": integer(TOP), "exp": integer(TOP), "jti": text, "name": text, "meta": text,
    "gen": integer(TOP), "once": flag, "at_exp": anything, "max_stay": integer(TOP), "until": anything, "cnf": anything, "iss": text,
}
REQUIRED = ("app", "room", "sub", "role", "iat", "nbf", "exp", "jti")

# --- Beyond the role --------------------------------------------------------------------------------------


def matches(pattern, name):
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def within(inner, outer):
    if inner.endswith("*"):
        return outer.endswith("*") and inner[:-1].startswith(outer[:-1])
    return matches(outer, inner)


def width(second_login):
    return {"reject": 0, "replace": 1}.get(second_login) if isinstance(second_login, str) else second_login["allow"]


def beyond(role, wish):
    """The rule of a narrowing (an ordinary object) that goes beyond a template, and the place; or None."""
    def value(of, rule):
        for name in rule.split("."):
            of = of.get(name) if of is not None else None
        return of

    for rule in ("publish.streams", "publish.kinds", "publish.streams_max", "subscribe.streams", "subscribe.from", "send.room", "send.roles",
                 "send.users", "set", "moderate", "presence.sees", "presence.seen_by", "ask", "invite", "waits", "second_login",
                 "caps.messages_per_s", "caps.bytes_per_s", "caps.frame_bytes_max"):
        asked, held = value(wish, rule), value(role, rule)
        if asked is None:
            continue
        if rule in ("publish.kinds", "moderate"):
            too_wide = not set(asked) <= set(held or [])
        elif rule in ("send.room", "waits"):
            too_wide = asked is (rule == "send.room") and bool(held) is not asked
        elif rule == "second_login":
            too_wide = width(asked) > width(held or "reject")
        elif rule.startswith("caps."):
            too_wide = held is not None and asked > held
        elif rule == "publish.streams_max":
            too_wide = asked > (held or 0)
        else:
            at = next((at for at, one in enumerate(asked) if not any(within(one, outer) for outer in held or [])), None)
            if at is not None:
                return rule, f"{rule}[{at}]"
            continue
        if too_wide:
            return rule, rule
    return None


# --- Tokens -----------------------------------------------------------------------------------------------

NO_FIELD = {
    "ok", "room_mismatch", "token_too_large", "token_malformed", "header_invalid", "alg_unsupported", "crit_unsupported",
    "key_unknown", "key_retired", "signature_invalid",
}
OF_CLAIM = {
    "app_mismatch": "app", "room_invalid": "room", "user_invalid": "sub", "role_invalid": "role", "jti_invalid": "jti", "name_invalid": "name",
    "meta_invalid": "meta", "max_stay_invalid": "max_stay", "times_invalid": "exp", "lifetime_too_long": "exp", "token_expired": "exp",
}
OF_FORM = {"grants_invalid": ("grants", narrowing), "until_invalid": ("until", until), "cnf_invalid": ("cnf", cnf), "at_exp_invalid": ("at_exp", at_exp)}


def field_of(code, token, now, leeway_s, roles):
    """The field that a refused token's code is about, or None."""
    if code in NO_FIELD:
        return None
    if code in OF_CLAIM:
        return OF_CLAIM[code]
    payload = token.split(".")[1]
    try:
        claims = parsed(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode())
    except ValueError:
        return None
    if code == "claims_malformed":
        return record(TYPES, unknown=False)(claims, "")
    if code == "claim_unknown":
        return next(written(name) for name, _ in claims if name not in TYPES)
    said = dict(claims)
    if code == "claim_missing":
        return next(name for name in REQUIRED if name not in said)
    if code == "token_not_yet_valid":
        return "nbf" if int(said["nbf"]) > now + leeway_s else "iat"
    if code in OF_FORM:
        name, form = OF_FORM[code]
        if fault := form(said[name], name):
            return fault
        if name == "until":
            ends = dict(said[name])
            order = ("publish", "subscribe", "send", "set", "moderate")
            return next(f"until.{end}" for end in order if end in ends and not 1 <= int(ends[end]) <= int(said["exp"]))
        return "at_exp.demote"
    names = {role["role"]: role for role in roles}
    if code == "role_unknown":
        return "role" if said["role"] not in names else "at_exp.demote"
    assert code == "grants_too_wide", code
    return "grants." + beyond(names[said["role"]], json.loads(json.dumps(plain(said["grants"]))))[1]


def plain(value):
    """A value as `json` would have read it."""
    if type(value) is Objects:
        return {name: plain(member) for name, member in value}
    if type(value) is Number:
        return int(value)
    return [plain(item) for item in value] if type(value) is list else value
