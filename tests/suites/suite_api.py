"""schemathesis: requests made from the API document, and answers held against it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import api_schemas
from outcome import Outcome, Verdict

# Another seed and more examples look deeper, without being a part of the usual run.
SEED = int(os.environ.get("HEADWATER_API_SEED", "20250101"))
EXAMPLES = int(os.environ.get("HEADWATER_API_EXAMPLES", "40"))

# The number of requests follows from the document, the seed and what the answers offer
# as ids, so that it is not the same in every run: this is well below what was seen.
MINIMUM_CASES = 2_500

# Much longer than it takes; the number of requests is what bounds it.
RUN_SECONDS = 900
REQUEST_SECONDS = 30

SPARES = 12
USERS = 24

# Origin of the URLs that the server makes: over plain HTTP the cookie would not have
# the name that the document gives it.
PUBLIC_URL = "https://headwater.example"
SERVE_OPTIONS = ["--public-url", PUBLIC_URL, "--trusted-proxies", "127.0.0.0/8"]

CONFIGURATION = f"""
seed = {SEED}
hooks = {json.dumps(str(Path(__file__).with_name("api_hooks.py")))}
continue-on-failure = true
request-timeout = 20

[generation]
max-examples = {EXAMPLES}
database = "none"
# Failures are shown as they are found; to shorten them takes many requests.
no-shrink = true

[phases.stateful]
max-steps = 6
generation = {{ max-examples = {2 * EXAMPLES} }}

# All checks are on. This one needs the owners of objects; everybody who may sign in
# here sees everything.
[checks]
object_level_authorization = {{ enabled = false }}

# A stream of events has no end: whoever waits for one waits until a timeout.
[[operations]]
include-path = "/api/v1/sources/{{slug}}/stream"
enabled = false
"""

# What schemathesis warns of -> what it means. Each is a failure: something of the
# document was not looked at.
WARNINGS = {
    "unresolvable_reference": "it refers to a schema that the document doesn't have",
    "unsupported_regex": "it has a pattern that can't be understood",
}


class Api:
    """The API, for what has to be there before the run."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.headers: dict[str, str] = {}

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[Any, http.client.HTTPMessage]:
        """Send a request and return the answer, which has to be a success."""
        connection = http.client.HTTPConnection(
            self.host, self.port, timeout=REQUEST_SECONDS
        )
        try:
            sent = {"Content-Type": "application/json", **(headers or self.headers)}
            connection.request(
                method, path, None if body is None else json.dumps(body), sent
            )
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:300]!r}")
        return (json.loads(content) if content else None), response.headers

    def post(self, path: str, body: Any) -> Any:
        """Create something and return it."""
        return self.send("POST", f"/api/v1{path}", body)[0]

    def items(self, path: str) -> list[Any]:
        """Return the first page of a list."""
        found: list[Any] = self.send("GET", f"/api/v1{path}")[0]["items"]
        return found


def run(host: str, port: int, email: str, password: str) -> list[Outcome]:
    """Prepare the server, let schemathesis run against it and translate its report."""
    facts = prepare(Api(host, port), email, password)
    with tempfile.TemporaryDirectory(prefix="api-suite-") as name:
        directory = Path(name)
        (directory / "facts.json").write_text(json.dumps(facts))
        (directory / "schemathesis.toml").write_text(CONFIGURATION)
        command = [
            sys.executable, "-m", "schemathesis.cli",
            "--config-file", "schemathesis.toml",
            "run", f"{facts['origin']}/api/openapi.json",
            "--url", facts["origin"], "--no-color",
            "--report", "ndjson,json",
            "--report-ndjson-path", "events.ndjson",
            "--report-json-path", "report.json",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            cwd=directory,
            env={
                **os.environ,
                "HEADWATER_API_FACTS": str(directory / "facts.json"),
                # The hooks have a module beside them.
                "PYTHONPATH": str(Path(__file__).parent),
            },
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )
        # 1 says that there are failures, which the report names.
        if done.returncode not in (0, 1) or not (directory / "report.json").exists():
            raise RuntimeError(
                f"schemathesis exited with {done.returncode}: "
                f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        report = json.loads((directory / "report.json").read_text())
        with (directory / "events.ndjson").open() as events:
            scenarios = [
                event["ScenarioFinished"]
                for event in map(json.loads, events)
                if "ScenarioFinished" in event
            ]
    outcomes = [*cases(scenarios), *successes(scenarios)]
    return [*outcomes, *verdict(report, outcomes)]


def prepare(api: Api, email: str, password: str) -> dict[str, Any]:
    """Create what requests can name, and return it as `api_hooks.py` needs it."""
    session, headers = api.send(
        "POST", "/api/v1/session", {"email": email, "password": password}
    )
    api.headers = {
        "Cookie": headers["Set-Cookie"].split(";")[0],
        "X-CSRF-Token": session["csrf_token"],
    }
    made = api.post("/api-tokens", {"name": "Suite", "role": "administrator"})
    api.headers = {"Authorization": f"Bearer {made['secret']}"}

    main = api.post("/sources", {"name": "Main", "slug": "main", "provider": "okta"})
    users, groups = provision(api, main["secret"])
    unknown = api_schemas.prepare(api, main["secret"])
    tokens = [main["token"]["id"]]
    tokens += [
        api.post("/sources/main/tokens", {})["token"]["id"] for _ in range(SPARES)
    ]
    spares: dict[str, str] = {}
    doomed: dict[str, str] = {}
    for number in range(SPARES):
        for sources, name in (
            (spares, f"Spare {number}"),
            (doomed, f"Doomed {number}"),
        ):
            sources[api.post("/sources", {"name": name})["source"]["slug"]] = name
    api_tokens = [
        api.post("/api-tokens", {"name": f"Spare {number}", "role": "auditor"})[
            "api_token"
        ]["id"]
        for number in range(SPARES)
    ]
    administrators, links = [], []
    for number in range(SPARES):
        new = api.post(
            "/administrators",
            {
                "email": f"spare{number}@example.com",
                "name": f"Spare {number}",
                "role": "auditor",
            },
        )
        administrators.append(new["administrator"]["id"])
        links.append(new["link"].split("#")[1])
    member = {"email": "member@example.com", "password": "a few unrelated words"}
    new = api.post(
        "/administrators",
        {"email": member["email"], "name": "Member", "role": "administrator"},
    )
    api.post(
        "/links/use",
        {"secret": new["link"].split("#")[1], "password": member["password"]},
    )
    requests = api.items("/sources/main/requests")
    return {
        "origin": f"http://{api.host}:{api.port}",
        "token": made["secret"],
        "slug": "main",
        "users": users,
        "groups": groups,
        "unknown": unknown,
        "tokens": tokens[::2],
        "copied": tokens[1::2],
        "requests": [request["sequence"] for request in requests],
        "requests/by-id": [request["id"] for request in requests],
        "spares": spares,
        "doomed": doomed,
        "administrators": administrators,
        "api-tokens": api_tokens,
        "links": links,
        "member": member,
        "kept": {
            "administrators": [
                session["administrator"]["id"],
                new["administrator"]["id"],
            ],
            "api-tokens": [made["api_token"]["id"]],
        },
        "cursors": cursors(api, users[0], groups[0]),
    }


def provision(api: Api, token: str) -> tuple[list[str], list[str]]:
    """Write users and groups as an identity provider does, and return their ids."""
    headers = {"Authorization": f"Bearer {token}"}

    def send(method: str, path: str, body: Any) -> Any:
        return api.send(method, f"/source/scim/main/v2{path}", body, headers)[0]

    users = [
        send(
            "POST",
            "/Users",
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": f"user{number}@example.com",
                "displayName": f"User {number}",
                "name": {"givenName": "User", "familyName": str(number)},
                "emails": [{"value": f"user{number}@example.com", "primary": True}],
                "active": number % 3 != 0,
            },
        )["id"]
        for number in range(USERS)
    ]
    groups = [
        send(
            "POST",
            "/Groups",
            {
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "displayName": f"Group {number}",
                "members": [{"value": user} for user in users[number:]],
            },
        )["id"]
        for number in range(4)
    ]
    change = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": False}],
    }
    send("PATCH", f"/Users/{users[1]}", change)
    return users, groups


def cursors(api: Api, user: str, group: str) -> dict[str, str]:
    """Return a cursor of every list that has more than one page."""
    lists = {
        "/administrators": "/administrators",
        "/api-tokens": "/api-tokens",
        "/changes": "/changes",
        "/groups": "/groups",
        "/sources": "/sources",
        "/sources/{slug}/changes": "/sources/main/changes",
        "/sources/{slug}/groups/{id}/members": f"/sources/main/groups/{group}/members",
        "/sources/{slug}/requests": "/sources/main/requests",
        "/sources/{slug}/resource-types": "/sources/main/resource-types",
        "/sources/{slug}/schemas": "/sources/main/schemas",
        "/sources/{slug}/tokens": "/sources/main/tokens",
        "/sources/{slug}/unknown-attributes": "/sources/main/unknown-attributes",
        "/sources/{slug}/users/{id}/groups": f"/sources/main/users/{user}/groups",
        "/users": "/users",
    }
    found = {}
    for template, path in lists.items():
        following = api.send("GET", f"/api/v1{path}?limit=1")[0]["next"]
        if following:
            found[f"/api/v1{template}"] = following
    return found


def cases(scenarios: list[dict[str, Any]]) -> Iterator[Outcome]:
    """Turn each request of the run into an outcome; the same failure only once."""
    seen: set[tuple[str, ...]] = set()
    for scenario in scenarios:
        recorder = scenario["recorder"]
        for case, checks in recorder.get("checks", {}).items():
            request = recorder["cases"][case]["value"]
            name = f"{request['method']} {request['path']}"
            failed = [check for check in checks if check["status"] == "failure"]
            if not failed:
                yield Outcome(f"{name} ({scenario['phase']})", Verdict.PASSED)
            for check in failed:
                interaction = recorder["interactions"].get(case, {})
                failure = check["failure_info"]["failure"]
                status = str((interaction.get("response") or {}).get("status_code"))
                key = (name, check["name"], failure["title"], status)
                if key not in seen:
                    seen.add(key)
                    said = f"{failure['title']}. {failure['message']}"
                    reason = f"{said} {exchange(interaction)}"
                    yield Outcome(
                        f"{name} ({scenario['phase']})", Verdict.FAILED, reason
                    )


def successes(scenarios: list[dict[str, Any]]) -> Iterator[Outcome]:
    """Judge each operation: with refusals alone, the checks would have got nowhere."""
    operations: set[str] = set()
    succeeded: set[str] = set()
    for scenario in scenarios:
        recorder = scenario["recorder"]
        if scenario["phase"] == "fuzzing":
            operations.add(recorder["label"])
        for case, interaction in recorder.get("interactions", {}).items():
            status = (interaction.get("response") or {}).get("status_code", 0)
            if case in recorder["cases"] and 200 <= status < 300:
                request = recorder["cases"][case]["value"]
                succeeded.add(f"{request['method']} {request['path']}")
    for operation in sorted(operations):
        case = f"{operation} succeeds at least once"
        verdict = Verdict.PASSED if operation in succeeded else Verdict.FAILED
        yield Outcome(case, verdict)


def exchange(interaction: dict[str, Any]) -> str:
    """Return what was sent and what was answered, as far as it fits on a screen."""
    request = interaction.get("request") or {}
    response = interaction.get("response") or {}
    sent, answered = content(request.get("body")), content(response.get("content"))
    return (
        f"-- {request.get('method')} {request.get('uri', '')[:400]} {sent[:600]}"
        f" -> {response.get('status_code')} {answered[:600]}"
    )


def content(recorded: Any) -> str:
    """Return a recorded body as text."""
    if isinstance(recorded, dict) and "$base64" in recorded:
        return base64.b64decode(recorded["$base64"]).decode(errors="replace")
    return "" if recorded is None else str(recorded)


def verdict(report: dict[str, Any], outcomes: list[Outcome]) -> Iterator[Outcome]:
    """Judge the run as a whole: whether it was complete, and got anywhere."""
    if report["stop_reason"] != "completed":
        yield Outcome("runs to its end", Verdict.FAILED, str(report["stop_reason"]))
    for error in report["errors"]:
        yield Outcome("runs without errors", Verdict.FAILED, json.dumps(error)[:1000])
    for warning, meaning in WARNINGS.items():
        for operation in report["warnings"].get(warning, []):
            yield Outcome(f"{operation} is described", Verdict.FAILED, meaning)
    # Whatever of the report is not understood here must not get lost.
    reported = report["test_cases"]["unique_failures"]
    if reported and not any(outcome.verdict is Verdict.FAILED for outcome in outcomes):
        yield Outcome(
            "is translated", Verdict.FAILED, f"{reported} failures are reported"
        )
