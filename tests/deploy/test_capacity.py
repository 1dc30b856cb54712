"""What the capacity page promises is what its program reckons, and the program reckons right."""

import math
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deploy.capacity import limits, page, queueing
from deploy.capacity.__main__ import Told, main
from deploy.capacity.measured import (
    BUSY_RATE,
    ROW,
    STEADY_READS,
    Measured,
    NotMeasured,
    Operation,
    Role,
    cpu_name,
    idle_name,
    read,
)
from deploy.capacity.needs import BUSY, PACED_REDIRECTS, Load, of_redirect, reckon
from deploy.capacity.queueing import Station, Step
from tests.bench.__main__ import ROWS
from tests.deploy.command import HOME

MEASURED = read()
LOAD = Load(redirects=2_000, reads=300, writes=30, deliveries=30)


def test_the_page_shows_what_the_program_reckons() -> None:
    text = (HOME / "deploy/capacity.md").read_text(encoding="utf-8")
    assert page.render(MEASURED) in text, "`python -m deploy.capacity --page` prints the tables anew"
    assert text.count(page.BEGIN) == text.count(page.END) == 1


def test_the_benchmark_has_the_row_that_the_program_reads() -> None:
    assert ROW in ROWS


def test_every_cost_has_been_measured() -> None:
    assert all(MEASURED.microseconds(operation, role) >= 0 for operation in Operation for role in Role)
    assert all(MEASURED.mebibytes(role) > 0 for role in Role)


@pytest.mark.parametrize("load", [*page.LOADS, LOAD, Load(redirects=0, reads=5_000)])
def test_no_process_is_busier_than_it_should_be(load: Load) -> None:
    for share in reckon(load, MEASURED).shares:
        assert share.busy <= share.cores * BUSY
        assert share.processes <= share.cores


def test_one_gateway_less_would_be_too_busy() -> None:
    needs = reckon(page.LOADS[-1], MEASURED)
    gateway = needs.of(Role.GATEWAY)
    assert gateway.processes > 2
    assert gateway.busy > (gateway.processes - 2) * BUSY


def test_a_redirect_costs_what_was_measured_at_both_rates() -> None:
    names = cpu_name(Operation.REDIRECT, Role.ANALYTICS), cpu_name(Operation.REDIRECT_BUSY, Role.ANALYTICS)
    paced, busy = (MEASURED.values[name] for name in names)
    most = MEASURED.values[BUSY_RATE]
    assert of_redirect(*names, PACED_REDIRECTS, MEASURED) == pytest.approx(paced)
    assert of_redirect(*names, most, MEASURED) == pytest.approx(busy)
    assert busy < of_redirect(*names, most / 2, MEASURED) < paced


def test_twice_the_clicks_kept_for_half_the_days_take_the_same_disk() -> None:
    once = reckon(LOAD, MEASURED).disk
    twice = reckon(msgspec.structs.replace(LOAD, redirects=4_000, clicks_kept_days=45), MEASURED).disk
    assert twice.clicks_kept == pytest.approx(once.clicks_kept)
    assert twice.clicks_a_day == pytest.approx(2 * once.clicks_a_day)
    assert twice.journal_an_hour == pytest.approx(2 * once.journal_an_hour)


def test_a_small_load_meets_no_limit_and_a_large_one_the_disk() -> None:
    small, _, large = (list(limits.met(reckon(load, MEASURED))) for load in page.LOADS)
    assert small == []
    assert any("WAYPOST_CLICKS_KEEP_DAYS" in words for words in large)


@pytest.mark.parametrize("busy", [0.3, 0.6])
def test_one_server_waits_as_theory_has_it(busy: float) -> None:
    """M/M/1: the time in the system is exponential, its rate that of the server less that of the arrivals."""
    path, places = [Step("one", 0.001)], [Station("one", 1)]
    waits = queueing.simulate(path, places, 1_000 * busy, random.Random(7), 60_000)
    rate = 1.0 - busy  # per millisecond
    assert waits.p50 == pytest.approx(math.log(2) / rate, rel=0.1)
    assert waits.p99 == pytest.approx(math.log(100) / rate, rel=0.15)


def test_a_second_server_makes_waits_shorter() -> None:
    path = [Step("one", 0.001)]
    alone, together = (
        queueing.simulate(path, [Station("one", servers)], 800, random.Random(7), 20_000) for servers in (1, 2)
    )
    assert together.p99 < alone.p99 / 2


def test_fewer_cores_than_servers_make_waits_longer() -> None:
    path, places = [Step("one", 0.001)], [Station("one", 2)]
    apart, shared, one = (
        queueing.simulate(path, places, 600, random.Random(7), 20_000, cores=cores) for cores in (None, 2, 1)
    )
    assert shared == apart
    assert one.p99 > 2 * apart.p99


def test_the_simulation_comes_near_what_was_measured() -> None:
    needs = reckon(Load(redirects=0, reads=STEADY_READS), MEASURED)
    waits = queueing.reads(needs, MEASURED, queueing.SEED, MEASURED.cores)
    assert MEASURED.steady_p99 is not None
    assert 0.5 < waits.p99 / MEASURED.steady_p99 < 2


def test_figures_of_ones_own_count_instead(tmp_path: Path) -> None:
    own = _write(tmp_path, MEASURED.values | {cpu_name(Operation.READ, Role.POSTGRES): 12_345.0})
    load = Load(redirects=0, reads=100)
    more = reckon(load, own).of(Role.POSTGRES).busy - reckon(load, MEASURED).of(Role.POSTGRES).busy
    assert more == pytest.approx(100 * (12_345 - MEASURED.microseconds(Operation.READ, Role.POSTGRES)) * 1e-6)


def test_a_file_without_the_row_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    path.write_text('{"at": "2026-01-01", "machine": {"cores": 2}, "rows": {}}')
    assert main(["--measured", str(path)]) == 1
    assert "make bench ONLY=capacity" in capsys.readouterr().err
    path.write_text("{}")
    with pytest.raises(NotMeasured, match="no result"):
        read(path)


def test_a_row_without_a_figure_that_counts_is_refused(tmp_path: Path) -> None:
    missing = cpu_name(Operation.READ, Role.NATS)
    with pytest.raises(NotMeasured, match=missing):
        _write(tmp_path, {name: value for name, value in MEASURED.values.items() if name != missing})


def test_a_gateway_that_was_never_at_rest_is_no_measure(tmp_path: Path) -> None:
    restless = _write(tmp_path, MEASURED.values | {idle_name(Role.GATEWAY): 1.0})
    with pytest.raises(NotMeasured, match="at rest"):
        reckon(LOAD, restless)


def test_the_program_tells_people_and_programs_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--redirects", "1000", "--reads", "50", "--writes", "5", "--clicks-kept-days", "30", "--simulate"]
    told = msgspec.json.decode(_run(*words, "--json"), type=Told)
    assert told.needs.load.clicks_kept_days == 30
    assert told.needs == reckon(told.needs.load, MEASURED)
    assert told.waits
    assert main(words) == 0
    assert f"99 in 100 {told.waits.p99:.1f} ms" in capsys.readouterr().out


def _write(folder: Path, values: dict[str, float]) -> Measured:
    figures = [{"name": name, "median": value} for name, value in values.items()]
    path = folder / "bench.json"
    path.write_bytes(msgspec.json.encode({"at": "2026-01-01", "machine": {"cores": 4}, "rows": {ROW: figures}}))
    return read(path)


def _run(*words: str) -> str:
    command = [sys.executable, "-m", "deploy.capacity", *words]
    return subprocess.run(command, cwd=HOME, capture_output=True, check=True, text=True).stdout
