"""Refusals of requests that are valid by the API document, and when they are right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import api_schemas
from api_case import ADOPTION, KEY, Case, facts, label


def is_stale_cursor(case: Case) -> bool:
    """A cursor means nothing to its holder: only those given out are valid."""
    known = facts["cursors"].get(case.operation.path)
    return bool(case.query.get("cursor")) and case.query["cursor"] != known


def is_reused_key(case: Case) -> bool:
    """Whether a key was used for another request depends on the requests before."""
    return KEY in case.headers


def is_not_the_name(case: Case) -> bool:
    """What confirms a deletion has to be the name of that very source."""
    return "confirm" in case.query


def is_wrong_password(case: Case) -> bool:
    """Only the one that was set is right."""
    return bool(case.body["current_password"] != facts["member"]["password"])


def is_over(case: Case) -> bool:
    """A moment of expiry has to lie in the future."""
    try:
        expires = datetime.fromisoformat(case.body["expires"].upper())
    except ValueError:
        return False
    return expires <= datetime.now(UTC)


def is_easily_guessed(case: Case) -> bool:
    """Few different characters make a bad password, whatever its length."""
    password = case.body.get("password", case.body.get("new_password", ""))
    return len(set(password.lower())) < 5


def has_no_slug(case: Case) -> bool:
    """A slug is made from the name where it is left out, but not from every name."""
    slug, name = case.body.get("slug"), case.body.get("name", "")
    return slug is None and not re.search(r"[A-Za-z0-9]", name)


def is_used_up(case: Case) -> bool:
    """A token can be copied until it is used, and for a time."""
    return True


def is_no_type(case: Case) -> bool:
    """Which resource types there are to extend depends on the source."""
    return case.query.get("extends") not in api_schemas.BUILT_IN_TYPES


def is_elsewhere(case: Case) -> bool:
    """The schemas that definitions name were made in one source."""
    return bool(case.path_parameters["slug"] != facts["slug"])


def is_no_base(case: Case) -> bool:
    """Which schemas there are to make a type of depends on the source."""
    return is_elsewhere(case) or case.body["schema"] != api_schemas.BASE


def is_no_extension(case: Case) -> bool:
    """Which schemas there are to extend a type with depends on the source."""
    named = [extension["schema"] for extension in case.body["schemaExtensions"]]
    return is_elsewhere(case) or named != [api_schemas.EXTENSION]


def is_no_path(case: Case) -> bool:
    """Which paths a type has depends on the schemas of the source."""
    path = api_schemas.searchable_path(case.path_parameters["name"])
    return any(named != path for named in case.body["searchable"])


def is_not_shown(case: Case) -> bool:
    """What can be hidden are the attributes that a source has."""
    hidden = case.body["switches"]["hidden_from_schemas"]
    return any(named not in api_schemas.HIDEABLE for named in hidden)


def is_hopeless(case: Case) -> bool:
    """Whether an attribute can be adopted depends on the schemas, and on what was sent."""
    return label(case) == ADOPTION and case.body in facts["unknown"]["hopeless"]


# Refusals of requests that are valid by the document, for what no schema can say as it
# depends on the state of the server or on the clock: status, code, field -> when so.
BEYOND_SCHEMAS: dict[tuple[int, str, str | None], Callable[[Case], bool]] = {
    (400, "bad_cursor", None): is_stale_cursor,
    (410, "no_longer_copyable", None): is_used_up,
    (422, "idempotency_key_reused", None): is_reused_key,
    (422, "invalid", "confirm"): is_not_the_name,
    (422, "invalid", "expires"): is_over,
    (422, "invalid", "slug"): has_no_slug,
    (422, "invalid", "current_password"): is_wrong_password,
    (422, "invalid", "password"): is_easily_guessed,
    (422, "invalid", "new_password"): is_easily_guessed,
    (422, "invalid", "path"): is_hopeless,
    (422, "invalid", "extends"): is_no_type,
    (422, "invalid", "schema"): is_no_base,
    (422, "invalid", "schemaExtensions"): is_no_extension,
    (422, "invalid", "searchable"): is_no_path,
    (422, "invalid", "switches.hidden_from_schemas"): is_not_shown,
}
