"""scim-sanity: a probe of the lifecycle of each resource type, in strict mode."""

from __future__ import annotations

from typing import Any

from scim_sanity.probe.runner import run_probe_api

from outcome import Outcome, Verdict

# Discovery, the lifecycles of User and Group, search and error handling; the
# probe adds further results only to report something wrong.
MINIMUM_CASES = 28

_NO_AGENTS = "the server does not advertise this resource type, which is still a draft"

# Name of a case that may be skipped -> why. Any other skip is a failure.
EXPECTED_SKIPS: dict[str, str] = {
    "Agent CRUD Lifecycle": _NO_AGENTS,
    "AgenticApplication CRUD Lifecycle": _NO_AGENTS,
    "Agent Rapid Lifecycle": _NO_AGENTS,
}


def run(base_url: str, token: str) -> list[Outcome]:
    """Run the probe and translate its report.

    The function called here is the one behind the probe's own web interface: the
    same probe as the command's, returning its report instead of printing it.
    Calling it is the consent to side effects, which is fine on a fresh source.
    """
    report = run_probe_api(base_url, token=token, strict=True)
    return [translate(result) for result in report["results"]]


def translate(result: dict[str, Any]) -> Outcome:
    """Turn one result of the report into an outcome; a warning is a failure."""
    name, status, message = result["name"], result["status"], result.get("message", "")
    phase = result.get("phase", "")
    case = phase if phase.endswith(name) else f"{phase}: {name}"
    if status == "pass":
        return Outcome(case, Verdict.PASSED, message)
    if status == "skip" and name in EXPECTED_SKIPS:
        return Outcome(case, Verdict.SKIPPED, f"{EXPECTED_SKIPS[name]} ({message})")
    return Outcome(case, Verdict.FAILED, f"[{status.upper()}] {message}")
