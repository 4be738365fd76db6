"""PATCH against scim2-models, an independent implementation of RFC 7644 §3.5.2.

Users and operations come from a seeded generator. The server applies them over HTTP,
scim2-models in memory to what the server answered before, and both have to come to the
same user, or both refuse. Where they don't, `../differences.json` has to say why: each
entry about PATCH has a function here that says whether it explains a disagreement, and
an example, which has to show it.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from httpx2 import Client
from scim2_models import Context, EnterpriseUser, PatchOp, ScimPolicy, User

from outcome import Outcome, Verdict
from sample_data import ENTERPRISE

SEED = int(os.environ.get("HEADWATER_PATCH_SEED", "3552"))
ROUNDS = int(os.environ.get("HEADWATER_PATCH_ROUNDS", "400"))
PROBLEMS_SHOWN = 5
MINIMUM_CASES = 6

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
MESSAGE = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
DIFFERENCES = Path(__file__).resolve().parent.parent / "differences.json"
OTHER = "scim2-models"

# What Headwater is lenient about is asked of the other one as well.
POLICY = ScimPolicy(
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)

Json = dict[str, Any]
MODEL: Any = User[EnterpriseUser]


class Run:
    """One resource, one PATCH, and what both made of it."""

    def __init__(self, before: Json, operations: list[Json], ours: Any, theirs: Any):
        self.before = before
        self.operations = operations
        self.ours = ours
        self.theirs = theirs

    def agree(self) -> bool:
        """Return whether both came to the same user, or both refused."""
        if isinstance(self.ours, str) or isinstance(self.theirs, str):
            return isinstance(self.ours, str) and isinstance(self.theirs, str)
        return comparable(self.ours) == comparable(self.theirs)

    def any(self, *ops: str, path: str = "") -> bool:
        """Return whether an operation is one of these, with `path` in its path."""
        return any(
            operation["op"].lower() in ops and path in (operation.get("path") or "")
            for operation in self.operations
        )

    def describe(self) -> str:
        """Return all there is to know, in one line."""
        return json.dumps(
            {
                "before": comparable(self.before),
                "operations": self.operations,
                "headwater": self.ours,
                OTHER: self.theirs,
            },
            ensure_ascii=False,
            default=str,
        )


def merged(user: Json) -> Json:
    """Return the user with e-mails that share value and type made one."""
    emails: dict[Any, Json] = {}
    for email in user.get("emails", []):
        emails.setdefault((email.get("value"), email.get("type")), {}).update(email)
    return {**user, "emails": list(emails.values())}


def first_of_equals(user: Json) -> Json:
    """Return the user with e-mails that share value and type made one.

    Where they contradict each other the first one counts; one that is primary makes the
    whole of them primary.
    """
    emails: dict[Any, Json] = {}
    for email in user.get("emails", []):
        known = emails.setdefault((email.get("value"), email.get("type")), {})
        primary = known.get("primary") is True or email.get("primary") is True
        known.update({**email, **known})
        if primary:
            known["primary"] = True
    return {**user, "emails": list(emails.values())}


def both_took(run: Run) -> bool:
    """Return whether neither refused."""
    return not isinstance(run.ours, str) and not isinstance(run.theirs, str)


def only_emails_differ(run: Run) -> bool:
    """Return whether all but the e-mails is the same."""
    rest = ({**user, "emails": []} for user in (run.ours, run.theirs))
    ours, theirs = map(comparable, rest)
    return ours == theirs


EXPLANATIONS: dict[str, Callable[[Run], bool]] = {
    "equal-values-are-one": lambda run: (
        both_took(run) and comparable(merged(run.ours)) == comparable(merged(run.theirs))
    ),
    # Of a whole value that an operation gives, nothing may get lost.
    "equal-values-that-contradict": lambda run: (
        both_took(run)
        and run.any("replace", path="].")
        and not any((one.get("path") or "").endswith("]") for one in run.operations)
        and comparable(run.ours) == comparable(first_of_equals(run.theirs))
    ),
    "replace-of-values-that-are-not-there": lambda run: (
        isinstance(run.ours, str)
        and "no value of emails meets the filter" in run.ours
        and run.any("replace", path="]")
    ),
    "values-are-replaced-whole": lambda run: (
        both_took(run)
        and any(
            operation["op"] == "replace" and operation.get("path", "").endswith("]")
            for operation in run.operations
        )
        and only_emails_differ(run)
    ),
    "two-primaries-at-once": lambda run: (
        isinstance(run.ours, str) and "at most one value may have primary true" in run.ours
    ),
    "add-of-null": lambda run: (
        isinstance(run.theirs, str)
        and "value is required for add" in run.theirs
        and any(
            operation["op"] == "add" and operation["value"] is None
            for operation in run.operations
        )
    ),
}


def comparable(user: Json) -> Json:
    """Reduce a user to what PATCH is about; lists have no order."""
    kept = {
        name: value
        for name, value in user.items()
        if name not in ("id", "meta", "schemas", "groups") and value not in (None, [])
    }
    for name, value in kept.items():
        if isinstance(value, list):
            kept[name] = sorted(value, key=lambda one: json.dumps(one, sort_keys=True))
    return kept


# -- drawing ------------------------------------------------------------------

TEXTS = ["a", "B", "é", "two words", 'quote " here']
EMAILS = ["a@x.example", "b@x.example", "c@x.example"]
TYPES = ["work", "home", "other"]
PLAIN = ["title", "displayName", "nickName", "userType", "externalId"]


def draw_email(rng: random.Random) -> Json:
    """Return an e-mail with some of its sub-attributes."""
    email: Json = {"value": rng.choice(EMAILS)}
    if rng.random() < 0.8:
        email["type"] = rng.choice(TYPES)
    if rng.random() < 0.3:
        email["primary"] = rng.random() < 0.6
    if rng.random() < 0.2:
        email["display"] = rng.choice(TEXTS)
    return email


def draw_emails(rng: random.Random, most: int) -> list[Json]:
    """Return e-mails of which no two share value and type, and one is primary at most."""
    emails: list[Json] = []
    for _ in range(rng.randint(1, most)):
        email = draw_email(rng)
        known = [(one["value"], one.get("type")) for one in emails]
        if (email["value"], email.get("type")) in known:
            continue
        if any(one.get("primary") for one in emails):
            email.pop("primary", None)
        emails.append(email)
    return emails


def draw_name(rng: random.Random) -> Json:
    """Return some parts of a name."""
    parts = rng.sample(["givenName", "familyName", "middleName"], rng.randint(1, 2))
    return {part: rng.choice(TEXTS) for part in parts}


def draw_user(rng: random.Random, number: int) -> Json:
    """Return a user to create."""
    user: Json = {"schemas": [CORE], "userName": f"patch-{number}"}
    for name in rng.sample(PLAIN, rng.randint(0, 3)):
        user[name] = rng.choice(TEXTS)
    if rng.random() < 0.6:
        user["name"] = draw_name(rng)
    if rng.random() < 0.8:
        user["emails"] = draw_emails(rng, 3)
    if rng.random() < 0.4:
        user["schemas"].append(ENTERPRISE)
        user[ENTERPRISE] = {"department": rng.choice(TEXTS)}
    return user


def draw_filter(rng: random.Random) -> str:
    """Return a filter on e-mails."""
    return rng.choice(
        [
            f'type eq "{rng.choice(TYPES)}"',
            f'value eq "{rng.choice(EMAILS)}"',
            f'type eq "{rng.choice(TYPES)}" and value eq "{rng.choice(EMAILS)}"',
            f'value sw "{rng.choice("abc")}"',
            f'not (type eq "{rng.choice(TYPES)}")',
            "primary eq true",
            "display pr",
        ]
    )


def draw_operation(rng: random.Random) -> Json:
    """Return an operation of any kind, on any kind of target."""
    op = rng.choice(["add", "replace", "remove"])
    plain, text = rng.choice(PLAIN), rng.choice(TEXTS)
    targets: list[tuple[str | None, Any]] = [
        (plain, text),
        ("name", draw_name(rng)),
        (f"name.{rng.choice(['givenName', 'familyName'])}", text),
        ("emails", draw_emails(rng, 2)),
        ("emails", draw_emails(rng, 2)),
        (f"emails[{draw_filter(rng)}]", draw_email(rng)),
        (f"emails[{draw_filter(rng)}].display", text),
        (f"emails[{draw_filter(rng)}].value", rng.choice(EMAILS)),
        (f"emails[{draw_filter(rng)}].primary", rng.random() < 0.7),
        (f"{ENTERPRISE}:department", text),
        (ENTERPRISE, {"department": text, "division": text}),
        ("active", rng.random() < 0.5),
        ("nope", text),
        ("userName", f"renamed-{rng.randint(0, 10**9)}"),
    ]
    if op != "remove":
        targets.append((None, {plain: text, "name": draw_name(rng)}))
        targets.append((plain, None))
    path, value = rng.choice(targets)
    operation: Json = {"op": op}
    if path is not None:
        operation["path"] = path
    if op != "remove":
        operation["value"] = value
    return operation


# -- running ------------------------------------------------------------------


def by_other(before: Json, operations: list[Json]) -> Any:
    """Return the user after the PATCH as scim2-models makes it, or why it refuses."""
    try:
        user = MODEL.model_validate(copy.deepcopy(before), scim_policy=POLICY)
        patch_op: Any = PatchOp[MODEL]
        patch = patch_op.model_validate(
            {"schemas": [MESSAGE], "Operations": copy.deepcopy(operations)},
            scim_ctx=Context.RESOURCE_PATCH_REQUEST,
            scim_policy=POLICY,
        )
        patch.patch(user, scim_policy=POLICY)
        return json.loads(user.model_dump_json(scim_ctx=Context.DEFAULT))
    except Exception as error:  # its refusals have several bases
        return f"{type(error).__name__}: {error}"


class Comparison:
    """Users on the server, patched by both."""

    def __init__(self, http: Client) -> None:
        self.http = http
        self.number = 0

    def run(self, user: Json, operations: list[Json]) -> Run:
        """Create a user, patch it on the server and in memory."""
        self.number += 1
        user = {**user, "userName": f"{user['userName']}-{self.number}"}
        created = self.http.post("Users", json=user)
        created.raise_for_status()
        before = created.json()
        body = {"schemas": [MESSAGE], "Operations": operations}
        answer = self.http.patch(f"Users/{before['id']}", json=body)
        if answer.status_code >= 500:
            raise RuntimeError(f"{answer.status_code} for {json.dumps(body)}")
        content = answer.json()
        ours = content if answer.is_success else str(content.get("detail"))
        return Run(before, operations, ours, by_other(before, operations))


def run(base_url: str, token: str) -> list[Outcome]:
    """Compare random PATCHes, then the examples of the known differences."""
    known = [
        row
        for row in json.loads(DIFFERENCES.read_text("utf-8"))
        if row["other"].startswith(OTHER)
    ]
    headers = {"Authorization": f"Bearer {token}"}
    with Client(
        base_url=f"{base_url}/", headers=headers, timeout=60, trust_env=False
    ) as http:
        comparison = Comparison(http)
        return [at_random(comparison, known), *examples(comparison, known)]


def at_random(comparison: Comparison, known: list[Json]) -> Outcome:
    """Compare as many PATCHes as are asked for; most have to be the same to both."""
    case = f"{ROUNDS} PATCHes do the same"
    rng = random.Random(SEED)
    ids = [row["id"] for row in known]
    problems: list[str] = []
    same = 0
    for number in range(ROUNDS):
        operations = [draw_operation(rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        one = comparison.run(draw_user(rng, number), operations)
        if one.agree():
            same += 1
        elif not any(EXPLANATIONS[id_](one) for id_ in ids):
            problems.append(one.describe())
    if problems:
        shown = " | ".join(problems[:PROBLEMS_SHOWN])
        return Outcome(case, Verdict.FAILED, f"{len(problems)} differ: {shown}")
    if same < ROUNDS * 0.7:
        return Outcome(case, Verdict.FAILED, f"just {same} are the same to both")
    return Outcome(case, Verdict.PASSED, f"{same} are the same to both")


def examples(comparison: Comparison, known: list[Json]) -> list[Outcome]:
    """Require that each known difference still shows itself, and says why."""
    outcomes = []
    for row in known:
        case = f"known difference {row['id']}"
        one = comparison.run(row["example"]["user"], row["example"]["operations"])
        if one.agree() or not EXPLANATIONS[row["id"]](one):
            outcomes.append(Outcome(case, Verdict.FAILED, one.describe()))
        elif not (row["right"] and row["section"] and row["reason"]):
            outcomes.append(Outcome(case, Verdict.FAILED, "it doesn't say why"))
        else:
            outcomes.append(Outcome(case, Verdict.PASSED))
    return outcomes
