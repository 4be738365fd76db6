"""A provisioning run with scim2-client, compared with a model kept in memory.

The suites of others judge single requests. This one plays an identity provider
that fills a directory, changes it and cleans up in it, and then reads everything
back: nothing may be lost, altered or left over on the way.

Resources are read back in both ways: one by one through the client, whose models
refuse attributes that the server does not publish; and in pages as raw JSON, which
no model has had a chance to tidy up.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import Error, PatchOp, Resource, SearchRequest

import sample_data
from outcome import Outcome, Verdict
from sample_data import ENTERPRISE, Payload

SEED = 7644
USERS = 1000
GROUPS = 50
MANAGERS = 20
LARGE_GROUP = 300

# Last digit of a group's number -> its size; groups not listed get some members.
SIZES = {0: 0, 1: 1, 2: LARGE_GROUP}

LOOKUPS = 60
MINIMUM_CASES = 34  # all of them, unless discovery fails
PROBLEMS_SHOWN = 3

SCIM_JSON = "application/scim+json"

# What the server adds on its own, and is free to.
SERVER_OWNED = {"id", "meta", "groups"}


class MismatchError(Exception):
    """Something is not as it should be, within a step of a case."""


class Case:
    """A named group of comparisons, which collects what goes wrong in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = 0
        self.problems: list[str] = []

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Do one step; its failure is noted and the case goes on with the next."""
        self.steps += 1
        try:
            yield
        except Exception as error:  # a refused request and a bug are both a failure
            notes = " ".join(getattr(error, "__notes__", []))
            kind = (
                "" if isinstance(error, MismatchError) else f"{type(error).__name__}: "
            )
            self.problems.append(f"{label}: {kind}{error} {notes}".strip())

    def outcome(self) -> Outcome:
        """Judge the case; one that compared nothing has not shown anything."""
        if self.problems:
            shown = " | ".join(self.problems[:PROBLEMS_SHOWN])
            reason = f"{len(self.problems)} of {self.steps} wrong: {shown}"
            return Outcome(self.name, Verdict.FAILED, reason)
        if self.steps == 0:
            return Outcome(self.name, Verdict.FAILED, "there was nothing to compare")
        return Outcome(self.name, Verdict.PASSED, f"{self.steps} compared")


def run(base_url: str, token: str) -> list[Outcome]:
    """Provision, change, delete and read back; return the outcome of every case."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": SCIM_JSON,
        "Content-Type": SCIM_JSON,
    }
    with Client(
        base_url=base_url, headers=headers, timeout=60, trust_env=False
    ) as http:
        return Provisioning(SyncSCIMClient(http)).run()


class Provisioning:
    """One run: the client, the model of what the server must hold, and the cases."""

    def __init__(self, client: SyncSCIMClient) -> None:
        self.client = client
        self.rng = random.Random(SEED)
        self.cases: list[Case] = []
        self.users: dict[str, Payload] = {}
        self.groups: dict[str, Payload] = {}
        self.locations: dict[str, str] = {}
        self.managers: list[str] = []
        self.user_model: type[Resource[Any]]
        self.group_model: type[Resource[Any]]

    def run(self) -> list[Outcome]:
        """Go through the life of the directory."""
        if self.discover():
            self.create_users()
            self.create_groups()
            self.refuse_duplicates()
            self.read_back("after creation")
            self.look_up()
            self.change_users()
            self.change_groups()
            self.read_back("after changes")
            self.delete()
            self.read_back("after deletion")
        return [case.outcome() for case in self.cases]

    def case(self, name: str) -> Case:
        """Open a case."""
        case = Case(name)
        self.cases.append(case)
        return case

    # -- provisioning ---------------------------------------------------------

    def discover(self) -> bool:
        """Learn the models from the server; without them there is nothing to do."""
        case = self.case("discover")
        with case.step("models"):
            self.client.discover()
            self.user_model = self.model_named("User")
            self.group_model = self.model_named("Group")
            if ENTERPRISE not in self.user_model.get_extension_models():
                raise MismatchError("User does not have the enterprise extension")
        return not case.problems

    def model_named(self, name: str) -> type[Resource[Any]]:
        """Return the discovered model of a resource type."""
        model = self.client.get_resource_model(name)
        if model is None:
            raise MismatchError(f"no resource type {name}")
        return model

    def create_users(self) -> None:
        """Create the users: the managers first, since the others refer to them."""
        case = self.case("create users")
        for number in range(USERS):
            payload = sample_data.user(number, self.rng)
            if len(self.managers) == MANAGERS and ENTERPRISE in payload and number % 2:
                manager = self.rng.choice(self.managers)
                payload[ENTERPRISE]["manager"] = {
                    "value": manager,
                    "$ref": self.locations[manager],
                }
            with case.step(payload["userName"]):
                id_ = self.create(self.user_model, payload, self.users)
                if len(self.managers) < MANAGERS:
                    self.managers.append(id_)

    def create_groups(self) -> None:
        """Create groups without members, with one, with some and with many."""
        case = self.case("create groups")
        everyone = list(self.users)
        for number in range(GROUPS):
            size = SIZES.get(number % 10, self.rng.randint(2, 40))
            members = self.sample(everyone, size)
            payload = sample_data.group(number, members, self.rng)
            with case.step(payload["displayName"]):
                self.create(self.group_model, payload, self.groups)

    def create(
        self, model: type[Resource[Any]], payload: Payload, store: dict[str, Payload]
    ) -> str:
        """Create a resource, take it into the model and check the answer."""
        created = as_resource(self.client.create(model.model_validate(payload)))
        if not created.id or not created.meta or not created.meta.location:
            raise MismatchError("the answer lacks id or meta.location")
        if created.id in store:
            raise MismatchError(f"id {created.id} was given out twice")
        store[created.id] = copy.deepcopy(payload)
        self.locations[created.id] = created.meta.location
        require_same(payload, created.model_dump())
        return created.id

    def refuse_duplicates(self) -> None:
        """A user name that differs in letter case only is taken."""
        case = self.case("refuse duplicate userName")
        for id_ in self.sample(self.users, 5):
            name = self.users[id_]["userName"]
            with case.step(name):
                duplicate = self.user_model.model_validate({"userName": name.upper()})
                answer = self.client.create(duplicate, raise_scim_errors=False)
                if isinstance(answer, Resource):
                    self.client.delete(answer)  # or all later totals would be off
                require_error(answer, 409)

    # -- changes --------------------------------------------------------------

    def change_users(self) -> None:
        """Replace and patch users, each kind of change on users of its own."""
        batches = self.batches(self.users, [100, 60, 60, 60, 40, 40, 40])

        case = self.case("PUT users")
        for number, id_ in enumerate(batches[0]):
            with case.step(id_):
                self.replace(
                    self.user_model,
                    id_,
                    sample_data.user(5000 + number, self.rng, edition=2),
                    self.users,
                )

        self.patch_users(
            "PATCH users: deactivate",
            batches[1],
            lambda id_: [replace_op("active", False)],
        )
        self.patch_users(
            "PATCH users: rename",
            batches[2],
            lambda id_: [
                replace_op("displayName", f'Renamed "{id_}" \\ Ünï'),
                replace_op("name.familyName", "Verheiratet-Müller"),
            ],
        )
        self.patch_users(
            "PATCH users: replace emails",
            batches[3],
            lambda id_: [
                replace_op(
                    "emails",
                    sample_data.emails(0, self.rng, domain=f"{id_}.example.org"),
                )
            ],
        )
        self.patch_users(
            "PATCH users: add an email",
            batches[4],
            lambda id_: [
                add_op("emails", [{"value": f"{id_}@example.net", "type": "other"}])
            ],
        )
        self.patch_users(
            "PATCH users: remove phone numbers",
            batches[5],
            lambda id_: [{"op": "remove", "path": "phoneNumbers"}],
        )
        self.patch_users(
            "PATCH users: move department",
            batches[6],
            lambda id_: [add_op(f"{ENTERPRISE}:department", "Außendienst")],
        )

    def patch_users(
        self, name: str, ids: list[str], operations: Callable[[str], list[Payload]]
    ) -> None:
        """Patch each of the users with the operations made for it."""
        case = self.case(name)
        for id_ in ids:
            with case.step(id_):
                self.patch(self.user_model, id_, operations(id_), self.users)

    def change_groups(self) -> None:
        """Rename groups and change their members in every way there is."""
        ids = list(self.groups)
        everyone = list(self.users)

        case = self.case("PATCH groups: rename")
        for id_ in ids[::5]:
            with case.step(id_):
                operation = replace_op("displayName", f"Umbenannt \\ “{id_}”")
                self.patch(self.group_model, id_, [operation], self.groups)

        case = self.case("PATCH groups: add members")
        for id_ in ids[:30]:
            current = self.members_of(id_)
            outside = [user for user in everyone if user not in current]
            added = self.sample(outside, 12)
            with case.step(id_):
                operation = add_op("members", [{"value": user} for user in added])
                self.patch(self.group_model, id_, [operation], self.groups)

        case = self.case("PATCH groups: add members who are in already")
        for id_ in ids[5:15]:
            present = self.sample(self.members_of(id_), 3)
            with case.step(id_):
                operation = add_op("members", [{"value": user} for user in present])
                self.patch(self.group_model, id_, [operation], self.groups)

        case = self.case("PATCH groups: remove members")
        for id_ in ids[10:40]:
            operations = [
                {"op": "remove", "path": f'members[value eq "{user}"]'}
                for user in self.sample(self.members_of(id_), 5)
            ]
            if operations:
                with case.step(id_):
                    self.patch(self.group_model, id_, operations, self.groups)

        case = self.case("PATCH groups: replace members")
        for id_ in ids[40:45]:
            chosen = self.sample(everyone, LARGE_GROUP)
            with case.step(id_):
                operation = replace_op("members", [{"value": user} for user in chosen])
                self.patch(self.group_model, id_, [operation], self.groups)

        case = self.case("PATCH groups: remove all members")
        for id_ in ids[45:47]:
            with case.step(id_):
                operation = {"op": "remove", "path": "members"}
                self.patch(self.group_model, id_, [operation], self.groups)

        case = self.case("PUT groups")
        for number, id_ in enumerate(ids[47:]):
            members = self.sample(everyone, 25)
            with case.step(id_):
                payload = sample_data.group(500 + number, members, self.rng)
                self.replace(self.group_model, id_, payload, self.groups)

    def replace(
        self,
        model: type[Resource[Any]],
        id_: str,
        payload: Payload,
        store: dict[str, Payload],
    ) -> None:
        """Read, replace and check, as a client does that knows about versions.

        Carrying over the `meta` that was read makes the client send `If-Match`
        when the server says that it supports versions.
        """
        read = as_resource(self.client.query(model, id_))
        resource = model.model_validate(payload)
        resource.id, resource.meta = read.id, read.meta
        replaced = as_resource(self.client.replace(resource))
        store[id_] = copy.deepcopy(payload)
        require_same(payload, replaced.model_dump())

    def patch(
        self,
        model: type[Resource[Any]],
        id_: str,
        operations: list[Payload],
        store: dict[str, Payload],
    ) -> None:
        """Patch on the server and in the model, and compare when there is an answer."""
        patch_op: Any = PatchOp
        patched = self.client.modify(
            model, id_, patch_op[model](operations=copy.deepcopy(operations))
        )
        for operation in operations:
            apply(operation, store[id_])
        if patched is not None:
            require_same(store[id_], as_resource(patched).model_dump())

    def delete(self) -> None:
        """Delete users and groups; the model loses the memberships as well."""
        doomed_users = self.sample(
            [id_ for id_ in self.users if id_ not in self.managers], 100
        )
        doomed_groups = self.sample(self.groups, 5)

        case = self.case("DELETE users")
        for id_ in doomed_users:
            with case.step(id_):
                self.client.delete(self.user_model, id_)
                del self.users[id_]
        gone = set(doomed_users) - self.users.keys()
        for group in self.groups.values():
            group["members"] = [
                member
                for member in group.get("members", [])
                if member["value"] not in gone
            ]

        case = self.case("DELETE groups")
        for id_ in doomed_groups:
            with case.step(id_):
                self.client.delete(self.group_model, id_)
                del self.groups[id_]

        case = self.case("deleted resources are not found")
        for model, ids in (
            (self.user_model, doomed_users),
            (self.group_model, doomed_groups),
        ):
            for id_ in ids:
                with case.step(f"GET {id_}"):
                    found = self.client.query(model, id_, raise_scim_errors=False)
                    require_error(found, 404)
                with case.step(f"DELETE {id_}"):
                    deleted = self.client.delete(model, id_, raise_scim_errors=False)
                    require_error(deleted, 404)

    # -- reading back ---------------------------------------------------------

    def read_back(self, moment: str) -> None:
        """Compare everything that the server holds with the model."""
        for name, model, store in (
            ("users", self.user_model, self.users),
            ("groups", self.group_model, self.groups),
        ):
            case = self.case(f"{name} by id {moment}")
            for id_, expected in store.items():
                with case.step(id_):
                    read = as_resource(self.client.query(model, id_))
                    require_same(expected, read.model_dump())

            case = self.case(f"{name} by paged list {moment}")
            listed: dict[str, Payload] = {}
            with case.step("pages"):
                listed = self.read_pages(model, len(store), page_size=137)
                require_same_ids(store, listed)
            for id_, resource in listed.items():
                if id_ in store:
                    with case.step(id_):
                        require_same(store[id_], resource)

    def read_pages(
        self, model: type[Resource[Any]], total: int, page_size: int
    ) -> dict[str, Payload]:
        """Read a whole collection page by page; every page must know the total."""
        count_only = self.page(model, SearchRequest(count=0))
        require_total(count_only, total)
        if count_only.get("Resources"):
            raise MismatchError("count=0 returned resources")
        found: dict[str, Payload] = {}
        start = 1
        while start <= total:
            page = self.page(model, SearchRequest(start_index=start, count=page_size))
            require_total(page, total)
            resources = page.get("Resources", [])
            due = min(page_size, total - start + 1)
            if len(resources) != due or page.get("itemsPerPage") != due:
                raise MismatchError(
                    f"{due} resources due from {start} on, got {len(resources)} "
                    f"and itemsPerPage {page.get('itemsPerPage')}"
                )
            for resource in resources:
                if resource["id"] in found:
                    raise MismatchError(f"{resource['id']} is on two pages")
                found[resource["id"]] = resource
            start += len(resources)
        return found

    def page(
        self, model: type[Resource[Any]], request: SearchRequest[Any]
    ) -> dict[str, Any]:
        """Query a collection and return the answer as raw JSON."""
        answer: Any = self.client.query(
            model, query_parameters=request, check_response_payload=False
        )
        if not isinstance(answer, dict):
            raise MismatchError(f"the list is not a JSON object: {answer!r}")
        return answer

    def look_up(self) -> None:
        """Find users the way identity providers match accounts before they write."""
        case = self.case("look up users by userName")
        for id_ in self.sample(self.users, LOOKUPS):
            name = self.users[id_]["userName"]
            with case.step(name):
                literal = json.dumps(name, ensure_ascii=False)
                request = SearchRequest[Any].model_validate(
                    {"filter": f"userName eq {literal}"}
                )
                found = self.page(self.user_model, request)
                require_total(found, 1)
                require_same_ids([id_], [user["id"] for user in found["Resources"]])

    # -- choosing -------------------------------------------------------------

    def sample(self, ids: Collection[str], size: int) -> list[str]:
        """Choose some of the ids, or all of them when there are not as many."""
        return self.rng.sample(list(ids), min(size, len(ids)))

    def batches(self, store: dict[str, Payload], sizes: list[int]) -> list[list[str]]:
        """Choose batches of ids that have nothing in common."""
        chosen = iter(self.sample(store, sum(sizes)))
        return [list(islice(chosen, size)) for size in sizes]

    def members_of(self, group_id: str) -> list[str]:
        """Return the ids of the members that a group has in the model."""
        return [member["value"] for member in self.groups[group_id].get("members", [])]


def as_resource(answer: object) -> Resource[Any]:
    """Return the answer to a request that has to be answered with a resource."""
    if not isinstance(answer, Resource):
        raise MismatchError(f"expected a resource, got {answer!r}")
    return answer


def add_op(path: str, value: Any) -> Payload:
    """Return an `add` operation."""
    return {"op": "add", "path": path, "value": value}


def replace_op(path: str, value: Any) -> Payload:
    """Return a `replace` operation."""
    return {"op": "replace", "path": path, "value": value}


def apply(operation: Payload, resource: Payload) -> None:
    """Apply one of the operations that this suite uses to a resource of the model.

    This is no PATCH implementation: the server is not to be compared with its like,
    only with the plain effect of a handful of operations.
    """
    path, value = operation["path"], copy.deepcopy(operation.get("value"))
    if path == f"{ENTERPRISE}:department":
        resource.setdefault(ENTERPRISE, {})["department"] = value
        if ENTERPRISE not in resource["schemas"]:
            resource["schemas"].append(ENTERPRISE)
    elif path == "name.familyName":
        resource["name"]["familyName"] = value
    elif path.startswith("members["):
        removed = path.split('"')[1]
        resource["members"] = [
            member for member in resource["members"] if member["value"] != removed
        ]
    elif operation["op"] == "remove":
        resource.pop(path, None)
    elif operation["op"] == "add":
        values = resource.setdefault(path, [])
        present = {entry["value"] for entry in values}
        values += [entry for entry in value or [] if entry["value"] not in present]
    else:
        resource[path] = value


def comparable(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a resource to what a client decides on, in an order of its own.

    SCIM gives multi-valued attributes no order, and holds an empty one to be the
    same as none. The password must not come back at all, so it is taken out only
    of what was written: see `require_same`.
    """
    kept = {
        name: value
        for name, value in resource.items()
        if name not in SERVER_OWNED and value not in (None, [])
    }
    if "members" in kept:
        kept["members"] = [{"value": member.get("value")} for member in kept["members"]]
    if "manager" in kept.get(ENTERPRISE, {}):
        manager = {"value": kept[ENTERPRISE]["manager"].get("value")}
        kept[ENTERPRISE] = {**kept[ENTERPRISE], "manager": manager}
    for name, value in kept.items():
        if isinstance(value, list):
            kept[name] = sorted(
                value, key=lambda entry: json.dumps(entry, sort_keys=True)
            )
    return kept


def require_same(written: Payload, read: Mapping[str, Any]) -> None:
    """Require that what was read is what was written."""
    expected, actual = comparable(written), comparable(read)
    expected.pop("password", None)
    for name in sorted(expected.keys() | actual.keys()):
        due, got = expected.get(name), actual.get(name)
        if due == got:
            continue
        if isinstance(due, list) and isinstance(got, list):
            raise MismatchError(
                f"{name}: missing {brief(without(due, got))}, "
                f"too many {brief(without(got, due))}"
            )
        raise MismatchError(f"{name} is {brief(got)}, expected {brief(due)}")


def without(values: list[Any], others: list[Any]) -> list[Any]:
    """Return the values that are left when each of the others is taken out once."""
    left = list(values)
    for value in others:
        if value in left:
            left.remove(value)
    return left


def require_same_ids(expected: Any, actual: Any) -> None:
    """Require the same ids, in any order."""
    missing, excess = set(expected) - set(actual), set(actual) - set(expected)
    if missing or excess:
        raise MismatchError(
            f"{len(missing)} missing {brief(sorted(missing))}, "
            f"{len(excess)} too many {brief(sorted(excess))}"
        )


def require_total(page: Mapping[str, Any], total: int) -> None:
    """Require that a list states the right number of results."""
    if page.get("totalResults") != total:
        raise MismatchError(
            f"totalResults is {page.get('totalResults')}, expected {total}"
        )


def require_error(answer: Any, status: int) -> None:
    """Require a SCIM error with the given status."""
    if not isinstance(answer, Error):
        raise MismatchError(f"expected error {status}, got {type(answer).__name__}")
    if answer.status != status:
        raise MismatchError(
            f"expected error {status}, got {answer.status}: {answer.detail}"
        )


def brief(value: Any, length: int = 200) -> str:
    """Return a value as JSON, cut to what is useful in one line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length else f"{text[:length]}…"
