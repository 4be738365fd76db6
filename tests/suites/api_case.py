"""What the hooks of the admin API's suite read: a case, and the facts of the run."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

# A `schemathesis.Case`; the types of its parts are too wide to work with.
Case = Any

facts: dict[str, Any] = json.loads(Path(os.environ["HEADWATER_API_FACTS"]).read_text())

KEY = "Idempotency-Key"
ADOPTION = "POST /api/v1/sources/{slug}/unknown-attributes/adopt"


def choice(case: Case, of: int, salt: str = "") -> int:
    """Return a number below `of` that is the same whenever the case is the same."""
    # What stands for "no body" prints its address in memory.
    body = case.body if isinstance(case.body, (dict, list, str, int, float)) else None
    content = (case.method, case.path, case.path_parameters, case.query, body)
    return zlib.crc32(f"{salt}{content!r}".encode(errors="backslashreplace")) % of


def pick(case: Case, values: list[Any], salt: str = "") -> Any:
    """Return one of the values, which follows from the case."""
    return values[choice(case, len(values), salt)]


def label(case: Case) -> str:
    """Return the name of the operation that a case was made for."""
    return f"{case.operation.method.upper()} {case.operation.path}"


def is_valid(case: Case, location: str) -> bool:
    """Return whether a part of the request has what the document asks for."""
    if case.meta is None:
        return True
    parts = {part.value: info for part, info in case.meta.components.items()}
    return location not in parts or parts[location].mode.is_positive
