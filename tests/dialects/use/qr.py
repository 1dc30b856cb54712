"""How a customer makes QR codes and looks at them."""

from typing import Any

from tests.client import Answer, Client

QR = "/api/use/qr"
DARK, LIGHT = "#1B2A49", "#FFF4D6"


async def new_link(client: Client, **fields: object) -> dict[str, Any]:
    answer = await client.post("/api/use/links", {"destinationUrl": "https://example.com/landing-page", **fields})
    assert answer.status == 201, answer.body
    link: dict[str, Any] = answer.json
    return link


async def new_code(client: Client, link: dict[str, Any] | None = None, **fields: object) -> dict[str, Any]:
    link = link or await new_link(client)
    answer = await client.post(QR, {"linkId": link["id"], **fields})
    assert answer.status == 201, answer.body
    code: dict[str, Any] = answer.json
    return code


def faulty(answer: Answer) -> tuple[int, str, list[str]]:
    return answer.status, answer.json["error"], [each["field"] for each in answer.json["details"]]


async def image(client: Client, code: dict[str, Any], query: str = "") -> Answer:
    return await client.get(f"{QR}/{code['id']}/image{query}")
