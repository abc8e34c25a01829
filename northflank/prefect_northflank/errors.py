"""What can go wrong between Prefect and Northflank: one class per thing the caller can do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

import httpx

from prefect_northflank.variable_fields import variables_named

LONGEST_QUOTE = 2000
"""Characters of Northflank's message that an error repeats."""


class NorthflankError(Exception):
    """Base of everything this package raises."""


class ConfigurationError(NorthflankError):
    """A job variable, block or setting that cannot work. Nothing was created."""

    def __init__(self, *, what: str, why: str, remedy: str) -> None:
        self.what = what
        self.why = why
        self.remedy = remedy
        super().__init__(f"{what}: {why}. Fix: {remedy}.")


class SeveralRefused(ConfigurationError):
    """More than one thing that cannot work: all of them, so that they are corrected in one go."""

    def __init__(self, refused: Sequence[ConfigurationError]) -> None:
        self.refused = tuple(refused)
        NorthflankError.__init__(self, "\n".join(f"- {error}" for error in refused))


class Refusals:
    """Gathers what is refused until everything has been looked at."""

    def __init__(self) -> None:
        self._found: list[ConfigurationError] = []

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Keep what the block refuses."""
        try:
            yield
        except SeveralRefused as error:
            self._found += error.refused
        except ConfigurationError as error:
            self._found.append(error)

    def raise_all(self) -> None:
        """Raise what was refused, if anything was.

        Raises:
            ConfigurationError: the one thing that was, or `SeveralRefused`.
        """
        if len(self._found) > 1:
            raise SeveralRefused(self._found)
        if self._found:
            raise self._found[0]


class MissingToken(ConfigurationError):
    """No API token in the block nor in the environment."""

    def __init__(self) -> None:
        super().__init__(
            what="Northflank API token",
            why="neither the `credentials` block nor the worker's environment has one",
            remedy="save a block with `Northflank(api_token=...).save('northflank-creds')` and set the job "
            'variable credentials: "{{ prefect.blocks.northflank.northflank-creds }}", '
            "or set NORTHFLANK_API_TOKEN for the worker (or this command)",
        )


class InvalidToken(ConfigurationError):
    """What should be the API token cannot be sent; it is not shown, the HTTP client's own error would show it."""

    def __init__(self) -> None:
        super().__init__(
            what="Northflank API token",
            why="it has a character that no token has, such as a line break",
            remedy="copy it again, as one line, into the `credentials` block (or NORTHFLANK_API_TOKEN of the worker)",
        )


class InvalidAddress(ConfigurationError):
    """What should be Northflank's address is none."""

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
    """The Prefect API address means "this machine", which a container elsewhere is not."""

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
            remedy="take the `${` out, or set the job variable expand_templates to true if Northflank shall expand it",
        )


class TagForbidden(ConfigurationError):
    """Jobs need a tag to inherit a secret group; it is not there, and the token's role does not let us make it."""

    def __init__(self, tag: str, *, said: str) -> None:
        super().__init__(
            what=f"Northflank tag {tag}",
            why="jobs need it to inherit the restricted secret group of the same name; "
            f"it is not there, and the token may not make it (Northflank: {_quoted(said)})",
            remedy="give the token's API role Account > Platform > Tags: Create, "
            "or make the tag with a token that has it (`prefect-northflank init` makes that of a work pool)",
        )


class VendorPackageInstalled(ConfigurationError):
    """Two distributions claim the import name `prefect_northflank` and the worker type `northflank`."""

    def __init__(self, version: str) -> None:
        super().__init__(
            what=f"prefect-northflank {version}",
            why="it owns the same import name, worker type and block type as metaflow-prefect-northflank, "
            "and which of the two runs is chance",
            remedy="run `pip uninstall prefect-northflank`, which may take files of ours along, then install "
            "metaflow-prefect-northflank again: `pip install --force-reinstall --no-deps .` in its clone",
        )


class TakenOver(NorthflankError):
    """The flow run was given to another worker while this one was about to start it; nothing of ours executes it."""

    def __init__(self, *, job: str) -> None:
        super().__init__(
            f"Job {job} does not execute its flow run: the run was cancelled, or taken over by another worker."
        )


class AlreadyEnded(TakenOver):
    """The flow run had ended before the request to start it arrived at Prefect, which accepted it all the same."""

    def __init__(self, *, flow_run: str, state: str) -> None:
        NorthflankError.__init__(
            self,
            f"Flow run {flow_run} is not executed again: it had ended as {state} before our request to start it "
            f"reached Prefect, and is {state} again.",
        )


class NotRecorded(NorthflankError):
    """A job run was started, but Prefect could not be told; the search for unwatched flow runs will find it."""

    def __init__(self, *, job: str, run: str, reason: str) -> None:
        super().__init__(
            f"Job run {run} of job {job} is started; Prefect could not be told yet ({reason})."
        )


class StartInDoubt(NorthflankError):
    """A start that may have taken effect, whose job could not be looked at: another one might be a second container."""

    def __init__(self, *, job: str, start: NorthflankError, look: NorthflankError) -> None:
        super().__init__(
            f"It is not known whether job {job} was started, so it is not started again. To the start: {start} "
            f"To the question for its runs: {look} "
            f"Fix: see in Northflank whether job {job} has a run before you run the flow again."
        )


class BuildFailed(NorthflankError):
    """A repository did not become an image, so there is nothing to run."""

    def __init__(self, *, job: str, build: str, status: str) -> None:
        super().__init__(
            f"Build {build} of job {job} ended as {status}. "
            "Fix: see its log in Northflank; check deployment_vcs_project_branch and build_settings."
        )


class UnexpectedAnswer(NorthflankError):
    """The API said something its documentation does not know."""

    def __init__(self, *, field: str, value: str) -> None:
        super().__init__(
            f"Northflank answered {value!r} in {field}, which this version does not know. "
            "Fix: upgrade metaflow-prefect-northflank; report it if that does not help."
        )


class MalformedAnswer(NorthflankError):
    """An answer from which what was asked for cannot be read: as unknown as no answer at all."""

    def __init__(self, *, why: str, call: str = "") -> None:
        self.why = why
        super().__init__(
            f"{call}: Northflank's answer makes no sense: {why}. "
            "Fix: try again; if it lasts, check base_url of the credentials block and what stands between it and you."
        )


class ApiError(NorthflankError):
    """Northflank answered with an error; `status` is the HTTP status, `message` all that it says."""

    remedy = "see the message of Northflank"

    def __init__(self, *, status: int, method: str, path: str, message: str) -> None:
        self.status = status
        self.method = method
        self.path = path
        self.message = message
        super().__init__(
            f"{method} {path}: Northflank answered {status} {_quoted(message)}. Fix: {self.remedy}."
        )

    def without(self, secrets: Iterable[str]) -> ApiError:
        """Return the same error with every one of *secrets* in its message hidden."""
        message = self.message
        for secret in filter(None, secrets):
            # In details, shown as Python shows a dictionary, and in JSON, quotes and backslashes are escaped.
            as_json = [json.dumps(secret, ensure_ascii=it)[1:-1] for it in (True, False)]
            for form in (secret, repr(secret)[1:-1], *as_json):
                message = message.replace(form, "********")
        return type(self)(status=self.status, method=self.method, path=self.path, message=message)


class Rejected(ApiError):
    """400 or 422: the request is wrong and stays wrong."""

    remedy = "correct the job variable the message is about"

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

    remedy = "check project_id, and team_id of the credentials block if the token belongs to an organisation"


class Conflict(ApiError):
    """409: something with the same derived identifier exists, or is being changed right now. Nothing was done."""

    remedy = "wait until the old one is deleted or updated; if it lasts, rename one of the two, or delete the old one"


class NotBuilt(Conflict):
    """409 to the start of a job that runs what a build service has built: there is no such build (yet)."""

    remedy = (
        "have Northflank's build service build the branch, or correct deployment_internal_id, "
        "deployment_internal_branch, deployment_internal_build_sha or deployment_internal_build_id"
    )


class RateLimited(ApiError):
    """429: the account's calls of this hour are used up."""

    remedy = "wait for the next window, or ask Northflank for a higher limit"


class ServerFailed(ApiError):
    """5xx: Northflank's side failed; whether the request took effect is unknown."""

    remedy = "try again; see Northflank's status page if it lasts"


class Redirected(ServerFailed):
    """3xx: something in between answers in Northflank's place; redirects are not followed, the token would go along."""

    remedy = "try again; if it lasts, correct base_url of the credentials block (https, and no login page before it)"


class Unreachable(NorthflankError):
    """No answer came back."""

    def __init__(self, *, method: str, path: str, delivery: Delivery, reason: str) -> None:
        self.delivery = delivery
        super().__init__(
            f"{method} {path}: no answer from Northflank ({reason}). "
            "Fix: check the network and the base_url of the credentials block."
        )


class Delivery(str, Enum):
    """What is known about a request that got no answer."""

    NOT_SENT = "not sent"
    UNKNOWN = "unknown"


class NoCallsLeft(NorthflankError):
    """The rate limit is used up, or what is left of it is kept for starts and aborts; nothing was sent."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"Northflank's rate limit grants no call for this purpose before {seconds:.0f} s are over."
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
