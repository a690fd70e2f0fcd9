"""What schemathesis cannot know of the API."""

import itertools

import schemathesis

COUNT = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives creations whose outcome is used a key of their own: a replay may show what was deleted meanwhile."""
    is_stateful = case.meta is not None and case.meta.phase.name.value == "stateful"
    key = (case.headers or {}).get("Idempotency-Key")
    if is_stateful and key and len(key) <= 100 and all("!" <= letter <= "~" for letter in key):
        case.headers["Idempotency-Key"] = f"{key}-{next(COUNT)}"
