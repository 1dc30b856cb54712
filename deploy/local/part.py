"""What the supervisor keeps running: a server or a process of ours."""

from abc import ABC, abstractmethod

from deploy.local.child import Command


class Part(ABC):
    name: str
    # Servers are only heard when they fail; their log files have the rest.
    heard = True

    async def prepare(self) -> None:  # noqa: B027 – most parts have nothing to prepare
        """What must be there before the first start; raises `Trouble`."""

    @abstractmethod
    def command(self) -> Command:
        """How to start it this time. A server that has never answered may try another port each time."""

    @abstractmethod
    async def answers(self) -> bool:
        """Does it serve by now? Takes a second at most; raises `Trouble` when it never will."""

    def settle(self) -> None:  # noqa: B027
        """It has answered: from now on its address stays."""

    @property
    def address(self) -> str | None:
        """Its URL without a password; None when nobody connects to it."""
        return None

    @property
    def metrics(self) -> str | None:
        """Where its metrics are read; None when it has none."""
        return None
