"""How long to wait before a dead process is started again."""

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
# A process that has been well for this long has earned a quick restart again.
HEALTHY_SECONDS = 10.0


class Backoff:
    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def wait(self) -> float:
        """The pause in seconds after one more death."""
        pause = self._next
        self._next = min(self._next * 2, LONGEST_SECONDS)
        return pause

    def was_well_for(self, seconds: float) -> None:
        if seconds >= HEALTHY_SECONDS:
            self._next = FIRST_SECONDS
