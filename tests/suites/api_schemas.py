"""Schemas of a source, for the suite of the admin API: what exists, and what is valid.

A definition has rules that no JSON schema can state: names that occur once, parts that
only complex attributes have, an id that is the one in the path. What is drawn is mended
here until it obeys them, and stays what it is otherwise.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
BUILT_IN = [USER, GROUP, ENTERPRISE]
BUILT_IN_TYPES = ["User", "Group"]

# They stay as they are: what is put names them.
BASE = "urn:example:suite:2.0:Base"
EXTENSION = "urn:example:suite:2.0:Extension"
KEPT_TYPE = "Kept"

# Those that are changed, and those that are deleted. A source may have 50 schemas and
# 20 resource types.
SCHEMAS = [f"urn:example:suite:2.0:Spare{number}" for number in range(6)]
DOOMED_SCHEMAS = [f"urn:example:suite:2.0:Doomed{number}" for number in range(12)]
TYPES = [f"Spare{number}" for number in range(4)]
DOOMED_TYPES = [f"Doomed{number}" for number in range(6)]
DRAWN = 3

SEARCHABLE = {"User": "addresses.locality", KEPT_TYPE: "ports.speed"}
HIDEABLE = ["password", "emails.display", "photos", "manager.$ref", ENTERPRISE]

# The longest name that the document allows.
MOST_OF_NAME = 200
# Lengths that are surely short enough.
LONGEST_NAME = 50
LONGEST_TEXT = 500

UNKNOWN_VALUES: list[Any] = [
    "text", 5, 1.5, True, "2026-01-01T00:00:00Z", ["a", "b"], {"value": "a"}, [{"value": 1}],
]  # fmt: skip
UNKNOWN_USERS = 6

Json = dict[str, Any]


# ------------------------------------------------------------------- what exists


def prepare(api: Any, token: str) -> Json:
    """Make schemas and types in `main`, and send users what no schema knows."""
    at = "/api/v1/sources/main"

    def put(path: str, body: Json) -> None:
        api.send("PUT", f"{at}{path}", body)

    ports: Json = {
        "name": "ports",
        "type": "complex",
        "multiValued": True,
        "subAttributes": [{"name": "value"}, {"name": "speed", "type": "integer"}],
    }
    put(f"/schemas/{BASE}", {"attributes": [{"name": "displayName"}, ports]})
    for urn in [EXTENSION, *SCHEMAS, *DOOMED_SCHEMAS]:
        put(f"/schemas/{urn}", {"attributes": [{"name": "plain"}]})
    for name in [KEPT_TYPE, *TYPES, *DOOMED_TYPES]:
        extensions = [{"schema": EXTENSION}] if name == KEPT_TYPE else []
        put(
            f"/resource-types/{name}",
            {
                "endpoint": f"/{name}s",
                "schema": BASE,
                "schemaExtensions": extensions,
            },
        )
    send_unknown(api, token)
    unknown = api.items("/sources/main/unknown-attributes?limit=1000")
    adoptable = [named(one) for one in unknown if one["adoptable"]]
    hopeless = [named(one) for one in unknown if not one["adoptable"]]
    if not adoptable or not hopeless:
        raise RuntimeError(f"there have to be unknown attributes of both kinds: {unknown}")
    return {
        "adopted": adoptable[::2],
        "forgotten": adoptable[1::2] + hopeless,
        "hopeless": hopeless,
    }


def send_unknown(api: Any, token: str) -> None:
    """Send users with attributes that no schema knows, of all kinds."""
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(UNKNOWN_USERS):
        values = enumerate(UNKNOWN_VALUES)
        body = {
            "schemas": [USER],
            "userName": f"unknown{number}@example.com",
            "emails": [{"value": f"unknown{number}@example.com", "verified": True}],
            f"urn:example:suite:sent:2.0:Car{number}": {"plate": "a", "doors": 4},
            **{f"sent{number}-{kind}": value for kind, value in values},
        }
        api.send("POST", "/source/scim/main/v2/Users", body, headers)


def named(unknown: Json) -> Json:
    """Return what an unknown attribute is named by."""
    return {name: unknown[name] for name in ("resource_type", "path")}


# ------------------------------------------------------------------ what is valid


def number_of(value: Any, of: int) -> int:
    """Return a number below `of` that is the same whenever the value is the same."""
    return zlib.crc32(repr(value).encode(errors="backslashreplace")) % of


def valid_urn(urn: str) -> str:
    """Return the URN of a schema that may be put."""
    if urn in BUILT_IN or urn in SCHEMAS or urn in DOOMED_SCHEMAS or urn == EXTENSION:
        return urn
    return f"urn:example:suite:2.0:Drawn{number_of(urn, DRAWN)}"


def valid_type_name(name: str) -> str:
    """Return the name of a resource type that may be put."""
    if name in [*BUILT_IN_TYPES, KEPT_TYPE, *TYPES, *DOOMED_TYPES]:
        return name
    return f"Drawn{number_of(name, DRAWN)}"


def expose_schema_fault(urn: str, body: Json) -> None:
    """Let a definition that is wrong by the document be refused for that alone."""
    place(body, "id", urn)
    for text in ("name", "description"):
        if urn in BUILT_IN and isinstance(body.get(text), str):
            del body[text]
    attributes = body.get("attributes")
    if attributes == []:
        body["attributes"] = [{"name": "plain"}]
    if isinstance(attributes, list):
        for number, attribute in enumerate(attributes):
            if isinstance(attribute, dict):
                place(attribute, "name", f"x{number}")


def expose_type_fault(name: str, body: Json) -> None:
    """Let a definition that is wrong by the document be refused for that alone."""
    place(body, "id", name)
    place(body, "name", name)
    if name not in BUILT_IN_TYPES:
        place(body, "endpoint", f"/{name}s")
        place(body, "schema", BASE)
        return
    for member in ("description", "endpoint", "schema"):
        if isinstance(body.get(member), str):
            del body[member]


def place(body: Json, member: str, name: str) -> None:
    """Give a member its name where the one that it has is none by a rule of its own.

    One that is wrong by the document stays: the server has to see it.
    """
    given = body.get(member)
    if isinstance(given, str) and len(given) <= MOST_OF_NAME:
        body[member] = name


def mend_schema(urn: str, body: Json) -> None:
    """Make a definition one of the schema that it is put under."""
    if "id" in body:
        body["id"] = urn
    for text in ("name", "description"):
        if isinstance(body.get(text), str):
            body[text] = body[text][:LONGEST_TEXT]
            # What is built in keeps its own.
            if urn in BUILT_IN:
                del body[text]
    body["attributes"] = mended(body["attributes"], inside=False)
    if not body["attributes"]:
        body["attributes"] = [{"name": "plain"}]


def mended(attributes: list[Json], *, inside: bool) -> list[Json]:
    """Return the attributes with what makes them definitions (RFC 7643 §2, §7)."""
    found: dict[str, Json] = {}
    for attribute in attributes:
        attribute = dict(attribute)
        # With its first letter no name is one that all resources have, or the RFC's; one
        # spelling alone, as an attribute keeps the letter case that it has.
        rest = re.sub(r"[^a-z0-9_-]", "", attribute["name"].lower())
        attribute["name"] = f"x{rest}"[:LONGEST_NAME]
        if "description" in attribute:
            attribute["description"] = attribute["description"][:LONGEST_TEXT]
        if inside and attribute.get("type") == "complex":
            attribute["type"] = "string"
        if attribute.get("type") == "complex":
            subs = mended(attribute.get("subAttributes") or [], inside=True)
            attribute["subAttributes"] = subs or [{"name": "value"}]
        else:
            attribute.pop("subAttributes", None)
        if attribute.get("type") in ("complex", "binary"):
            attribute.pop("uniqueness", None)
        if attribute.get("mutability") == "writeOnly":
            attribute["mutability"] = "readWrite"
        if attribute.get("mutability") == "readOnly":
            attribute.pop("required", None)
        found.setdefault(attribute["name"], attribute)
    return list(found.values())


def mend_type(name: str, body: Json, *, as_drawn: bool) -> None:
    """Make a definition one of the resource type that it is put under.

    With `as_drawn` it keeps the schemas and paths that were drawn, of which hardly any
    exists.
    """
    for member in ("id", "name"):
        if member in body:
            body[member] = name
    if "description" in body:
        body["description"] = body["description"][:LONGEST_TEXT]
    if name in BUILT_IN_TYPES:
        # What is built in keeps its own.
        for member in ("description", "endpoint", "schema"):
            body.pop(member, None)
    else:
        body["endpoint"] = f"/{name}s"
        if "schema" not in body or not as_drawn:
            body["schema"] = BASE
    if as_drawn:
        return
    if "schemaExtensions" in body:
        # None of them may be there twice.
        extensions = body["schemaExtensions"][:1]
        body["schemaExtensions"] = [{**one, "schema": EXTENSION} for one in extensions]
    if "searchable" in body:
        path = searchable_path(name)
        body["searchable"] = [path] if path and body["searchable"] else []


def searchable_path(name: str) -> str | None:
    """Return a path that a resource type may have an index for."""
    return SEARCHABLE.get(name if name in BUILT_IN_TYPES else KEPT_TYPE)


def named_switches(body: Json) -> Json:
    """Return the switches of a body with attributes to be hidden that are there."""
    switches = body.get("switches")
    if not isinstance(switches, dict) or not switches.get("hidden_from_schemas"):
        return {}
    hidden = [
        HIDEABLE[number_of(drawn, len(HIDEABLE))]
        for drawn in switches["hidden_from_schemas"]
    ]
    return {"switches": {**switches, "hidden_from_schemas": hidden}}
