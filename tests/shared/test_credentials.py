import hashlib
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import credentials
from shared.contracts.keys import Style
from shared.contracts.modes import Mode

KNOWN = {
    "ezx_" + "0" * 56: Style.EZX,
    "lzly_live_" + "0" * 26: Style.LZLY,
    "lzly_test_" + "Zz9" * 8 + "aB": Style.LZLY,
}
KINDS = [(style, mode) for style in Style for mode in Mode]


def crc32(data: bytes) -> int:
    """CRC-32 as the standard describes it, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def in_base62(number: int) -> str:
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    return "".join(digits[number // 62**place % 62] for place in range(5, -1, -1))


@pytest.mark.parametrize(("style", "mode"), KINDS)
def test_a_new_key_is_well_formed_and_has_the_documented_shape(style: Style, mode: Mode) -> None:
    key = credentials.mint(style, mode)
    assert credentials.parse(key) is style
    assert re.fullmatch({"ezx": r"ezx_[0-9a-f]{64}", "lzly": rf"lzly_{mode}_[0-9A-Za-z]{{32}}"}[style], key)


@pytest.mark.parametrize(("body", "style"), KNOWN.items())
def test_the_checksum_is_the_standard_crc_32_of_everything_before_it(body: str, style: Style) -> None:
    number = crc32(body.encode())
    key = body + (f"{number:08x}" if style is Style.EZX else in_base62(number))
    assert credentials.parse(key) is style


@given(data=st.data())
def test_a_key_with_any_one_character_changed_is_refused(data: st.DataObject) -> None:
    key = credentials.mint(*data.draw(st.sampled_from(KINDS)))
    place = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != key[place]))
    assert credentials.parse(key[:place] + other + key[place + 1 :]) is None


@pytest.mark.parametrize(("style", "mode"), KINDS)
def test_every_likely_slip_of_the_hand_is_refused(style: Style, mode: Mode) -> None:
    key = credentials.mint(style, mode)
    likely = string.ascii_letters + string.digits + "_- \n"
    for place, character in enumerate(key):
        assert not any(
            credentials.parse(key[:place] + other + key[place + 1 :]) for other in likely if other != character
        )
        assert credentials.parse(key[:place] + key[place + 1 :]) is None
        assert credentials.parse(key[:place] + "0" + key[place:]) is None
        swapped = key[:place] + key[place : place + 2][::-1] + key[place + 2 :]
        assert swapped == key or credentials.parse(swapped) is None
    for other in (key.upper(), key + "\n", " " + key, key * 2, key[:-1] + "\N{FULLWIDTH DIGIT ONE}"):
        assert credentials.parse(other) is None


@given(st.text())
def test_no_invented_text_is_taken_for_a_key(text: str) -> None:
    assert credentials.parse(text) is None
    assert credentials.parse("ezx_" + text) is None
    assert credentials.parse("lzly_live_" + text) is None


def test_a_live_key_cannot_be_respelled_as_a_test_key() -> None:
    key = credentials.mint(Style.LZLY, Mode.LIVE)
    assert credentials.parse(key.replace("live", "test")) is None


def test_no_two_keys_are_the_same() -> None:
    for style, mode in KINDS:
        assert len({credentials.mint(style, mode) for _ in range(2_000)}) == 2_000


@pytest.mark.parametrize(("style", "mode"), KINDS)
def test_what_is_shown_of_a_key_is_its_beginning_and_its_end(style: Style, mode: Mode) -> None:
    key = credentials.mint(style, mode)
    shown = credentials.prefix(key)
    assert key.startswith(shown)
    assert key.endswith(credentials.last_four(key))
    assert len(shown) == len("ezx_" if style is Style.EZX else "lzly_live_") + 4
    assert len(credentials.last_four(key)) == 4


def test_the_digest_is_sha_256_of_the_whole_key() -> None:
    key = credentials.mint(Style.EZX, Mode.LIVE)
    assert credentials.digest(key) == hashlib.sha256(key.encode()).digest()
