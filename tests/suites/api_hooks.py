"""What schemathesis can't know about this server: `suite_api.py` has it loaded.

The API document says which form an id has, not which ids exist. The hooks here name
what exists in most requests, keep requests from destroying what later ones rely on,
and sign in. What exists is in a file that `suite_api.py` writes.
"""

from __future__ import annotations

import itertools
import json
import re
import urllib.parse
import urllib.request
from typing import Any

import api_schemas
import schemathesis
from api_case import ADOPTION, KEY, Case, choice, facts, is_valid, label, pick
from api_refusals import BEYOND_SCHEMAS

# Operations of somebody who is signed in; an API token has no session.
OWN_ACCOUNT = [
    "GET /api/v1/session",
    "DELETE /api/v1/session",
    "PUT /api/v1/session/password",
    "GET /api/v1/sessions",
    "DELETE /api/v1/sessions",
]
PUBLIC = [
    "POST /api/v1/session",
    "POST /api/v1/links/check",
    "POST /api/v1/links/use",
]

PUT_SCHEMA = "PUT /api/v1/sources/{slug}/schemas/{urn}"
PUT_TYPE = "PUT /api/v1/sources/{slug}/resource-types/{name}"
FORGETTING = "DELETE /api/v1/sources/{slug}/unknown-attributes"


# ---------------------------------------------------------------- signing in


def sign_in(email: str, password: str) -> tuple[str, str]:
    """Return the cookie and the CSRF token of a new session."""
    request = urllib.request.Request(
        f"{facts['origin']}/api/v1/session",
        data=json.dumps({"email": email, "password": password}).encode(),
        # Passwords that are wrong in the fuzzing slow down whoever comes from the same
        # address: each login comes from another one.
        headers={
            "Content-Type": "application/json",
            "X-Forwarded-For": f"192.0.2.{next(addresses) % 256}",
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        cookie = response.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
        return cookie, json.load(response)["csrf_token"]


addresses = itertools.count(1)
session: tuple[str, str] | None = None
sent_by_member = 0


@schemathesis.auth(refresh_interval=None).apply_to(name=OWN_ACCOUNT)
class BySession:
    """The session of an administrator whom nothing else depends on."""

    def get(self, case: Case, context: Any) -> tuple[str, str]:
        """Sign in, unless it has been done and no request has ended the session."""
        global session
        if session is None:
            session = sign_in(facts["member"]["email"], facts["member"]["password"])
        return session

    def set(self, case: Case, data: tuple[str, str], context: Any) -> None:
        """Show the session as browsers do; now and then an API token instead."""
        global sent_by_member
        sent_by_member += 1
        if sent_by_member % 5 == 0:
            case.headers["Authorization"] = f"Bearer {facts['token']}"
            return
        case.cookies["__Host-headwater_session"] = data[0]
        case.headers["X-CSRF-Token"] = data[1]


@schemathesis.auth().skip_for(name=OWN_ACCOUNT + PUBLIC)
class ByToken:
    """The API token of a script."""

    def get(self, case: Case, context: Any) -> str:
        """Return the token that the whole run has."""
        return str(facts["token"])

    def set(self, case: Case, data: str, context: Any) -> None:
        """Show it as scripts do."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def after_call(context: Any, case: Case, response: Any) -> None:
    """Sign in again when a request has ended the session."""
    global session
    if label(case) in OWN_ACCOUNT and (
        response.status_code == 401
        or (case.method == "DELETE" and response.status_code == 204)
    ):
        session = None


# ---------------------------------------------------------- what really exists


@schemathesis.hook
def map_case(context: Any, case: Case) -> Case:
    """Name what exists in three of four requests that are valid at that place."""
    if case.path_parameters and is_valid(case, "path") and choice(case, 4, "path"):
        case.path_parameters.update(existing_path(case))
    if isinstance(case.query, dict) and is_valid(case, "query"):
        known = existing_query(case).items()
        chosen = {name: value for name, value in known if choice(case, 4, name)}
        case.query.update({name: chosen[name] for name in chosen if name in case.query})
        # Hardly any text is a cursor, and one that is none ends the matter.
        if "cursor" not in chosen and choice(case, 4, "cursor"):
            case.query.pop("cursor", None)
    if (
        isinstance(case.body, dict)
        and is_valid(case, "body")
        and choice(case, 4, "body")
    ):
        known = existing_body(case).items()
        case.body.update({name: value for name, value in known if name in case.body})
    if KEY in case.headers and is_valid(case, "header") and choice(case, 4, KEY):
        # A key that stands for this request: one that was used for another is refused.
        case.headers[KEY] = f"key-{choice(case, 1 << 32)}"
    return case


def existing_path(case: Case) -> dict[str, Any]:
    """Return path parameters that lead to something."""
    path = case.operation.path
    if "{slug}" in path:
        if path == "/api/v1/sources/{slug}" and case.operation.method != "get":
            return {"slug": pick(case, spares(case))}
        found: dict[str, Any] = {"slug": facts["slug"]}
        if path.endswith("/schemas/{urn}"):
            found["urn"] = pick(case, existing_schemas(case))
        if path.endswith("/resource-types/{name}"):
            found["name"] = pick(case, existing_types(case))
        for part in ("users", "groups", "tokens", "requests/by-id", "requests"):
            if f"/{part}/{{" in path:
                name = "sequence" if part == "requests" else "id"
                copied = "copied" if path.endswith("/copy") else part
                found[name] = pick(case, facts[copied])
        return found
    for part in ("administrators", "api-tokens"):
        if f"/{part}/{{id}}" in path:
            return {"id": pick(case, facts[part])}
    return {}


def spares(case: Case) -> list[str]:
    """Return slugs of sources to be deleted, or else of those to be changed."""
    is_deletion = case.operation.method == "delete"
    return list(facts["doomed"] if is_deletion else facts["spares"])


def existing_schemas(case: Case) -> list[str]:
    """Return URNs of schemas to be deleted, changed or read."""
    if case.operation.method == "delete":
        return api_schemas.DOOMED_SCHEMAS
    return [*api_schemas.BUILT_IN, api_schemas.EXTENSION, *api_schemas.SCHEMAS]


def existing_types(case: Case) -> list[str]:
    """Return names of resource types to be deleted, changed or read."""
    if case.operation.method == "delete":
        return api_schemas.DOOMED_TYPES
    return [*api_schemas.BUILT_IN_TYPES, api_schemas.KEPT_TYPE, *api_schemas.TYPES]


def existing_query(case: Case) -> dict[str, Any]:
    """Return query parameters that select something."""
    slug = case.path_parameters.get("slug")
    resource = pick(case, facts["users"] + facts["groups"])
    found = {
        "source": facts["slug"],
        "resource": resource,
        "user": pick(case, facts["users"]),
        "group": pick(case, facts["groups"]),
        "confirm": facts["doomed"].get(slug),
        "cursor": facts["cursors"].get(case.operation.path),
        "extends": pick(case, api_schemas.BUILT_IN_TYPES),
    }
    if case.operation.path.endswith("/unknown-attributes"):
        found.update(pick(case, facts["unknown"]["forgotten"]))
    return {name: value for name, value in found.items() if value is not None}


def existing_body(case: Case) -> dict[str, Any]:
    """Return members of bodies that the server knows: passwords, one-time links."""
    password = facts["member"]["password"]
    known: dict[str, dict[str, Any]] = {
        "POST /api/v1/session": facts["member"],
        # The same one again: the next request has to know it as well.
        "PUT /api/v1/session/password": {
            "current_password": password,
            "new_password": password,
        },
        "POST /api/v1/links/check": {"secret": pick(case, facts["links"])},
        "POST /api/v1/links/use": {
            "secret": pick(case, facts["links"]),
            "password": password,
        },
        "POST /api/v1/sources": api_schemas.named_switches(case.body),
        "PATCH /api/v1/sources/{slug}": api_schemas.named_switches(case.body),
        ADOPTION: pick(case, facts["unknown"]["adopted"]),
    }
    return known.get(label(case), {})


# ------------------------------------------------- what later requests rely on


@schemathesis.hook
def before_call(context: Any, case: Case, kwargs: dict[str, Any]) -> None:
    """Turn away from what later requests rely on; ids come from answers as well."""
    parameters = case.path_parameters
    path, method = case.operation.path, case.method.upper()
    if method in ("PATCH", "PUT", "POST", "DELETE"):
        if path == "/api/v1/sources/{slug}" and parameters.get("slug") == facts["slug"]:
            parameters["slug"] = pick(case, spares(case))
        for part, kept in facts["kept"].items():
            if (
                path.startswith(f"/api/v1/{part}/{{id}}")
                and parameters.get("id") in kept
            ):
                parameters["id"] = pick(case, facts[part])
        # Those that are copied have to stay valid.
        if path.endswith("/tokens/{id}") and parameters.get("id") in facts["copied"]:
            parameters["id"] = pick(case, facts["tokens"])
        if method == "DELETE":
            keep_definitions(case)
    make_right(case)
    if label(case) in PUBLIC:
        # Failed logins slow down those who come from the same address.
        address = f"198.51.{choice(case, 256, 'a')}.{choice(case, 256, 'b')}"
        case.headers["X-Forwarded-For"] = address


def keep_definitions(case: Case) -> None:
    """Turn deletions away from schemas and types that others are made of, or built in."""
    parameters = case.path_parameters
    kept = [*api_schemas.BUILT_IN, api_schemas.BASE, api_schemas.EXTENSION]
    if parameters.get("urn") in kept:
        parameters["urn"] = pick(case, api_schemas.DOOMED_SCHEMAS)
    kept = [*api_schemas.BUILT_IN_TYPES, api_schemas.KEPT_TYPE]
    if parameters.get("name") in kept:
        parameters["name"] = pick(case, api_schemas.DOOMED_TYPES)
    # An empty parameter is one that was not chosen.
    forgets_all = label(case) == FORGETTING and not any((case.query or {}).values())
    if forgets_all and parameters.get("slug") == facts["slug"]:
        parameters["slug"] = pick(case, list(facts["spares"]))


def make_right(case: Case) -> None:
    """Make parts of a request that are valid by themselves agree with each other."""
    parameters, operation = case.path_parameters, label(case)
    as_drawn = choice(case, 4, "definition") == 0
    has_path, has_body = is_valid(case, "path"), is_valid(case, "body")
    if operation == PUT_SCHEMA and has_path:
        urn = parameters["urn"] = api_schemas.valid_urn(parameters["urn"])
        if isinstance(case.body, dict):
            mend = api_schemas.mend_schema if has_body else api_schemas.expose_schema_fault
            mend(urn, case.body)
        if is_valid(case, "query"):
            if urn in api_schemas.BUILT_IN:
                case.query.clear()
            elif "required" in case.query and not case.query.get("extends"):
                case.query["extends"] = pick(case, api_schemas.BUILT_IN_TYPES)
    elif operation == PUT_TYPE and has_path:
        name = parameters["name"] = api_schemas.valid_type_name(parameters["name"])
        if isinstance(case.body, dict) and has_body:
            api_schemas.mend_type(name, case.body, as_drawn=as_drawn)
        elif isinstance(case.body, dict):
            api_schemas.expose_type_fault(name, case.body)
    elif operation == FORGETTING and is_valid(case, "query"):
        chosen = {name: value for name, value in (case.query or {}).items() if value}
        if chosen:
            case.query = {**pick(case, facts["unknown"]["forgotten"]), **chosen}


# --------------------------------------------------- what no schema can express


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Case, response: Any) -> bool:
    """Drop what is no failure in principle; `BEYOND_SCHEMAS` says why."""
    kind = type(failure).__name__
    if kind == "RejectedPositiveData":
        problem = response.json()
        key = (response.status_code, problem.get("code"), problem.get("field"))
        may_be = BEYOND_SCHEMAS.get(key)
        return may_be is None or not may_be(case)
    if kind == "AcceptedNegativeData":
        # `?to=` is a parameter that was not chosen, as forms send it. The API describes
        # itself so; OpenAPI's own word for it (allowEmptyValue) is deprecated.
        return not only_unchosen(failure, response)
    return True


def only_unchosen(failure: Any, response: Any) -> bool:
    """Return whether nothing is wrong with a request but empty values in its query."""
    found = re.search(
        r"^Invalid component: parameters? (.+?) in query - ",
        failure.message,
        re.MULTILINE,
    )
    if found is None:
        return False
    query = urllib.parse.urlsplit(response.request.url).query
    sent = urllib.parse.parse_qs(query, keep_blank_values=True)
    # An empty list or object is not even sent.
    named = re.findall(r"`([^`]+)`", found[1])
    return all(set(sent.get(name, [""])) == {""} for name in named)
