"""How often Python looks for objects that keep each other alive: ours hardly ever do, they go with their request."""

import gc

# With the 700 that Python begins with, some dozens of requests at a time are looked through again and again, which
# takes a tenth of the processor time of a request.
YOUNG_OBJECTS = 10_000


def settle(young_objects: int = YOUNG_OBJECTS) -> None:
    """Called once, when everything is imported: that stays for good, and is not looked through any more."""
    gc.set_threshold(young_objects)
    gc.freeze()
