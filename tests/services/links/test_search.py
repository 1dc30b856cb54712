"""Links by what is in them."""

import pytest

from shared.contracts.links import (
    LinkPage,
    SearchLinks,
)
from tests.services.links.conftest import Desk


async def search(desk: Desk, **fields: object) -> LinkPage:
    return await desk.bus.ask(SearchLinks(workspace=desk.workspace, mode=desk.mode, **fields))  # type: ignore[arg-type]


async def found(desk: Desk, **fields: object) -> list[str]:
    """The ids; the total agrees with them."""
    page = await search(desk, limit=100, **fields)
    assert page.total == len(page.links)
    return [link.id for link in page.links]


async def test_a_text_is_found_in_title_short_code_and_destination_whatever_its_case(desk: Desk) -> None:
    titled = await desk.create(title="The SUMMER sale")
    coded = await desk.create(slug=f"Summer-{desk.workspace[:9]}")
    leading = await desk.create("https://example.com/SumMer")
    await desk.create(title="Winter", description="summer", tags=("summer",))
    assert set(await found(desk, search="summer")) == {titled.id, coded.id, leading.id}


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "a_b", "\\n", "ß", "'", '"', "€", "x y"])
async def test_every_sign_stands_for_itself(desk: Desk, text: str) -> None:
    await desk.create(title="100 axb nothing of the kind", slug=f"plain-{desk.workspace[:9]}")
    holding = await desk.create(title=f"here: {text} and more")
    assert await found(desk, search=text) == [holding.id]


async def test_a_text_does_not_reach_from_one_field_into_the_next(desk: Desk) -> None:
    await desk.create("https://example.com", title="end", slug=f"begin-{desk.workspace[:9]}")
    assert await found(desk, search="endbegin") == []
    assert await found(desk, search="end begin") == []
