"""The steps of every API request: route, faults, token, rate limit, permission, body, record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from northflank_emulator.api import Api
from northflank_emulator.choices import ErrorDetails, RetryAfter
from northflank_emulator.errors import (
    ApiError,
    Forbidden,
    RateLimited,
    Unauthenticated,
)
from northflank_emulator.faults import Fault, FaultKind
from northflank_emulator.fields.schema import Json
from northflank_emulator.server import reply, request_body
from northflank_emulator.server.authentication import bearer_token
from northflank_emulator.server.rate_limit import Allowance, RateLimiter
from northflank_emulator.server.request_log import RecordedRequest, RequestLog
from northflank_emulator.server.routing import Call, Match, Router
from northflank_emulator.state.permissions import Role

_log = logging.getLogger(__name__)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(slots=True)
class _RequestContext:
    """One request and what has been found out about it."""

    method: str
    path: str
    at: datetime
    token: str = ""
    body: Json = None
    operation: str = ""
    faults: list[Fault] = field(default_factory=list)
    committed: bool = False
    allowance: Allowance | None = None

    def struck_by(self, kind: FaultKind) -> Fault | None:
        """Return the fault of this kind that struck, if one did."""
        return next((fault for fault in self.faults if fault.kind is kind), None)


class RequestPipeline:
    """Answers the requests to an API: checks them, and calls the handlers of its routes."""

    def __init__(
        self, api: Api, router: Router, request_log: RequestLog, limiter: RateLimiter | None
    ) -> None:
        self._api = api
        self._router = router
        self._request_log = request_log
        self._limiter = limiter

    async def __call__(self, request: Request) -> Response:
        """Answer *request*."""
        path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
        context = _RequestContext(
            method=request.method, path=path.partition("?")[0], at=self._api.clock.now()
        )
        begun = time.perf_counter()
        response = await self._answer(request, context)
        dropped = isinstance(response, reply.DroppedConnection)
        headers = {
            name: value for name, value in request.headers.items() if name != "authorization"
        }
        self._request_log.add(
            RecordedRequest(
                number=self._request_log.next_number(),
                at=context.at,
                operation=context.operation,
                method=context.method,
                path=context.path,
                query=tuple(request.query_params.multi_items()),
                headers=headers,
                body=context.body,
                status=0 if dropped else response.status_code,
                faults=tuple(fault.kind.value for fault in context.faults),
                committed=context.committed,
                seconds=time.perf_counter() - begun,
            )
        )
        return response

    async def _answer(self, request: Request, context: _RequestContext) -> Response:
        try:
            response = await self._handle(request, context)
        except ApiError as error:
            headers = self._headers(context, error)
            if self._api.settings.choices.error_details is ErrorDetails.EMPTY:
                error.details.clear()
            response = reply.failure(error, headers)
        except Exception:  # noqa: BLE001  the boundary of the process: an unforeseen error is a 500, not a crash
            _log.exception("%s %s failed", context.method, context.path)
            response = reply.failure_of(500, "internal", "Internal error", {}, {})
        if context.struck_by(FaultKind.DROP_AFTER):
            return reply.DroppedConnection()
        if context.struck_by(FaultKind.TRUNCATE):
            return reply.TruncatedReply(response)
        replaced = context.struck_by(FaultKind.ANSWER_AFTER)
        return reply.literal(replaced) if replaced else response

    async def _handle(self, request: Request, context: _RequestContext) -> Response:
        match = self._route(context)
        context.faults = self._api.faults.of_request(
            context.operation, context.method, context.path
        )
        context.token = bearer_token(request)
        broken = await self._inject_faults(context)
        if broken is not None:
            return broken
        # Read before the checks: a client sends its whole body before it reads a refusal.
        body = await request_body.read(request)
        role = self._authenticate(match, context)
        if isinstance(match, ApiError):
            raise match
        self._authorize(match, role)
        context.body = request_body.parse(body) if context.method in _WITH_BODY else None
        call = Call(
            api=self._api,
            params=match.params,
            query=request.query_params.multi_items(),
            body=context.body,
            role=role,
        )
        document = match.route.handler(call)
        context.committed = True
        return reply.answer(document, self._headers(context))

    def _route(self, context: _RequestContext) -> Match | ApiError:
        """Return the route, or the error to raise after authentication: strangers must not learn paths."""
        try:
            match = self._router.find(context.method, context.path)
        except ApiError as error:
            return error
        context.operation = match.route.operation
        return match

    async def _inject_faults(self, context: _RequestContext) -> Response | None:
        """Inject the faults that strike before the request takes effect."""
        latency = context.struck_by(FaultKind.LATENCY)
        if latency:
            await asyncio.sleep(latency.seconds)
        if context.struck_by(FaultKind.RATE_LIMIT) and self._limiter:
            self._limiter.exhaust(context.token, context.at)
        if context.struck_by(FaultKind.DROP_BEFORE):
            return reply.DroppedConnection()
        literal = context.struck_by(FaultKind.ANSWER)
        if literal:
            return reply.literal(literal)
        fault = context.struck_by(FaultKind.STATUS)
        if fault:
            return reply.failure_of(
                fault.status,
                "fault",
                f"Injected fault: status {fault.status}",
                {},
                self._headers(context),
            )
        return None

    def _authenticate(self, match: Match | ApiError, context: _RequestContext) -> Role | None:
        """Return the role of the token, if it is known and has requests left."""
        role = self._api.settings.tokens.get(context.token)
        public = isinstance(match, Match) and match.route.public
        if role is None and not public:
            raise Unauthenticated("Unauthorized: the API token is missing or not valid")
        if self._limiter is not None and role is not None:
            context.allowance = self._limiter.take(context.token, context.at)
        if context.struck_by(FaultKind.RATE_LIMIT) or (
            context.allowance and context.allowance.exceeded
        ):
            raise RateLimited("Too many requests: the account's rate limit is used up")
        return role

    def _authorize(self, match: Match, role: Role | None) -> None:
        needed = match.route.permission
        if needed is not None and (role is None or needed not in role.permissions):
            raise Forbidden(f"Forbidden: the token's role lacks the permission {needed.value!r}")

    def _headers(
        self, context: _RequestContext, error: ApiError | None = None
    ) -> Mapping[str, str]:
        """Return the rate-limit headers of an answer."""
        if self._limiter is None:
            return {}
        left = context.allowance or self._limiter.peek(context.token, context.at)
        headers = {
            "x-ratelimit-limit": str(left.limit),
            "x-ratelimit-remaining": str(left.remaining),
            "x-ratelimit-reset": str(left.reset_seconds),
        }
        wanted = self._api.settings.choices.retry_after is RetryAfter.PRESENT
        if isinstance(error, RateLimited) and wanted:
            headers["retry-after"] = str(left.reset_seconds)
        return headers
