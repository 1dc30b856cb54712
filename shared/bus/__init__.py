"""Questions, events and streams between the processes. The only room that knows NATS.

A question goes to one copy of the service that answers it, with a deadline; an event goes into JetStream and from there
to whoever listens. Nobody names a subject: it follows from the type of the message.
"""

from shared.bus import lean  # noqa: F401 - the first that imports NATS decides how
from shared.bus.client import Bus
from shared.bus.connection import connect
from shared.bus.follower import Extent, Follower
from shared.bus.messages import Delivery, Puller, Request, Serving
from shared.bus.streams import EVENTS_STREAM, PASSING_STREAM

__all__ = [
    "EVENTS_STREAM",
    "PASSING_STREAM",
    "Bus",
    "Delivery",
    "Extent",
    "Follower",
    "Puller",
    "Request",
    "Serving",
    "connect",
]
