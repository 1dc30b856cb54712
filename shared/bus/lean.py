"""The NATS client, without the library with which it would speak WebSocket.

Nobody here does, and that library would take a third of the time in which our processes start.
"""

from shared import lean

lean.load("nats", without="aiohttp")
