"""The story of a poster: a link, a code for it, a passer-by with a phone, and what its owner learns of that."""

from tests import scanner
from tests.client import Client, until
from tests.receiver import Receiver
from tests.services.webhooks.test_clicks import until_wanted
from tests.world import World

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"


async def test_a_poster_is_scanned(world: World, client: Client, visitor: Client, receiver: Receiver) -> None:
    hook = {"url": receiver.url, "events": ["qr.created", "qr.scanned"]}
    assert (await client.post("/api/use/webhooks", hook)).status == 201
    link = (await client.post("/api/use/links", {"destinationUrl": "https://example.com/concert"})).json
    look = {"title": "Poster at the station", "foreground": "#5B2A86", "errorCorrection": "Q"}
    code = (await client.post("/api/use/qr", {"linkId": link["id"], **look})).json
    (made,) = await receiver.until("qr.created")
    assert made.json["data"]["id"] == code["id"]
    # From here on, scans are told too.
    await until_wanted(world, client.account.workspace.id)

    picture = await client.get(f"/api/use/qr/{code['id']}/image?format=png&size=300")
    says = scanner.read(scanner.develop(picture.body))
    assert says.startswith(client.url)
    for path in (says.removeprefix(client.url), f"/{link['shortCode']}"):
        followed = await visitor.get(path, headers={"User-Agent": PHONE})
        assert (followed.status, followed.headers["Location"]) == (302, "https://example.com/concert")

    (told,) = await receiver.until("qr.scanned")
    assert (told.json["data"]["qrCodeId"], told.json["data"]["device"]) == (code["id"], "Mobile")

    async def figures() -> tuple[int, int]:
        scans = (await client.get(f"/api/use/qr/{code['id']}")).json["scans"]
        return scans, (await client.get(f"/api/use/links/{link['id']}")).json["clicks"]

    # One of the two came by the poster.
    await until(figures, lambda seen: seen == (1, 2))
    assert len(receiver.received) == 2
