"""Logs are read along, bounded, and never in anybody's way."""

import os
import pty
from collections.abc import Callable
from pathlib import Path

from deploy.local.console import Console
from deploy.local.log_file import LogFile, last_words


def test_whole_lines_are_read_once_and_half_a_line_when_it_is_finished(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "links.log", 1_000_000)
    writer = log.open()
    os.write(writer, b"one\ntw")
    assert list(log.new_lines()) == ["one"]
    os.write(writer, b"o\n")
    assert list(log.new_lines()) == ["two"]
    assert list(log.new_lines()) == []
    os.close(writer)


def test_lines_of_an_earlier_start_are_not_shown_again(tmp_path: Path) -> None:
    (tmp_path / "links.log").write_text("old\n")
    log = LogFile(tmp_path / "links.log", 1_000_000)
    assert list(log.new_lines()) == []
    assert log.last_lines(5) == ["old"]


def test_a_log_stays_within_its_bound_and_keeps_one_older_file(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "links.log", 5_000)
    writer = log.open()
    seen: list[str] = []
    for number in range(1_000):
        os.write(writer, f"line number {number:04}\n".encode())
        seen += log.new_lines()
        log.rotate()
    os.close(writer)
    assert seen == [f"line number {number:04}" for number in range(1_000)]
    assert log.path.stat().st_size < 5_100
    assert sorted(each.name for each in tmp_path.iterdir()) == ["links.log", "links.log.1"]


def test_a_full_disk_is_named_when_a_process_has_met_it(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "postgres.log", 5_000)
    log.path.write_text("FATAL: could not write: No space left on device\n")
    assert last_words(log).startswith("The disk is full.")


def test_lines_carry_their_name_and_no_colour_when_nobody_looks_at_a_terminal(
    console: Console, shown: Callable[[], str]
) -> None:
    console.line("links", "hello")
    console.say("progress")
    assert shown() == "links     │ hello\nwaypost   │ progress\n"


def test_a_terminal_gets_colours_unless_it_wants_none() -> None:
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as terminal:
        Console(terminal, {}).line("links", "hello")
        assert os.read(master, 1_000).startswith(b"\x1b[36mlinks")
        Console(terminal, {"NO_COLOR": "1"}).line("links", "hello")
        assert os.read(master, 1_000).startswith(b"links")
    os.close(master)


def test_a_reader_that_has_stopped_does_not_stop_the_console() -> None:
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as out:
        console = Console(out, {})
        for number in range(50_000):
            console.line("links", f"{number} {'x' * 50}")
        got = b""
        while not got.endswith(b"the log files have them\n"):
            console.flush()
            got += os.read(reader, 65_536)
    os.close(reader)
    assert got.startswith(b"links     \xe2\x94\x82 0 ")
