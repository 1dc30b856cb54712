"""Log lines that machines can read, whatever is in them."""

import io
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from shared import context
from shared.log import JsonFormatter, TextFormatter


def written(formatter: logging.Formatter, message: str, *args: object, **extra: object) -> str:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(formatter)
    logger = logging.Logger("tests.log")
    logger.addHandler(handler)
    logger.info(message, *args, extra=extra or None, exc_info=sys.exc_info()[0] is not None)
    return text.getvalue()


def line(message: str, *args: object, **extra: object) -> dict[str, Any]:
    text = written(JsonFormatter("links"), message, *args, **extra)
    assert text.count("\n") == 1
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_says_when_who_and_what() -> None:
    found = line("%s of %s", 1, 2, slug="abc", count=3, nothing=None, odd={"a": 1})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["time"])
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found["time"])).total_seconds()) < 5
    del found["time"]
    assert found == {
        "level": "info",
        "process": "links",
        "logger": "tests.log",
        "message": "1 of 2",
        "slug": "abc",
        "count": 3,
        "nothing": None,
        "odd": "{'a': 1}",
    }


def test_a_line_names_the_request_it_belongs_to() -> None:
    token = context.request_id.set("the-request")
    assert line("hello")["request"] == "the-request"
    assert "the-request" in written(TextFormatter(), "hello")
    context.request_id.reset(token)
    assert "request" not in line("hello")


@pytest.mark.parametrize("text", ['two\nlines "quoted"', "\x00\x1b[31m", "\udc80 half a letter", "☃", "x" * 100_000])
def test_no_text_breaks_a_line(text: str) -> None:
    assert line("%s", text, slug=text)["level"] == "info"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1 << 80, -(1 << 80)])
def test_no_number_breaks_a_line(number: float) -> None:
    assert line("number", number=number)["message"] == "number"


def test_a_field_cannot_pose_as_one_of_ours() -> None:
    found = line("true", time="never", level="none", logger="other", request="forged")
    assert found["level"] == "info"
    assert found["logger"] == "tests.log"
    assert found["time"] != "never"
    assert "request" not in found


def test_a_crash_is_in_the_line_with_its_whole_story() -> None:
    try:
        raise ValueError("the reason")
    except ValueError:
        found = line("it went wrong")
    assert "ValueError: the reason" in found["exception"]
    assert "test_log.py" in found["exception"]


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "cr\rlf"])
def test_a_text_line_stays_one_line_without_control_characters(text: str) -> None:
    found = written(TextFormatter(), "%s", text)
    assert found.count("\n") == 1
    assert "\x1b" not in found
    assert "\r" not in found
