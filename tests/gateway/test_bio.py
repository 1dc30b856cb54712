"""The page /@username as visitors see it, and what the creator changes on it."""

from shared.contracts.links import CreateLink
from shared.contracts.modes import Mode
from tests.client import Answer, Client, NewClient, until, within
from tests.ending import ends_soon, later
from tests.world import World


def page_of(client: Client) -> str:
    return f"/@{client.account.user.username}"


def at(answer: Answer, *texts: str) -> list[int]:
    """Where on the page the texts stand, -1 when they do not."""
    return [answer.body.decode().find(text) for text in texts]


async def test_the_page_shows_the_links_in_their_order(client: Client, visitor: Client) -> None:
    first = await client.new_link(title="Came first")
    await client.new_link(title="Came second")

    async def told(number: int) -> float:
        """How long it takes until visitors see what the creator says."""
        words = f"Poetical science {number}"
        await client.patch("/v1/profile", {"name": "Ada Lovelace", "bio": words})
        return (await until(lambda: visitor.get(page_of(client)), lambda seen: words.encode() in seen.body))[1]

    async def moved(number: int) -> float:
        await client.patch(f"/v1/links/{first['id']}", {"order": 9 if number % 2 == 0 else 0})
        return (
            await until(
                lambda: visitor.get(page_of(client)),
                lambda seen: (0 < at(seen, "Came second")[0] < at(seen, "Came first")[0]) == (number % 2 == 0),
            )
        )[1]

    await within(1.0, told)
    answer = await visitor.get(page_of(client))
    assert answer.status == 200
    one, two = at(answer, "Came first", "Came second")
    assert 0 < one < two
    assert f"/{first['shortCode']}" in answer.body.decode()
    assert 'property="og:title"' in answer.body.decode()
    assert len(answer.body) < 50 * 1024
    await within(1.0, moved)


async def test_inactive_expired_and_test_links_are_not_shown(
    world: World, client: Client, new_client: NewClient, visitor: Client
) -> None:
    tester = await new_client(client.account, mode=Mode.TEST)
    await tester.new_link(title="Only a test")
    await client.new_link(title="Asleep", isActive=False)
    await client.new_link(title="Awake")
    link = await world.bus.ask(
        CreateLink(
            workspace=client.account.workspace.id,
            mode=Mode.LIVE,
            destination_url="https://example.com",
            title="Short-lived",
            expires_at=later(),
        )
    )
    answer, _ = await until(lambda: visitor.get(page_of(client)), lambda seen: b"Short-lived" in seen.body)
    assert at(answer, "Asleep", "Only a test") == [-1, -1]
    assert at(answer, "Awake")[0] > 0
    await ends_soon(world, link.id)
    # Whatever is changed makes the page anew, and now it knows when the link ends; it may get ten seconds old.
    await client.new_link(title="Another one")
    gone, _ = await until(lambda: visitor.get(page_of(client)), lambda seen: b"Short-lived" not in seen.body, seconds=8)
    assert at(gone, "Awake")[0] > 0


async def test_a_view_is_counted_and_shown_on_the_profile(client: Client, visitor: Client) -> None:
    assert (await visitor.send("HEAD", page_of(client))).status == 200
    viewed = 0

    async def views() -> tuple[int, int]:
        report = await client.get("/v1/analytics?period=7d")
        profile = await client.get("/v1/profile")
        return report.json["summary"]["views"], profile.json["stats"]["views"]

    async def counted(_: int) -> float:
        nonlocal viewed
        for _ in range(3):
            assert (await visitor.get(page_of(client).upper().replace("/@U", "/@u"))).status == 200
            viewed += 1
        return (await until(views, lambda seen: seen[0] >= viewed))[1]

    await within(2.0, counted)
    await until(views, lambda seen: seen == (viewed, viewed))


async def test_nobodys_page_is_not_found(visitor: Client) -> None:
    for path in ("/@nobody-has-this-name", "/@", "/@a", "/@" + "x" * 400, "/@<script>", "/@a/b"):
        answer = await visitor.get(path)
        assert answer.status == 404, path
        assert b"Nothing here" in answer.body


async def test_a_template_changes_the_look_and_a_theme_too(client: Client, visitor: Client) -> None:
    before = await visitor.get(page_of(client))
    templates = (await client.get("/v1/templates")).json["templates"]
    assert len(templates) >= 12
    applied = await client.post(f"/v1/templates/{templates[0]['id']}/apply")
    assert applied.status == 200
    assert applied.json["theme"] == templates[0]["theme"]
    shown, _ = await until(lambda: visitor.get(page_of(client)), lambda seen: seen.body != before.body)

    async def changed(number: int) -> float:
        nonlocal shown
        former, theme = shown, templates[-1 - number % 2]["theme"]
        assert (await client.patch("/v1/profile", {"theme": theme})).json["theme"] == theme
        shown, took = await until(lambda: visitor.get(page_of(client)), lambda seen: seen.body != former.body)
        return took

    await within(1.0, changed)


async def test_following_is_counted_on_both_sides(client: Client, new_client: NewClient) -> None:
    fan = await new_client()
    path = f"/v1/following/{client.account.user.username}"
    for _ in range(2):
        followed = await fan.put(path)
        assert (followed.status, followed.json["stats"]["following"]) == (200, 1)
    assert (await client.get("/v1/profile")).json["stats"]["followers"] == 1
    for _ in range(2):
        assert (await fan.delete(path)).status == 204
    assert (await client.get("/v1/profile")).json["stats"]["followers"] == 0
    assert (await fan.get("/v1/profile")).json["stats"]["following"] == 0


async def test_hostile_words_stay_words(client: Client, visitor: Client) -> None:
    await client.patch("/v1/profile", {"name": "<script>alert(1)</script>", "bio": '"><img src=x onerror=alert(1)>'})
    await client.new_link(title="</a><svg onload=alert(1)>")
    answer, _ = await until(lambda: visitor.get(page_of(client)), lambda seen: b"svg onload" in seen.body)
    text = answer.body.decode()
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "<svg onload" not in text
