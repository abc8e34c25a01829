"""What can go wrong between Prefect and Northflank: one class for each thing the caller can do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

import httpx

from prefect_northflank.variable_fields import variables_named

LONGEST_QUOTE = 2000
"""The longest part of Northflank's message that an error repeats, in characters."""


class NorthflankError(Exception):
    """Base of everything this package raises."""


class ConfigurationError(NorthflankError):
    """A job variable, block or setting that cannot work; nothing was created."""

    def __init__(self, *, what: str, why: str, remedy: str) -> None:
        self.what = what
        self.why = why
        self.remedy = remedy
        super().__init__(f"{what}: {why}. Fix: {remedy}.")


class SeveralRefused(ConfigurationError):
    """Several things that cannot work, so that the user corrects them in one go."""

    def __init__(self, refused: Sequence[ConfigurationError]) -> None:
        self.refused = tuple(refused)
        NorthflankError.__init__(self, "\n".join(f"- {error}" for error in refused))


class Refusals:
    """Collects configuration errors until everything has been checked."""

    def __init__(self) -> None:
        self._found: list[ConfigurationError] = []

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Collect the configuration error that the block raises."""
        try:
            yield
        except SeveralRefused as error:
            self._found += error.refused
        except ConfigurationError as error:
            self._found.append(error)

    def raise_all(self) -> None:
        """Raise the collected errors, if there are any.

        Raises:
            ConfigurationError: the only one, or `SeveralRefused` with all of them.
        """
        if len(self._found) > 1:
            raise SeveralRefused(self._found)
        if self._found:
            raise self._found[0]


class MissingToken(ConfigurationError):
    """Neither the block nor the environment has an API token."""

    def __init__(self) -> None:
        super().__init__(
            what="Northflank API token",
            why="neither the `credentials` block nor the worker's environment has one",
            remedy="save a block with `Northflank(api_token=...).save('northflank-creds')` and set the job "
            'variable credentials: "{{ prefect.blocks.northflank.northflank-creds }}", '
            "or set NORTHFLANK_API_TOKEN for the worker (or this command)",
        )


class InvalidToken(ConfigurationError):
    """The API token cannot be sent. The message does not show it; the HTTP client's own error would."""

    def __init__(self) -> None:
        super().__init__(
            what="Northflank API token",
            why="it contains a character that a token cannot have, such as a line break",
            remedy="copy it again, as one line, into the `credentials` block (or NORTHFLANK_API_TOKEN of the worker)",
        )


class InvalidAddress(ConfigurationError):
    """The base URL is not the address of an HTTP server."""

    def __init__(self, url: str) -> None:
        super().__init__(
            what=f"Northflank address {url}",
            why="it does not begin with http:// or https:// and a host",
            remedy="correct base_url of the `credentials` block (or NORTHFLANK_API_BASE_URL), or leave it empty",
        )


class MissingProject(ConfigurationError):
    """No project to create jobs in."""

    def __init__(self) -> None:
        super().__init__(
            what="Northflank project",
            why="the job variable `project_id` is not set",
            remedy="set project_id in the deployment's job_variables or as a default of the work pool",
        )


class LoopbackApiUrl(ConfigurationError):
    """The Prefect API address is a loopback address, which a container cannot reach."""

    def __init__(self, url: str) -> None:
        super().__init__(
            what=f"PREFECT_API_URL {url}",
            why="a Northflank container cannot reach the worker's own machine under this address",
            remedy="set the job variable prefect_api_url (or PREFECT_API_URL in env) to an address of the "
            "Prefect server that Northflank can reach",
        )


class TemplatedValue(ConfigurationError):
    """A value that Northflank would rewrite before the container sees it."""

    def __init__(self, key: str) -> None:
        super().__init__(
            what=f"environment variable {key}",
            why="its value contains `${`, which Northflank expands as a template",
            remedy="remove the `${`, or set the job variable expand_templates to true if Northflank is to expand it",
        )


class TagForbidden(ConfigurationError):
    """The tag with which jobs inherit a secret group does not exist, and the token's role may not create it."""

    def __init__(self, tag: str, *, said: str) -> None:
        super().__init__(
            what=f"Northflank tag {tag}",
            why="jobs need it to inherit the restricted secret group of the same name; "
            f"it does not exist, and the token may not create it (Northflank: {_quoted(said)})",
            remedy="give the token's API role Account > Platform > Tags: Create, "
            "or create the tag with a token that has it (`prefect-northflank init` creates that of a work pool)",
        )


class VendorPackageInstalled(ConfigurationError):
    """Two distributions claim the import name `prefect_northflank` and the worker type `northflank`."""

    def __init__(self, version: str) -> None:
        super().__init__(
            what=f"prefect-northflank {version}",
            why="it has the same import name, worker type and block type as metaflow-prefect-northflank, "
            "and which of the two is loaded is chance",
            remedy="run `pip uninstall prefect-northflank`, which may remove files that both share, then install "
            "metaflow-prefect-northflank again: `pip install --force-reinstall --no-deps .` in its clone",
        )


class TakenOver(NorthflankError):
    """Another worker took the flow run, or the user cancelled it, while this worker was about to start it."""

    def __init__(self, *, job: str) -> None:
        super().__init__(
            f"Job {job} does not execute its flow run: it was cancelled, or another worker took it over."
        )


class AlreadyEnded(TakenOver):
    """The flow run had ended before the request to start it reached Prefect, which accepted it all the same."""

    def __init__(self, *, flow_run: str, state: str) -> None:
        NorthflankError.__init__(
            self,
            f"Flow run {flow_run} is not executed again: it had ended as {state} before the worker's request to start "
            f"it reached Prefect, and is {state} again.",
        )


class NotRecorded(NorthflankError):
    """A job run was started, but Prefect could not record it; the search for orphans will find it."""

    def __init__(self, *, job: str, run: str, reason: str) -> None:
        super().__init__(
            f"Job run {run} of job {job} was started, but Prefect could not record it yet ({reason})."
        )


class StartInDoubt(NorthflankError):
    """A start may have taken effect, and its job could not be read: another start might make a second container."""

    def __init__(self, *, job: str, start: NorthflankError, look: NorthflankError) -> None:
        super().__init__(
            f"It is unknown whether job {job} was started, so it is not started again. The start failed: {start} "
            f"Reading its runs failed: {look} "
            f"Fix: check in Northflank whether job {job} has a run before you run the flow again."
        )


class BuildFailed(NorthflankError):
    """The image could not be built from the repository, so there is nothing to run."""

    def __init__(self, *, job: str, build: str, status: str) -> None:
        super().__init__(
            f"Build {build} of job {job} ended as {status}. "
            "Fix: read its log in Northflank; check deployment_vcs_project_branch and build_settings."
        )


class UnexpectedResponse(NorthflankError):
    """The API sent a value that its documentation does not list."""

    def __init__(self, *, field: str, value: str) -> None:
        super().__init__(
            f"Northflank sent {value!r} in {field}, which this version does not know. "
            "Fix: upgrade metaflow-prefect-northflank; if that does not help, report it."
        )


class MalformedResponse(NorthflankError):
    """A response that does not have what was asked for; the outcome is as unknown as without a response."""

    def __init__(self, *, why: str, call: str = "") -> None:
        self.why = why
        super().__init__(
            f"{call}: Northflank's response is malformed: {why}. "
            "Fix: try again; if it persists, check base_url of the credentials block and any proxy on the way."
        )


class ApiError(NorthflankError):
    """Northflank answered with an error; `message` is all it says."""

    remedy = "see Northflank's message"

    def __init__(self, *, status: int, method: str, path: str, message: str) -> None:
        self.status = status
        self.method = method
        self.path = path
        self.message = message
        super().__init__(
            f"{method} {path}: Northflank answered {status} {_quoted(message)}. Fix: {self.remedy}."
        )

    def without(self, secrets: Iterable[str]) -> ApiError:
        """Return the same error with each of *secrets* masked in its message."""
        message = self.message
        for secret in filter(None, secrets):
            # The details are shown as a Python dictionary or as JSON, which escape quotes and backslashes.
            as_json = [json.dumps(secret, ensure_ascii=it)[1:-1] for it in (True, False)]
            for form in (secret, repr(secret)[1:-1], *as_json):
                message = message.replace(form, "********")
        return type(self)(status=self.status, method=self.method, path=self.path, message=message)


class Rejected(ApiError):
    """400 or 422: the request is invalid and would stay invalid."""

    remedy = "correct the job variable that the message is about"

    def __init__(self, *, status: int, method: str, path: str, message: str) -> None:
        named = variables_named(message)
        if named:
            noun = "the job variable" if len(named) == 1 else "the job variables"
            self.remedy = f"correct {noun} {' and '.join(named)}"
        super().__init__(status=status, method=method, path=path, message=message)


class Unauthorized(ApiError):
    """401: the token is not valid."""

    remedy = (
        "put a valid API token into the `credentials` block (or NORTHFLANK_API_TOKEN of the worker)"
    )


class Forbidden(ApiError):
    """403: the token's role lacks a permission."""

    remedy = (
        "give the token's API role Project > Jobs > General: Create, Read, Update, Delete, Run Job; "
        "Jobs > Deployment: View Observability, View Instance Logs; and, where the Prefect API asks for a key or password "
        "or values come from Secret blocks, Secrets > SecretGroups: Create, Read, Update; Account > Platform > Tags: Create"
    )


class NotFound(ApiError):
    """404: the project, job, run or group does not exist."""

    remedy = "check project_id, and team_id of the credentials block if the token belongs to an organization"


class Conflict(ApiError):
    """409: an object with the same derived identifier exists, or is being changed right now; nothing was done."""

    remedy = "wait until the old one is deleted or updated; if it persists, rename one of the two, or delete the old one"


class NotBuilt(Conflict):
    """409 to the start of a job that runs the image of a build service: there is no such build, or not yet."""

    remedy = (
        "have Northflank's build service build the branch, or correct deployment_internal_id, "
        "deployment_internal_branch, deployment_internal_build_sha or deployment_internal_build_id"
    )


class RateLimited(ApiError):
    """429: the account has used up its calls of this hour."""

    remedy = "wait for the next window, or ask Northflank for a higher limit"


class ServerFailed(ApiError):
    """5xx: Northflank failed; whether the request took effect is unknown."""

    remedy = "try again; if it persists, see Northflank's status page"


class Redirected(ServerFailed):
    """3xx: a proxy answers in Northflank's place. Redirects are not followed: the token would be sent along."""

    remedy = "try again; if it persists, correct base_url of the credentials block (https, and no login page before it)"


class Unreachable(NorthflankError):
    """Northflank did not respond."""

    def __init__(self, *, method: str, path: str, delivery: Delivery, reason: str) -> None:
        self.delivery = delivery
        super().__init__(
            f"{method} {path}: no response from Northflank ({reason}). "
            "Fix: check the network and the base_url of the credentials block."
        )


class Delivery(str, Enum):
    """What is known about a request that got no response."""

    NOT_SENT = "not sent"
    UNKNOWN = "unknown"


class NoCallsLeft(NorthflankError):
    """The rate limit is used up, or the rest of it is reserved for starts and aborts; nothing was sent."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"Northflank's rate limit allows no call for this purpose for the next {seconds:.0f} s."
        )


_TIMED_OUT = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY)

ERROR_OF_STATUS: dict[int, type[ApiError]] = {
    400: Rejected,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: Rejected,
    429: RateLimited,
}


def _quoted(message: str) -> str:
    return message if len(message) <= LONGEST_QUOTE else f"{message[:LONGEST_QUOTE]} …"


def error_for(*, status: int, method: str, path: str, message: str) -> ApiError:
    """Return the exception that belongs to an HTTP *status*."""
    return _kind_of(status)(status=status, method=method, path=path, message=message)


def _kind_of(status: int) -> type[ApiError]:
    if httpx.codes.is_redirect(status):
        return Redirected
    passing = httpx.codes.is_server_error(status) or status in _TIMED_OUT
    return ServerFailed if passing else ERROR_OF_STATUS.get(status, ApiError)
