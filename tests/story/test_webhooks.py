"""The story of a webhook, on a stack as somebody has it who tries webhooks out, but its hours are far shorter."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.operate_webhooks import ALLOWED
from tests.client import Client, until
from tests.deploy.command import Up, answer
from tests.deploy.listener import Listener
from tests.servers import free_port, open_folder

HOOKS = "/api/use/webhooks"
# The nine retries of a message, three days in all, are over after about fourteen seconds.
TIME_SCALE = 20_000
# A minute, which a machine that stands still for some seconds does not use up.
OVERLAP_SECONDS = 60 * TIME_SCALE
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
def up(folder: Path) -> Iterator[Up]:
    name, _, networks = ALLOWED.partition("=")
    times = {"WAYPOST_TIME_SCALE": str(TIME_SCALE), "WAYPOST_WEBHOOK_OVERLAP_SECONDS": str(OVERLAP_SECONDS)}
    with Up(folder / "stack", **{name: networks}, **times) as started:
        started.wait_until_ready()
        answer(
            "account", "create", "--username", "ada", "--email", "ada@example.org", "--tier", "creator", *at(started)
        )
        yield started


@pytest.fixture
def ada(up: Up, session: aiohttp.ClientSession) -> Client:
    key = answer("key", "create", "--username", "ada", "--style", "lzly", *at(up))["key"]
    return Client(session, answer("status", *at(up))["url"], key, None)


def at(up: Up) -> tuple[str, str]:
    return "--data", str(up.data)


def made_by(listener: Listener) -> str:
    return listener.said.partition(" as the webhook ")[2].partition(";")[0]


async def shown(listener: Listener, event: str, count: int = 1, seconds: float = 20) -> list[dict[str, Any]]:
    """Waits until so many deliveries of an event are shown, and sees to it that all were verified."""

    async def look() -> list[dict[str, Any]]:
        return [each for each in listener.shown() if each["event"] == event]

    found: list[dict[str, Any]]
    found, _ = await until(look, lambda seen: len(seen) >= count, seconds=seconds)
    assert all(each["verified"] for each in found), found
    return found


async def test_what_happens_arrives_and_what_could_not_arrive_is_recovered(up: Up, ada: Client, folder: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    made = (await ada.post(HOOKS, {"url": url, "events": ["link.created", "link.clicked"]})).json
    webhook = f"{HOOKS}/{made['id']}"
    with Listener(folder, "--port", str(port), "--secret", "-", stdin=made["secret"]) as listener:
        assert listener.wait_until_listening() == url
        link = (await ada.post("/api/use/links", {"destinationUrl": "https://example.com/", "tags": ["summer"]})).json
        (created,) = await shown(listener, "link.created")
        assert created["body"]["data"] == link
        visit = f"/{link['shortCode']}?utm_source=story"
        assert (await ada.with_key(None).get(visit, headers={"User-Agent": PHONE})).status == 302
        (clicked,) = await shown(listener, "link.clicked")
        told = clicked["body"]["data"]
        assert told["link"]["id"] == link["id"]
        assert (told["link"]["shortUrl"], told["device"], told["utmSource"]) == (link["shortUrl"], "Mobile", "story")
        # For a while after a rotation the former secret signs too, so this listener still verifies.
        rotated = (await ada.post(f"{webhook}/rotate-secret")).json
        assert (await ada.post(f"{webhook}/test")).status == 202
        (tested,) = await shown(listener, "webhook.test")
        # It is shown before it is answered, and without the answer it would be tried again.
        path = f"{webhook}/deliveries/{tested['id']}"
        await until(lambda: ada.get(path), lambda answered: answered.json["state"] == "delivered")
        listener.stop(signal.SIGKILL)
    lost = (await ada.post("/api/use/links", {"destinationUrl": "https://example.com/lost"})).json

    async def failed() -> Any:
        return (await ada.get(f"{webhook}/deliveries?state=failed")).json["data"]

    (delivery,), _ = await until(failed, lambda seen: len(seen) == 1, seconds=60)
    assert (delivery["event"], delivery["attemptCount"], delivery["nextAttemptAt"]) == ("link.created", 10, None)
    with Listener(folder, "--port", str(port), "--secret", "-", stdin=rotated["secret"]) as listener:
        listener.wait_until_listening()
        recovered = await ada.post(f"{webhook}/recover", {"since": delivery["createdAt"]})
        assert (recovered.status, recovered.json) == (202, {"recovered": 1})
        (late,) = await shown(listener, "link.created")
        assert (late["id"], late["body"]["data"]) == (delivery["id"], lost)
        path = f"{webhook}/deliveries/{delivery['id']}"
        seen, _ = await until(lambda: ada.get(path), lambda answered: answered.json["state"] == "delivered")
        assert seen.json["attempts"][-1]["number"] == 11
        assert listener.stop() == 0
    assert (await ada.delete(webhook)).status == 204


async def test_a_listener_can_make_its_own_webhook_and_takes_it_along(up: Up, ada: Client, folder: Path) -> None:
    with Listener(folder, "--username", "ada", "--events", "link.created,link.deleted", *at(up)) as listener:
        url = listener.wait_until_listening()
        (webhook,) = (await ada.get(HOOKS)).json["data"]
        assert (webhook["url"], webhook["events"]) == (url, ["link.created", "link.deleted"])
        assert webhook["id"] in listener.said
        link = (await ada.post("/api/use/links", {"destinationUrl": "https://example.com/"})).json
        (created,) = await shown(listener, "link.created")
        assert created["body"]["data"] == link
        assert listener.stop(signal.SIGTERM) == 0
    assert (await ada.get(HOOKS)).json["total"] == 0


async def test_what_a_killed_listener_leaves_behind_is_removed_by_the_next_and_what_others_use_is_not(
    up: Up, ada: Client, folder: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    own = (await ada.post(HOOKS, {"url": url, "events": ["link.created"], "description": "at home"})).json["id"]
    port = str(free_port())
    for name in ("one", "killed", "next"):
        (folder / name).mkdir()
    with Listener(folder / "one", "--username", "ada", *at(up)) as one:
        one.wait_until_listening()
        # The next one listens somewhere else, or takes the place of the one that was killed.
        for port_of_next in ("0", port):
            with Listener(folder / "killed", "--username", "ada", "--port", port, *at(up)) as killed:
                killed.wait_until_listening()
                killed.stop(signal.SIGKILL)
            with Listener(folder / "next", "--username", "ada", "--port", port_of_next, *at(up)) as following:
                following.wait_until_listening()
                there = {each["id"] for each in (await ada.get(HOOKS)).json["data"]}
                assert there == {own, made_by(one), made_by(following)}
                assert f"removed the webhook {made_by(killed)}" in following.said
                assert following.stop() == 0
        assert one.stop() == 0
    assert [each["id"] for each in (await ada.get(HOOKS)).json["data"]] == [own]
    assert (await ada.delete(f"{HOOKS}/{own}")).status == 204


async def test_a_listener_minds_neither_that_its_webhook_is_gone_nor_hides_that_it_is_left(
    up: Up, ada: Client, folder: Path
) -> None:
    with Listener(folder, "--username", "ada", *at(up)) as listener:
        listener.wait_until_listening()
        (webhook,) = (await ada.get(HOOKS)).json["data"]
        assert (await ada.delete(f"{HOOKS}/{webhook['id']}")).status == 204
        assert listener.stop() == 0
    with Listener(folder, "--username", "ada", *at(up)) as listener:
        listener.wait_until_listening()
        (webhook,) = (await ada.get(HOOKS)).json["data"]
        up.stop()
        assert listener.stop() == 1
    assert f"The webhook {webhook['id']} is still there" in listener.said
