import hashlib

import pytest

from shared.sealing import Sealer, Unsealable

KEY = "k" * 32


def test_what_is_sealed_can_be_opened_and_not_be_read() -> None:
    sealer = Sealer(KEY, "tests")
    sealed = sealer.seal(b"a secret", b"here")
    assert b"a secret" not in sealed
    assert Sealer(KEY, "tests").open(sealed, b"here") == b"a secret"


def test_the_same_secret_never_looks_the_same() -> None:
    sealer = Sealer(KEY, "tests")
    assert len({sealer.seal(b"a secret", b"here") for _ in range(100)}) == 100


def test_a_mark_is_the_same_for_the_same_and_tells_nothing_without_the_key() -> None:
    assert Sealer(KEY, "tests").mark(b"a request") == Sealer(KEY, "tests").mark(b"a request")
    others = [Sealer(KEY, "tests").mark(b"another"), Sealer(KEY, "else").mark(b"a request")]
    assert Sealer(KEY, "tests").mark(b"a request") not in [*others, hashlib.sha256(b"a request").digest()]


def test_another_key_another_purpose_another_place_or_another_bit_opens_nothing() -> None:
    sealer = Sealer(KEY, "tests")
    sealed = sealer.seal(b"a secret", b"here")
    attempts = [(Sealer(KEY[:-1] + "l", "tests"), sealed, b"here"), (Sealer(KEY, "else"), sealed, b"here")]
    attempts += [(sealer, sealed, b"there"), (sealer, b"", b"here"), (sealer, sealed[:-1], b"here")]
    attempts += [(sealer, bytes([*sealed[:n], sealed[n] ^ 1, *sealed[n + 1 :]]), b"here") for n in range(len(sealed))]
    for opener, text, place in attempts:
        with pytest.raises(Unsealable):
            opener.open(text, place)
