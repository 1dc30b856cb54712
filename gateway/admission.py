"""The one gate that every dialect passes: credential → caller → limits → scope, and the rate headers of the answer."""

import logging
import time

import msgspec
from starlette.types import Scope

from gateway.addresses import Addresses, within
from gateway.keyring import Keyring
from gateway.limits import Decision, Layer, Limiter
from gateway.wire import header
from shared.contracts.keys import Verdict
from shared.faults import Code, Fault
from shared.settings import Settings

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

# How to show a key, as RFC 9110 wants every 401 to tell.
CHALLENGE = (b"www-authenticate", b"Bearer")
# Expired, revoked, unknown, malformed: nobody is told which.
NO_KEY = "A valid API key is needed"
# Only those hear this who hold the secret; it helps an owner whose address has changed more than anybody else.
ELSEWHERE = "This key may not be used from this address"


class Admitted(msgspec.Struct, frozen=True):
    """Who asks, if they showed a valid key, and the rate headers that the answer carries."""

    caller: Verdict | None
    headers: Headers
    decision: Decision | None  # None: no limit applies


class Refused(Exception):
    """A request that is not let in, together with the rate headers that its answer carries all the same."""

    def __init__(self, fault: Fault, headers: Headers, caller: Verdict | None = None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.headers = headers
        self.caller = caller


class Counting:
    """What a request counts as, with a key and without one."""

    def __init__(self, limiter: Limiter, addresses: Addresses, settings: Settings) -> None:
        self._limiter = limiter
        self._addresses = addresses
        self._settings = settings

    async def turn_away(self, scope: Scope) -> Headers:
        """Counts what never became a request like a request without a key; returns the rate headers of its answer.

        That answer stays what it is when the limit is used up: waiting does not mend what is wrong with it. It takes
        no longer than the limiter's patience. Of ``scope`` there need not be more than the headers and the client.
        """
        try:
            return rate_headers(await self.decide(None, scope))
        except Exception:
            log.exception("A refusal could not be counted")
            return []

    async def decide(self, caller: Verdict | None, scope: Scope) -> Decision | None:
        layers = self._layers(caller, self._addresses.counted(scope))
        if not any(layer.limit for layer in layers):
            return None  # the operator has switched off all that apply, so there is no number to tell
        return await self._limiter.decide(layers)

    def _layers(self, caller: Verdict | None, address: str) -> list[Layer]:
        settings = self._settings
        if caller is None:
            return [Layer("address", address, settings.limit_address_per_minute, 60)]
        return [
            # Apart from the counter above: what a neighbour tries without a key costs nobody who has one.
            Layer("address-keyed", address, settings.limit_address_keyed_per_minute, 60),
            Layer("user", caller.user, settings.limit_user_per_hour, 3600),
            Layer("workspace", caller.workspace, caller.workspace_limit, 3600),
            Layer("key", caller.key, caller.key_limit, caller.key_window.seconds),
        ]


class Admission:
    def __init__(self, keyring: Keyring, limiter: Limiter, addresses: Addresses, settings: Settings) -> None:
        self._keyring = keyring
        self._addresses = addresses
        self._counting = Counting(limiter, addresses, settings)

    async def admit(self, scope: Scope, need: str | None, *, open_to_all: bool = False) -> Admitted:
        """Raises `Refused`. ``need`` is the scope of the endpoint; ``open_to_all``: no key is needed."""
        caller: Verdict | None = None
        problem: Fault | None = None
        try:
            secret = credential(scope)
            if secret is not None:
                caller = await self._keyring.verdict(secret)
                if caller is not None and caller.allowlist and not within(self._addresses.of(scope), caller.allowlist):
                    # What is tried from elsewhere counts by its address alone, and uses up nothing of the key's owner.
                    caller, problem = None, Fault(Code.FORBIDDEN, ELSEWHERE)
        except Fault as fault:
            problem = fault
        decision = await self._counting.decide(caller, scope)
        headers = rate_headers(decision)
        if decision is not None and not decision.allowed:
            limited = Fault(Code.LIMITED, "Too many requests, please slow down", retry_after=decision.retry_after)
            raise Refused(limited, [*headers, (b"retry-after", b"%d" % decision.retry_after)], caller)
        if problem is None and caller is None and not open_to_all:
            problem = Fault(Code.UNAUTHENTICATED, NO_KEY)
        if problem is not None:
            challenge = [CHALLENGE] if problem.code is Code.UNAUTHENTICATED else []
            raise Refused(problem, [*headers, *challenge])
        if caller is not None and need is not None and need not in caller.scopes:
            raise Refused(Fault(Code.FORBIDDEN, f"This key lacks the permission {need}"), headers, caller)
        return Admitted(caller, headers, decision)


def credential(scope: Scope) -> str | None:
    """The key that a request shows; UNAUTHENTICATED when its two headers do not agree."""
    shown = header(scope, b"x-api-key")
    authorization = header(scope, b"authorization")
    bearer: str | None = None
    if authorization is not None:
        scheme, _, rest = authorization.strip().partition(" ")
        bearer = rest.strip() if scheme.lower() == "bearer" else ""
    if shown is None or bearer is None:
        return bearer if shown is None else shown.strip()
    if shown.strip() != bearer:
        raise Fault(Code.UNAUTHENTICATED, NO_KEY)
    return bearer


def rate_headers(decision: Decision | None) -> Headers:
    if decision is None:
        return []
    window, seconds_left = decision.window_seconds, max(decision.reset - int(time.time()), 0)
    layer = decision.layer.encode()
    return [
        (b"x-ratelimit-limit", b"%d" % decision.limit),
        (b"x-ratelimit-remaining", b"%d" % decision.remaining),
        (b"x-ratelimit-reset", b"%d" % decision.reset),
        (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (layer, decision.limit, window)),
        (b"ratelimit", b'"%s";r=%d;t=%d' % (layer, decision.remaining, seconds_left)),
    ]
