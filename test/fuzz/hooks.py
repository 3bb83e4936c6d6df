"""What schemathesis is told beyond its configuration. Every credential comes from test/fuzz/main.ts, by the environment."""

import atexit
import collections
import itertools
import json
import os
import re
import unicodedata
import urllib.error
import urllib.request

import schemathesis

URL = os.environ["FUZZ_URL"]
WHO = json.loads(os.environ["FUZZ_WHO"])
# The key and the admin that the passes work with.
OWN = os.environ["FUZZ_OWN"].split(",")
COUNTS = os.environ["FUZZ_COUNTS"]

counts = collections.Counter()


sign_ins = itertools.count(1)


def sign_in(email, password):
    """From an address of its own each time: this one is throttled for what the fuzz itself guesses at."""
    number = next(sign_ins)
    request = urllib.request.Request(
        f"{URL}/api/v1/auth/login",
        data=json.dumps({"email": email, "password": password}).encode(),
        headers={
            "content-type": "application/json",
            "x-forwarded-for": f"198.18.{number // 250}.{number % 250 + 1}",
        },
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["data"]["access_token"]


# A use of these ends sessions: they are somebody else's, who signs in for each.
ENDS_ITSELF = ("/auth/logout", "/auth/logout-all", "/auth/password")

if WHO["kind"] != "nobody":

    @schemathesis.auth(refresh_interval=300)
    class Somebody:
        def get(self, case, ctx):
            return WHO["key"] if WHO["kind"] == "key" else sign_in(WHO["email"], WHO["password"])

        def set(self, case, data, ctx):
            if WHO["kind"] == "person" and case.operation.path.endswith(ENDS_ITSELF):
                try:
                    data = sign_in(WHO["leaver_email"], WHO["leaver_password"])
                except urllib.error.HTTPError:
                    # The fuzz has disabled him meanwhile.
                    data = "nobodys.access.token"
            case.headers = case.headers or {}
            case.headers["Authorization"] = f"Bearer {data}"
            if "app_id" in WHO:
                case.headers.setdefault("X-App-Id", WHO["app_id"])


@schemathesis.serializer("application/x-ndjson")
def as_lines(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Nobody saws off the branch that he sits on: his own key or account stays as it is."""
    for name, value in (case.path_parameters or {}).items():
        if value in OWN:
            case.path_parameters[name] = "00000000-0000-4000-8000-000000000000"
    fill_in_as_described(case)


APP_ID = re.compile("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def fill_in_as_described(case):
    """Of a header without an example schemathesis sends "0" along with the examples of the others, whatever the header's pattern."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    app = (case.headers or {}).get("x-app-id")
    if app is not None and not APP_ID.match(app):
        del case.headers["x-app-id"]


@schemathesis.hook
def after_call(ctx, case, response):
    counts[str(response.status_code)] += 1


@atexit.register
def write_counts():
    with open(COUNTS, "w") as file:
        json.dump(counts, file)


# What a JSON schema can say, the document has to say: a request that fits it may be refused only for what the ledger knows.
OF_THE_SCHEMA = {
    "INVALID_FIELD",
    "UNKNOWN_FIELD",
    "INVALID_PARAMETER",
    "UNKNOWN_PARAMETER",
    "MALFORMED_JSON",
    "MALFORMED_REQUEST",
    "MALFORMED_TEXT",
    "BODY_TOO_DEEP",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
}


# What no schema says, by the field that it is about.
BEYOND_A_SCHEMA = {
    "sequence": "belongs to an operation_id, which may stand in the header instead",
    "expires_at": "has to be in the future, and not beside expires_in; what the longest is, the configuration says",
    "expires_in": "what the longest is, the configuration says",
    "allowed_from": "a range has no bits behind its prefix",
    "from": "is not after to, and not further from it than the route allows; of a proof, a checkpoint not later than the other",
    "tree_size": "covers the event that the proof is of",
    "realtime": "has no meaning beside at",
    "from_date": "is not after to_date",
    "to_date": "is not before from_date",
    "at": "is not in the future",
    "changes": "have to fit the entry that they change, as a whole",
    "strategy_of": "has no meaning beside strategy",
    "strategy.min_batch_size": "not above the optimal one",
    "strategy.optimal_batch_size": "not above the largest one",
    "strategy.cost.wanted_size_min": "not above wanted_size_max",
}


def text_of(case):
    sent = [case.path_parameters, case.query, case.headers, case.body]
    return "".join(strings_in([part if isinstance(part, (dict, list)) else str(part) for part in sent]))


def strings_in(value):
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings_in(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings_in(part)]
    return [value] if isinstance(value, str) else []


def names_in(value):
    if isinstance(value, dict):
        return [*value, *(name for part in value.values() for name in names_in(part))]
    if isinstance(value, list):
        return [name for part in value for name in names_in(part)]
    return []


def has_what_a_pattern_meant_to_exclude(case):
    """schemathesis takes \\p{C} and \\p{Z} for the control characters and blanks of ASCII, and so makes text that the document's own pattern excludes."""
    return any(ord(letter) > 0x7E and unicodedata.category(letter)[0] in "CZ" for letter in text_of(case))


def has_what_no_text_may_hold(case):
    """NUL and lone surrogates: the document says it once, for all texts."""
    return any(letter == "\0" or unicodedata.category(letter) == "Cs" for letter in text_of(case))


def has_what_no_name_may_hold(case):
    """What JSON writes with an escape: the document says it once, for all names."""
    return any(letter in '"\\' or letter < " " for name in names_in(case.body) for letter in name)


@schemathesis.check
def refused_for_what_a_schema_cannot_say(ctx, response, case):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code not in (400, 413, 415, 422):
        return
    errors = json.loads(response.content)["errors"]
    told = [
        error
        for error in errors
        if error["code"] in OF_THE_SCHEMA
        # Of a file the document says the content type only.
        and not (case.media_type in ("text/csv", "application/x-ndjson") and error["code"] != "INVALID_PARAMETER")
        and (error["field"] or "") not in BEYOND_A_SCHEMA
        and re.split(r"[.\[]", error["field"] or "")[0] not in BEYOND_A_SCHEMA
        # Which of the rules of congestion contradict one another.
        and not (error["field"] or "").startswith("strategy.congestion.")
        # No further than where the webhook is.
        and not (error["field"] == "after" and case.operation.path.endswith("/replay"))
    ]
    if told and has_what_a_pattern_meant_to_exclude(case):
        return
    if {error["code"] for error in told} == {"MALFORMED_TEXT"}:
        if has_what_no_text_may_hold(case) or has_what_no_name_may_hold(case):
            return
    assert not told, f"the document allows what is refused: {told}"
