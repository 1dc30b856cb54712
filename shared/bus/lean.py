"""The NATS client, without the library with which it would speak WebSocket.

Nobody here does, and that library would take a third of the time in which our processes start.
"""

import importlib
import sys

LEFT_OUT = "aiohttp"

if LEFT_OUT not in sys.modules:
    # This is how the import system is told that there is none; the client takes it for not installed.
    sys.modules[LEFT_OUT] = None  # type: ignore[assignment]
    try:
        importlib.import_module("nats")
    finally:
        del sys.modules[LEFT_OUT]
