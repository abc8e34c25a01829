"""Why packages cannot be had, and what to do: read from what uv says; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from metaflow_prefect.runtime.packages.lock import Target

_DECORATION = re.compile(r"^[^\w`'\"(]*(?:(?:error|cause|Caused by|hint): ?)?")
"""What uv draws before the lines of a message, in its several versions."""

_LONGEST = 600
"""The longest quotation, in characters: uv can explain a conflict at any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One reason, and its remedy."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """Failures that have one remedy: uv's words for them. `reason` quotes what the pattern has found."""

    pattern: str
    remedy: str
    reason: str = "{said}"


_INDEX = "the index is named by UV_DEFAULT_INDEX or PIP_INDEX_URL, further ones by UV_INDEX or PIP_EXTRA_INDEX_URL"

_KINDS = (
    _Kind(
        r"Hash mismatch for `(?P<package>[^`]+)`",
        "make a new lock: compile or deploy the flow again; if that does not help, ask who runs the index why its file has changed",
        "the index has another file of {package} than the one that was locked: the hashes differ",
    ),
    _Kind(
        r"An index URL \((?P<url>[^)]+)\) could not be queried|An index \((?P<index>[^)]+)\) returned a 403",
        f"give the right user and password where uv runs; {_INDEX}",
        "the package index at {url}{index} refuses the credentials: {said}",
    ),
    _Kind(
        r"(?P<url>https?://\S+?)/?\n(?:.*\n)*?.*(?:certificate|UnknownIssuer)",
        "name the file of trusted certificates in SSL_CERT_FILE",
        "the certificate of the package index is not trusted, at {url}",
    ),
    _Kind(
        r"Failed to fetch:? `?(?P<url>https?://[^\s`]+?)/?`?(?:\n|$)",
        f"check the address and the network, or try again; {_INDEX}",
        "the package index does not answer at {url}: {last}",
    ),
    _Kind(
        r"[Nn]etwork connectivity is disabled|--offline",
        "take UV_OFFLINE out",
        "uv may not use the network: {said}",
    ),
    _Kind(
        r"not found in the (?:package registry|provided package locations|cache)",
        f"correct the package's name, or name the index that has it: {_INDEX}",
    ),
    _Kind(
        r"available on a subsequent index",
        "let uv compare the versions of all indexes (UV_INDEX_STRATEGY=unsafe-best-match), if you trust all of them "
        "equally; or choose a version that the first index has",
    ),
    _Kind(
        r"no wheels? with a matching|no usable wheels?|has no wheels|building from source is disabled",
        "choose a version that has a wheel for {target}; @pypi does not build packages from source",
    ),
    _Kind(
        r"requires? Python|requires-python|does not satisfy Python",
        "choose a version for {target}, or another Python: @pypi(python=…)",
    ),
    _Kind(r"depends? on|incompatible|conflict", "ask for versions that fit together"),
    _Kind(r"no versions? of", "choose a version that the index has"),
    _Kind(
        r"[Cc]ouldn't parse|[Ii]nvalid",
        'write packages as {{"name": "1.2.3"}} or {{"name": ">=1.2"}}',
    ),
    _Kind(
        r"No interpreter found|Querying Python|Failed to inspect Python|Python interpreter",
        "install that Python where the flow runs (`uv python install {python}`), or run the flow with it",
        "Python {python} is not on this machine",
    ),
)
"""The first that matches counts."""

_OTHER = _Kind("", "correct what uv says")


def explain(said: str, target: Target) -> Failure:
    """Return the failure behind what uv *said* when packages for *target* were asked for."""
    lines = [_DECORATION.sub("", line).strip() for line in said.splitlines() if line.strip()]
    for kind in _KINDS:
        # Versions of uv fold their sentences differently.
        found = re.search(kind.pattern, said) or re.search(kind.pattern, " ".join(lines))
        if found is not None:
            break
    else:
        kind, found = _OTHER, None
    words = {
        **{name: text or "" for name, text in (found.groupdict() if found else {}).items()},
        "said": _sentence(lines),
        "last": lines[-1] if lines else "",
        "target": str(target),
        "python": target.python,
    }
    return Failure(reason=kind.reason.format(**words), remedy=kind.remedy.format(**words))


def _sentence(lines: list[str]) -> str:
    """Return *lines* as one sentence, without the announcement that something failed."""
    told = [line for line in lines if not line.startswith("No solution found")]
    text = " ".join(told).rstrip(".")
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
