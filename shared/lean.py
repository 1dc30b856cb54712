"""Libraries without those of their companions that nobody here needs."""

import importlib
import sys


def load(wanted: str, *, without: str) -> None:
    """Imports ``wanted``, which takes ``without`` for not installed, unless somebody else has loaded that already."""
    if without in sys.modules:
        return
    # This is how the import system is told that there is none.
    sys.modules[without] = None  # type: ignore[assignment]
    try:
        importlib.import_module(wanted)
    finally:
        del sys.modules[without]
