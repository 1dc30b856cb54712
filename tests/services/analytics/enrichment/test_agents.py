"""Which agents are robots, and what the others are."""

from pathlib import Path

import msgspec
import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from services.analytics.enrichment.agents import Agents
from services.analytics.enrichment.crawlers import PEOPLE
from services.analytics.enrichment.libraries import without_libraries


class Labelled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent and what it is; unset is what nobody would miss."""

    agent: str
    bot: bool
    library: bool = False  # names nothing but a library or a command, so that it is a setting what it counts as
    device: str | msgspec.UnsetType = msgspec.UNSET
    os: str | msgspec.UnsetType = msgspec.UNSET
    browser: str | msgspec.UnsetType = msgspec.UNSET


LABELLED = msgspec.json.decode(
    (Path(__file__).parent / "agents.json").read_bytes(),
    type=list[Labelled],
)
ROBOTS = [entry for entry in LABELLED if entry.bot]
LIBRARIES = [entry for entry in LABELLED if entry.library]
HUMANS = [entry for entry in LABELLED if not entry.bot and not entry.library]


@pytest.fixture(scope="module")
def agents() -> Agents:
    return Agents(client_libraries_are_bots=False)


@pytest.fixture(scope="module")
def strict() -> Agents:
    return Agents(client_libraries_are_bots=True)


@pytest.fixture(params=["agents", "strict"])
def either(request: pytest.FixtureRequest) -> Agents:
    """For what the setting changes nothing about."""
    chosen: Agents = request.getfixturevalue(request.param)
    return chosen


def test_the_labelled_set_is_large_and_has_no_agent_twice() -> None:
    assert len({entry.agent for entry in LABELLED}) == len(LABELLED) >= 260
    assert len(ROBOTS) >= 100
    assert len(LIBRARIES) >= 60
    assert sum(entry.browser is not msgspec.UNSET for entry in HUMANS) >= 120


def test_at_least_95_of_100_robots_are_known(either: Agents) -> None:
    missed = [entry.agent for entry in ROBOTS if not either.read(entry.agent).bot]
    assert len(missed) <= 0.05 * len(ROBOTS), missed


def test_at_most_one_of_100_people_is_taken_for_a_robot(either: Agents) -> None:
    accused = [entry.agent for entry in HUMANS if either.read(entry.agent).bot]
    assert len(accused) <= 0.01 * len(HUMANS), accused


def test_who_names_nothing_but_a_library_is_a_person(agents: Agents) -> None:
    assert not [entry.agent for entry in LIBRARIES if agents.read(entry.agent).bot]


def test_libraries_are_robots_where_the_operator_wants_them_to_be(strict: Agents) -> None:
    assert not [entry.agent for entry in LIBRARIES if not strict.read(entry.agent).bot]


@pytest.mark.parametrize(
    ("agent", "bot"),
    [
        ("MyApp/1.0 okhttp/4.12.0", False),
        ("MyBot/1.0 okhttp/4.12.0", True),
        ("python-requests/2.32.3 (+https://example.com/crawler)", True),
        ("curl/8.5.0 (ops@example.com)", True),
        ("http.rb/5.2.0 (Mastodon/4.3.1; +https://mastodon.example/) Bot", True),
        ("W3C-checklink/4.81 libwww-perl/6.05", True),
    ],
)
def test_who_uses_a_library_is_judged_by_what_is_said_besides(agents: Agents, agent: str, bot: bool) -> None:
    assert agents.read(agent).bot == bot


def test_device_system_and_browser_are_read_exactly(agents: Agents) -> None:
    wrong = []
    for entry in HUMANS + LIBRARIES:
        read = agents.read(entry.agent)
        for field in ("device", "os", "browser"):
            expected = getattr(entry, field)
            if expected is not msgspec.UNSET and expected != getattr(read, field):
                wrong.append(f"{field} is {getattr(read, field)}, not {expected}: {entry.agent}")
    assert not wrong


def test_the_examples_of_the_crawler_list_are_known(agents: Agents, strict: Agents) -> None:
    examples = [
        example
        for entry in CRAWLER_USER_AGENTS_DATA
        if entry["pattern"] not in PEOPLE
        for example in entry["instances"]
    ]
    assert not [example for example in examples if not strict.read(example).bot]
    named = [example for example in examples if without_libraries(example)]
    assert len(named) > 2000
    # Of this one nothing but its library tells what it is.
    assert [example for example in named if not agents.read(example).bot] == ["2Bone_LinkChkr/1.0 libwww-perl/6.03"]


@pytest.mark.parametrize("agent", ["", "  ", "\t"])
def test_who_gives_no_name_is_a_robot_only_where_libraries_are(agents: Agents, strict: Agents, agent: str) -> None:
    assert not agents.read(agent).bot
    assert strict.read(agent).bot


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
