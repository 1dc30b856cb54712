"""Which agents are robots, and what the others are."""

from pathlib import Path

import msgspec
import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from services.analytics.enrichment.agents import Agents
from services.analytics.enrichment.crawlers import PEOPLE


class Labelled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent and what it is; unset is what nobody would miss."""

    agent: str
    bot: bool
    device: str | msgspec.UnsetType = msgspec.UNSET
    os: str | msgspec.UnsetType = msgspec.UNSET
    browser: str | msgspec.UnsetType = msgspec.UNSET


LABELLED = msgspec.json.decode(
    (Path(__file__).parent / "agents.json").read_bytes(),
    type=list[Labelled],
)
ROBOTS = [entry for entry in LABELLED if entry.bot]
HUMANS = [entry for entry in LABELLED if not entry.bot]


@pytest.fixture(scope="module")
def agents() -> Agents:
    return Agents()


def test_the_labelled_set_is_large_and_has_no_agent_twice() -> None:
    assert len({entry.agent for entry in LABELLED}) == len(LABELLED) >= 260
    assert len(ROBOTS) >= 100
    assert sum(entry.browser is not msgspec.UNSET for entry in HUMANS) >= 120


def test_at_least_95_of_100_robots_are_known(agents: Agents) -> None:
    missed = [entry.agent for entry in ROBOTS if not agents.read(entry.agent).bot]
    assert len(missed) <= 0.05 * len(ROBOTS), missed


def test_at_most_one_of_100_people_is_taken_for_a_robot(agents: Agents) -> None:
    accused = [entry.agent for entry in HUMANS if agents.read(entry.agent).bot]
    assert len(accused) <= 0.01 * len(HUMANS), accused


def test_device_system_and_browser_are_read_exactly(agents: Agents) -> None:
    wrong = []
    for entry in HUMANS:
        read = agents.read(entry.agent)
        for field in ("device", "os", "browser"):
            expected = getattr(entry, field)
            if expected is not msgspec.UNSET and expected != getattr(read, field):
                wrong.append(f"{field} is {getattr(read, field)}, not {expected}: {entry.agent}")
    assert not wrong


def test_every_example_of_the_crawler_list_is_known(agents: Agents) -> None:
    examples = [
        example
        for entry in CRAWLER_USER_AGENTS_DATA
        if entry["pattern"] not in PEOPLE
        for example in entry["instances"]
        if not example.startswith(("curl/", "Wget/", "HTTPie/"))
    ]
    assert len(examples) > 2000
    assert not [example for example in examples if not agents.read(example).bot]


@pytest.mark.parametrize("agent", ["curl/8.5.0", "Wget/1.21.4", "HTTPie/3.2.4", "PostmanRuntime/7.43.0"])
def test_a_person_at_a_command_line_is_a_person(agents: Agents, agent: str) -> None:
    assert not agents.read(agent).bot


@pytest.mark.parametrize("agent", ["", "  ", "\t"])
def test_who_gives_no_name_is_a_robot(agents: Agents, agent: str) -> None:
    assert agents.read(agent).bot


def test_an_unknown_program_is_no_robot_before_it_is_known_as_one(agents: Agents) -> None:
    read = agents.read("Frobnicator 3000")
    assert (read.device, read.os, read.browser, read.bot) == ("Other", "Unknown", "Unknown", False)


@pytest.mark.parametrize("app", ["a" * 150, "a\0b", "a\x85b"])
def test_a_name_that_the_visitor_made_up_does_not_get_into_reports(agents: Agents, app: str) -> None:
    assert agents.read("Reader/3.1 CFNetwork/1490.0.4 Darwin/23.2.0").browser == "Reader"
    assert agents.read(f"{app}/3.1 CFNetwork/1490.0.4 Darwin/23.2.0").browser == "Unknown"


@pytest.mark.parametrize("agent", ["\0" * 1024, "ÿ" * 1024, "(" * 1024, "Mozilla/5.0 (" + "; a" * 340, "bot" * 341])
def test_no_agent_is_too_odd_to_be_read(agents: Agents, agent: str) -> None:
    agents.read(agent)
