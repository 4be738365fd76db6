"""scim2-tester: checks drawn from the schemas that the server itself publishes."""

from __future__ import annotations

import random

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import CheckResult, Status, check_server

from outcome import Outcome, Verdict

SEED = 20_250_101

# The number of checks follows from the published schemas: this is what the core
# User (with the enterprise extension) and Group of RFC 7643 amount to. Fewer
# means that discovery broke off, or that the server publishes less than that.
MINIMUM_CASES = 125

# Title of a check that may be skipped -> why. Any other skip is a failure, since
# a check that did not run says nothing about the server.
EXPECTED_SKIPS: dict[str, str] = {}

PASSING = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}


def run(base_url: str, token: str) -> list[Outcome]:
    """Run every check over real HTTP and translate the results."""
    random.seed(SEED)  # the checks draw their values from the global generator
    with Client(
        base_url=base_url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
    ) as http:
        return [translate(result) for result in check_server(SyncSCIMClient(http))]


def translate(result: CheckResult) -> Outcome:
    """Turn the result of one check into an outcome."""
    title = result.title or "untitled check"
    case = f"{result.resource_type} {title}" if result.resource_type else title
    reason = explanation(result)
    if result.status in PASSING:
        return Outcome(case, Verdict.PASSED, reason)
    if result.status is Status.SKIPPED and title in EXPECTED_SKIPS:
        return Outcome(case, Verdict.SKIPPED, EXPECTED_SKIPS[title])
    return Outcome(case, Verdict.FAILED, f"[{result.status.name}] {reason}")


def explanation(result: CheckResult) -> str:
    """Return the reason, with the notes of the exception that caused it.

    scim2-client tells *that* an answer is not valid in the message of its
    exception, but *what* is not valid about it only in the notes.
    """
    error = result.data.get("error") if isinstance(result.data, dict) else None
    notes = getattr(error, "__notes__", [])
    return " ".join([result.reason or "", *notes])
