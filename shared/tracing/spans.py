"""Spans, by the SDK of OpenTelemetry. They have names, kinds and outcomes, and never a value that somebody has sent."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared import context
from shared.faults import Code, Fault
from shared.settings import Settings

# A fault of these kinds is one of ours; the others are answers.
_OURS = (Code.UNAVAILABLE, Code.TIMEOUT, Code.INTERNAL)
_VERB = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:from|into|update|table)\s+(?:only\s+)?([a-z_]\w*)", re.IGNORECASE)
_carriage = TraceContextTextMapPropagator()


class Spans:
    """One for a process. Where they go, how many of them and how often is set by the standard ``OTEL_…`` variables."""

    def __init__(self, service: str, settings: Settings) -> None:
        named = {} if os.environ.get(OTEL_SERVICE_NAME) else {SERVICE_NAME: f"waypost-{service}"}
        resource = Resource.create({SERVICE_INSTANCE_ID: settings.process_name, **named})
        self._service = service
        self._flush_seconds = settings.traces_flush_seconds
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("waypost")

    def close(self) -> None:
        """Sends what is left, but does not wait long for a collector that is away."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(self._flush_seconds)

    def request(self, headers: Mapping[str, str]) -> contextlib.AbstractContextManager[object]:
        """A request at the gateway, which goes on with the trace that ``headers`` name, if they name one."""
        return self._span("request", SpanKind.SERVER, headers)

    def answered(self, route: str, method: str, status: int) -> None:
        """What has become of the request whose span this is."""
        span = trace.get_current_span()
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "waypost.request": context.request_id.get(),
            }
        )
        if status >= 500:
            span.set_status(StatusCode.ERROR)

    @contextlib.contextmanager
    def asking(self, subject: str, headers: dict[str, str]) -> Iterator[None]:
        """A question, from the view of whoever asks; ``headers`` take the trace along."""
        with self._span(f"ask {subject}", SpanKind.CLIENT) as span:
            span.set_attributes({"messaging.system": "nats", "messaging.destination.name": subject})
            _carriage.inject(headers)
            with _outcome(span):
                yield

    @contextlib.contextmanager
    def answering(self, subject: str, headers: Mapping[str, str]) -> Iterator[None]:
        """The same where it is answered."""
        with self._span(f"answer {subject}", SpanKind.SERVER, headers) as span:
            span.set_attribute("waypost.request", context.request_id.get())
            with _outcome(span):
                yield

    def statement(self, record: Any) -> None:
        """Told by asyncpg when a statement has ended, in the context in which it ran.

        One that is carried out for several questions at once belongs to the trace of the first.
        """
        if not trace.get_current_span().get_span_context().is_valid:
            # The work of nobody's request: of these there would be many, and none of them tells a story.
            return
        end = time.time_ns()
        operation = _VERB.match(record.query)
        table = _TABLE.search(record.query)
        names = [each[1].lower() for each in (operation, table) if each]
        span = self._tracer.start_span(
            " ".join(names) or "statement", kind=SpanKind.CLIENT, start_time=end - int(record.elapsed * 1e9)
        )
        span.set_attributes({"db.system.name": "postgresql", "db.namespace": self._service})
        if record.exception is not None:
            span.set_status(StatusCode.ERROR)
            span.set_attribute("error.type", type(record.exception).__name__)
        span.end(end)

    def trace_id(self) -> str:
        """Of what is under way here, or "" when that is part of no trace."""
        found = trace.get_current_span().get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else ""

    def _span(
        self, name: str, kind: SpanKind, headers: Mapping[str, str] | None = None
    ) -> contextlib.AbstractContextManager[Span]:
        return self._tracer.start_as_current_span(
            name,
            context=None if headers is None else _carriage.extract(headers),
            kind=kind,
            # The words of an exception may repeat what somebody has sent.
            record_exception=False,
            set_status_on_exception=False,
        )


@contextlib.contextmanager
def _outcome(span: Span) -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        span.set_attribute("waypost.fault", fault.code.value)
        if fault.code in _OURS:
            span.set_status(StatusCode.ERROR)
        raise
    except BaseException as error:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", type(error).__name__)
        raise
