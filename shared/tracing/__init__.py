"""Where the time of a request goes, as traces of OpenTelemetry: from the gateway over the bus to the statements.

Off unless ``WAYPOST_TRACES`` says otherwise, and then nothing of OpenTelemetry is even loaded. Redirects out of memory
have no spans: what there is to know of them is in the metrics.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.settings import Settings, SettingsError, variable

if TYPE_CHECKING:
    from shared.tracing.spans import Spans


class Tracing:
    """What this process traces with; None: nobody wants traces."""

    def __init__(self) -> None:
        self.spans: Spans | None = None

    @contextlib.contextmanager
    def begin(self, service: str, settings: Settings) -> Iterator[None]:
        """`SettingsError` when traces are wanted and the extra that makes them is not installed."""
        if settings.traces == "off":
            yield
            return
        try:
            from shared.tracing.spans import Spans
        except ImportError as error:
            words = f"{variable('traces')}: {error.name} is not installed; `pip install waypost[traces]` brings it"
            raise SettingsError(words) from None
        self.spans = Spans(service, settings)
        try:
            yield
        finally:
            self.spans.close()
            self.spans = None


TRACING = Tracing()
