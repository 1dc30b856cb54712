"""The story of a domain: claimed, proved, used for a link that somebody follows, and given up."""

from tests.client import Client, until
from tests.names import Names
from tests.receiver import Receiver

NAME = "links.story.example"


async def test_a_shop_has_links_on_its_own_domain(
    client: Client, visitor: Client, receiver: Receiver, names: Names
) -> None:
    hook = {"url": receiver.url, "events": ["domain.verified"]}
    assert (await client.post("/api/use/webhooks", hook)).status == 201
    claimed = (await client.post("/api/use/domains", {"domain": NAME, "rootUrl": "https://shop.example/"})).json
    domain = f"/api/use/domains/{claimed['id']}"
    link = {"destinationUrl": "https://shop.example/sale", "customSlug": "sale", "domain": NAME}
    assert (await client.post("/api/use/links", link)).status == 422
    looked = await client.post(f"{domain}/verify")
    assert (looked.json["status"], claimed["verification"]["name"] in looked.json["problem"]) == ("pending", True)

    names.writes(claimed["verification"]["name"], claimed["verification"]["value"])
    assert (await client.post(f"{domain}/verify")).json["status"] == "verified"
    (told,) = await receiver.until("domain.verified")
    assert told.json["data"]["domain"] == NAME

    made = (await client.post("/api/use/links", link)).json
    assert made["shortUrl"] == visitor.url.replace("127.0.0.1", NAME) + "/sale"
    followed = await visitor.get("/sale", headers={"Host": NAME})
    assert (followed.status, followed.headers["Location"]) == (302, "https://shop.example/sale")
    assert (await visitor.get("/", headers={"Host": NAME})).headers["Location"] == "https://shop.example/"
    assert (await visitor.get(f"/.well-known/waypost/domain?domain={NAME}")).status == 200

    assert (await client.delete(domain)).status == 409
    assert (await client.delete(f"/api/use/links/{made['id']}")).status == 204
    assert (await client.delete(domain)).status == 204
    await until(lambda: visitor.get("/sale", headers={"Host": NAME}), lambda answer: answer.status == 404)
