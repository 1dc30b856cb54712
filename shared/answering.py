"""How a service answers: side by side, never more than agreed, never too late, and never telling its inside."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from shared import context, ids
from shared.bus import Bus, Request, Serving, counts
from shared.contracts.ask import Ask, subject_of
from shared.encoding import subject_for
from shared.faults import Code, Fault
from shared.metrics.process import VERSION
from shared.settings import Settings
from shared.stopping import cancel
from shared.tracing import TRACING

Answerer = Callable[[Any], Awaitable[Any]]

log = logging.getLogger(__name__)


class Tally:
    """What has been asked of one endpoint, in the terms of NATS service discovery."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.nanoseconds = 0
        self.last_error = ""


class Answering:
    """One copy of a service on the bus. `start` it, and `stop` it when all it has begun is finished."""

    def __init__(
        self, bus: Bus, settings: Settings, service: str, answerers: Mapping[type[Ask[Any]], Answerer]
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._service = service
        self._answerers = answerers
        self._id = ids.new()
        self._started = datetime.now(UTC)
        self._tallies = {question: Tally() for question in answerers}
        self._places = asyncio.Semaphore(settings.bus_concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._subjects: list[Serving] = []

    async def start(self) -> None:
        for question, answerer in self._answerers.items():
            self._subjects.append(
                await self._bus.serve(subject_of(question), self._service, self._taker(question, answerer))
            )
        for verb, describe in (("PING", self._ping), ("INFO", self._info), ("STATS", self._stats)):
            for scope in ("", f".{self._service}", f".{self._service}.{self._id}"):
                self._subjects.append(await self._bus.serve(f"$SRV.{verb}{scope}", "", self._describer(describe)))

    async def stop(self) -> None:
        """Takes nothing new, and waits for what has begun, as long as the settings allow."""
        timeout = self._settings.ask_timeout_seconds
        await asyncio.gather(*(subject.drain(timeout) for subject in self._subjects))
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=self._settings.stop_timeout_seconds)
        # A cancelled task still has a transaction to roll back and a connection to return.
        await cancel(late)

    def _taker(self, question: type[Ask[Any]], answerer: Answerer) -> Callable[[Request], None]:
        tally = self._tallies[question]

        def take(request: Request) -> None:
            full = len(self._tasks) >= self._settings.bus_concurrency + self._settings.bus_backlog
            self._spawn(
                self._refuse_full(request, question) if full else self._answer(request, question, answerer, tally)
            )

        return take

    async def _answer(self, request: Request, question: type[Ask[Any]], answerer: Answerer, tally: Tally) -> None:
        deadline = request.deadline or time.time() + self._settings.ask_timeout_seconds
        context.request_id.set(request.id)
        context.deadline.set(deadline)
        async with self._places:
            left = deadline - time.time()
            if left <= 0:
                # The caller has gone; doing the work now would surprise them.
                log.warning("Too late to answer", extra={"question": question.__name__})
                self._bus.counts.answered(subject_for(question), counts.LATE, 0.0)
                return
            started = time.perf_counter_ns()
            tally.requests += 1
            outcome = counts.LEFT
            try:
                context.once.set(request.once)
                async with asyncio.timeout(left):
                    answer = await _carry_out(request, question, answerer)
                await request.answer(answer)
                outcome = counts.DONE
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a fault and the log the rest
                fault = self._fault(error, question)
                outcome = fault.code.value
                tally.errors += 1
                tally.last_error = fault.message
                await request.refuse(fault)
            finally:
                took = time.perf_counter_ns() - started
                tally.nanoseconds += took
                self._bus.counts.answered(subject_for(question), outcome, took / 1e9)
                if self._settings.access_log == "all":
                    about = {"question": question.__name__, "outcome": outcome, "took_ms": round(took / 1e6, 1)}
                    log.info("A question was answered", extra=about)

    def _fault(self, error: Exception, question: type[Ask[Any]]) -> Fault:
        if isinstance(error, Fault):
            return error
        if isinstance(error, TimeoutError):
            log.warning("The deadline passed in the middle of the work", extra={"question": question.__name__})
            return Fault(Code.TIMEOUT, f"The {self._service} service did not finish in time")
        log.error("A question ended in a crash", exc_info=error, extra={"question": question.__name__})
        return Fault(Code.INTERNAL, "Something went wrong here; it has been logged")

    async def _refuse_full(self, request: Request, question: type[Ask[Any]]) -> None:
        self._bus.counts.answered(subject_for(question), Code.UNAVAILABLE.value, 0.0)
        await request.refuse(Fault(Code.UNAVAILABLE, f"The {self._service} service is full right now", retry_after=1))

    def _describer(self, describe: Callable[[], dict[str, object]]) -> Callable[[Request], None]:
        return lambda request: self._spawn(request.answer_json(describe()))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _identity(self, kind: str) -> dict[str, object]:
        return {
            "type": f"io.nats.micro.v1.{kind}_response",
            "name": self._service,
            "id": self._id,
            "version": VERSION,
            "metadata": {"process": self._settings.process_name},
        }

    def _ping(self) -> dict[str, object]:
        return self._identity("ping")

    def _info(self) -> dict[str, object]:
        endpoints = [
            {"name": subject.rpartition(".")[2], "subject": subject, "queue_group": self._service, "metadata": {}}
            for subject in map(subject_of, self._answerers)
        ]
        return self._identity("info") | {"description": f"The {self._service} service", "endpoints": endpoints}

    def _stats(self) -> dict[str, object]:
        endpoints = []
        for question, tally in self._tallies.items():
            subject = subject_of(question)
            endpoints.append(
                {
                    "name": subject.rpartition(".")[2],
                    "subject": subject,
                    "queue_group": self._service,
                    "num_requests": tally.requests,
                    "num_errors": tally.errors,
                    "last_error": tally.last_error,
                    "processing_time": tally.nanoseconds,
                    "average_processing_time": tally.nanoseconds // max(tally.requests, 1),
                    "data": None,
                }
            )
        return self._identity("stats") | {"started": f"{self._started:%Y-%m-%dT%H:%M:%S.%fZ}", "endpoints": endpoints}


async def _carry_out(request: Request, question: type[Ask[Any]], answerer: Answerer) -> Any:
    asked, spans = request.decode(question), TRACING.spans
    if spans is None:
        return await answerer(asked)
    with spans.answering(subject_for(question), request.headers):
        return await answerer(asked)
