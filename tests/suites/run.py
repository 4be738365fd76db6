"""Run public conformance suites against a freshly started server.

    python run.py --binary PATH/TO/headwater [--only tester|sanity|client|patch|api]...

Every suite gets a source of its own, so none sees what another one left behind; the
one of the admin API gets a server of its own. With TEST_POSTGRES, the URL of a
cluster, each server gets a new database there (tests/postgres.sh makes one).
The last line of the output is the sum of all cases; the exit code is 0 only when
none failed and every suite ran at least as many cases as it is known to have.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import suite_api
import suite_client
import suite_patch
import suite_sanity
import suite_tester
from outcome import Outcome, Verdict, count, totals

HOST = "127.0.0.1"
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
COMMAND_SECONDS = 30.0
LOG_LINES_SHOWN = 40


@dataclass(frozen=True)
class Suite:
    """A suite: its entry point and the fewest cases it runs when it works.

    The entry point takes the base URL and the token of a source.
    """

    run: Callable[[str, str], list[Outcome]]
    minimum_cases: int


SUITES: dict[str, Suite] = {
    "tester": Suite(suite_tester.run, suite_tester.MINIMUM_CASES),
    "sanity": Suite(suite_sanity.run, suite_sanity.MINIMUM_CASES),
    "client": Suite(suite_client.run, suite_client.MINIMUM_CASES),
    "patch": Suite(suite_patch.run, suite_patch.MINIMUM_CASES),
}

API = "api"
ADMINISTRATOR = "first@example.com"
PASSWORD = "correct horse battery staple"


class ServerError(Exception):
    """The server, or one of its commands, did not do what the run relies on."""


class Server:
    """The server under test: its commands, its process and its log."""

    def __init__(
        self, binary: Path, directory: Path, options: Sequence[str] = ()
    ) -> None:
        self.binary = binary
        self.options = options
        self.data = directory / "data"
        self.data.mkdir(parents=True)
        self.log_path = directory / "server.log"
        self.port = free_port()
        self.environment = os.environ | database(directory.name)
        self.log: IO[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def create_source(self, name: str, slug: str) -> str:
        """Create a source and return its token; works while the server runs."""
        command = [
            str(self.binary), "source", "create", name,
            "--slug", slug, "--data", str(self.data), "--json",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        if done.returncode != 0:
            raise ServerError(
                f"`source create` exited with {done.returncode}: {done.stderr.strip()}"
            )
        try:
            created = json.loads(done.stdout)
            token: str = created["token"]
            if created["slug"] != slug:
                raise ServerError(f"asked for slug {slug!r}, got {created['slug']!r}")
        except (ValueError, KeyError, TypeError) as error:
            raise ServerError(
                f"`source create --json` printed something unexpected: {error!r}"
            ) from error
        return token

    def create_administrator(self, email: str, password: str) -> None:
        """Make an administrator; works before the server is first started."""
        command = [
            str(self.binary), "admin", "create", email,
            "--password-stdin", "--data", str(self.data), "--json",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            env=self.environment,
            input=f"{password}\n",
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        if done.returncode != 0:
            raise ServerError(
                f"`admin create` exited with {done.returncode}: {done.stderr.strip()}"
            )

    def base_url(self, slug: str) -> str:
        """Return the SCIM base URL of a source."""
        return f"http://{HOST}:{self.port}/source/scim/{slug}/v2"

    def start(self) -> None:
        """Start the server and wait until it says that it is ready."""
        self.log = self.log_path.open("wb")
        self.process = subprocess.Popen(
            [
                str(self.binary), "serve",
                "--listen", f"{HOST}:{self.port}", "--data", str(self.data),
                *self.options,
            ],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None:
                raise ServerError(
                    f"the server exited with {self.process.returncode} before it was ready"
                )
            if time.monotonic() > deadline:
                raise ServerError(f"not ready after {READY_SECONDS:.0f} s")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> Outcome:
        """Ask the server to stop, and judge how it does."""
        case = "stops on SIGTERM"
        assert self.process is not None, "only a started server can be stopped"
        if self.process.poll() is not None:
            reason = f"had already exited with {self.process.returncode}"
            return Outcome(case, Verdict.FAILED, reason)
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            reason = f"still running after {STOP_SECONDS:.0f} s"
            return Outcome(case, Verdict.FAILED, reason)
        if code != 0:
            return Outcome(case, Verdict.FAILED, f"exited with {code} instead of 0")
        return Outcome(case, Verdict.PASSED)

    def clean_up(self) -> None:
        """Leave no process and no open file behind, however the run ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.log is not None:
            self.log.close()

    def log_tail(self) -> str:
        """Return the end of what the server printed."""
        if not self.log_path.exists():
            return ""
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])


def database(name: str) -> dict[str, str]:
    """Return what tells a server of its database, which is made, where a cluster is given."""
    if not (cluster := os.environ.get("TEST_POSTGRES")):
        return {}
    name = f"suites_{name}"
    subprocess.run(
        ["createdb", f"--maintenance-db={cluster}", name],
        check=True,
        timeout=COMMAND_SECONDS,
    )
    return {"HEADWATER_DATABASE_URL": f"{cluster.rpartition('/')[0]}/{name}"}


def free_port() -> int:
    """Return a port on which nothing listens at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def run_suite(run: Callable[[], list[Outcome]], minimum_cases: int) -> list[Outcome]:
    """Run one suite; breaking off or running too little is a failed case as well."""
    try:
        outcomes = run()
    except Exception as error:  # whatever a suite raises must not hide the others
        traceback.print_exc()
        return [Outcome("runs to its end", Verdict.FAILED, repr(error))]
    ran = len(outcomes) - count(outcomes, Verdict.SKIPPED)
    if ran < minimum_cases:
        reason = f"ran {ran} cases, which is fewer than {minimum_cases}"
        outcomes = [*outcomes, Outcome("is complete", Verdict.FAILED, reason)]
    return outcomes


def report(name: str, outcomes: list[Outcome], began: float) -> None:
    """Print the cases that did not pass, one a line, and the summary of a suite."""
    print(f"== {name}")
    for outcome in outcomes:
        if outcome.verdict is Verdict.FAILED:
            print(f"FAIL {outcome.line()}")
        elif outcome.verdict is Verdict.SKIPPED:
            print(f"SKIP {outcome.line()}")
    seconds = time.monotonic() - began
    print(f"{name}: {totals(outcomes)} ({seconds:.1f} s)\n", flush=True)


def run_api(server: Server) -> list[Outcome]:
    """Run the suite of the admin API on a server that has one administrator."""
    began = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        server.create_administrator(ADMINISTRATOR, PASSWORD)
        server.start()
        run = partial(suite_api.run, HOST, server.port, ADMINISTRATOR, PASSWORD)
        outcomes = run_suite(run, suite_api.MINIMUM_CASES)
        report(API, outcomes, began)
        lifecycle = [server.stop()]
    except (ServerError, OSError, subprocess.TimeoutExpired) as error:
        lifecycle = [Outcome("starts", Verdict.FAILED, str(error))]
    finally:
        server.clean_up()
    report(f"{API} server", lifecycle, began)
    return outcomes + lifecycle


def run_all(server: Server, names: list[str]) -> list[Outcome]:
    """Run the named suites one after the other and return all their outcomes.

    The source of the first one is created before the server starts, those of the
    others while it runs: both have to work.
    """
    slugs = {name: "suites" if name == names[0] else f"suites-{name}" for name in names}
    everything: list[Outcome] = []
    run_began = time.monotonic()
    try:
        first_token = server.create_source("Suites", slugs[names[0]])
        server.start()
        for name in names:
            began = time.monotonic()
            token = (
                first_token
                if name == names[0]
                else server.create_source(f"Suites {name}", slugs[name])
            )
            suite, base_url = SUITES[name], server.base_url(slugs[name])
            outcomes = run_suite(
                partial(suite.run, base_url, token), suite.minimum_cases
            )
            report(name, outcomes, began)
            everything += outcomes
        lifecycle = [server.stop()]
    except (ServerError, OSError, subprocess.TimeoutExpired) as error:
        lifecycle = [Outcome("starts and creates sources", Verdict.FAILED, str(error))]
    finally:
        server.clean_up()
    report("server", lifecycle, run_began)
    return everything + lifecycle


def judged(server: Server, outcomes: list[Outcome]) -> list[Outcome]:
    """Return the outcomes; when one of them failed, print what the server said last."""
    if count(outcomes, Verdict.FAILED) > 0 and (tail := server.log_tail()):
        print(f"-- end of the server's log\n{tail}\n")
    return outcomes


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--binary", type=Path, required=True, help="the server's program"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=sorted([*SUITES, API]),
        help="run this suite, and no others but those named so",
    )
    arguments = parser.parse_args()

    # A proxy meant for the outside world must not come between us and the server.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HOST

    names: list[str] = arguments.only or [*SUITES, API]
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="suites-") as directory:
        binary = arguments.binary.resolve()
        scim = Server(binary, Path(directory) / "scim")
        api = Server(binary, Path(directory) / API, suite_api.SERVE_OPTIONS)
        if scim_names := [name for name in names if name != API]:
            outcomes += judged(scim, run_all(scim, scim_names))
        if API in names:
            outcomes += judged(api, run_api(api))

    print(totals(outcomes))
    return 1 if count(outcomes, Verdict.FAILED) > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
