"""What visitors know of their clicks: written down on their side, and held against what the platform has counted."""

from collections import Counter

import msgspec


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    clicks: int  # answered with a redirect
    unanswered: int  # sent, and no answer came; such a click may count or not
    lost: int
    duplicated: int
    invented: int  # counted without having been sent, or though it was refused
    disagreements: tuple[str, ...]  # places that do not say the same as the raw visits

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.invented or self.disagreements)


class Ledger:
    """Every click has a token of its own, and is in exactly one of the three sets when its visitor has gone."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._sent = 0
        self.answered: set[str] = set()
        self.refused: set[str] = set()
        self.unanswered: set[str] = set()

    def new_token(self) -> str:
        self._sent += 1
        return f"{self._name}-{self._sent}"

    def judge(self, counted: Counter[str], disagreements: tuple[str, ...]) -> Verdict:
        """``counted``: how often each token is among the raw visits."""
        return Verdict(
            clicks=len(self.answered),
            unanswered=len(self.unanswered),
            lost=len(self.answered - counted.keys()),
            duplicated=counted.total() - len(counted),
            invented=len(counted.keys() - self.answered - self.unanswered),
            disagreements=disagreements,
        )
