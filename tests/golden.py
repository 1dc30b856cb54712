"""Answers as they are documented, whole, kept in files next to the tests that ask for them."""

from pathlib import Path

import msgspec

from tests.client import Answer, timeless


def check(folder: Path, name: str, answer: Answer, **names: str) -> None:
    """Fails unless ``answer`` is what ``<name>.json`` says; ``names`` are values that differ from run to run."""
    path = folder / f"{name}.json"
    seen = {"status": answer.status, "body": timeless(answer.body, **names) if answer.body else None}
    assert path.exists(), f"no {path.name}; seen: {msgspec.json.format(msgspec.json.encode(seen)).decode()}"
    assert seen == msgspec.json.decode(path.read_bytes())
