"""Endpoints: what they may be, who sees them, and what becomes of their secrets."""

import asyncio

import pytest
from msgspec.structs import replace

from shared import ids
from shared.contracts.modes import Mode
from shared.contracts.webhooks import (
    CreateEndpoint,
    DeleteEndpoint,
    Endpoint,
    Filter,
    GetEndpoint,
    Header,
    ListEndpoints,
    NewEndpoint,
    Reason,
    RotateSecret,
    SendTest,
    UpdateEndpoint,
)
from shared.faults import Code, Fault
from tests.world import World

URL = "https://93.184.215.14/hooks"
EVERYTHING = ("*",)


async def create(world: World, workspace: str, mode: Mode = Mode.LIVE, **fields: object) -> NewEndpoint:
    given = {"url": URL, "topics": EVERYTHING} | fields
    return await world.bus.ask(CreateEndpoint(workspace=workspace, mode=mode, **given))  # type: ignore[arg-type]


async def get(world: World, endpoint: Endpoint) -> Endpoint:
    return await world.bus.ask(GetEndpoint(workspace=endpoint.workspace, mode=endpoint.mode, id=endpoint.id))


async def test_an_endpoint_is_kept_as_it_was_made_and_its_secret_shown_once(world: World) -> None:
    workspace = ids.new()
    made = await create(
        world,
        workspace,
        url="HTTPS://Hooks.Example.com/a?b=c",
        topics=("link.clicked", "link.created"),
        description="Two\nlines",
        filter=Filter(links=(ids.new(),), tags=("summer",), domains=("",)),
        headers=(Header(name="X-Shop", value="open sesame"),),
        batch=True,
    )
    endpoint = made.endpoint
    assert await get(world, endpoint) == endpoint
    assert endpoint.url == "https://hooks.example.com/a?b=c"
    assert endpoint.topics == ("link.created", "link.clicked")
    assert endpoint.header_names == ("X-Shop",)
    assert made.secret.startswith("whsec_")
    assert made.secret.endswith(endpoint.secret_hint)
    assert (endpoint.enabled, endpoint.reason, endpoint.disabled_at) == (True, None, None)
    assert made.secret not in str(endpoint)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://hooks.example.com/"),
        ("url", "https://user:word@hooks.example.com/"),
        ("url", f"https://hooks.example.com/{'a' * 2_048}"),
        ("url", "hooks.example.com"),
        ("topics", ()),
        ("topics", ("link.created", "link.created")),
        ("topics", ("*", "link.created")),
        ("topics", ("link.sold",)),
        ("description", "a" * 501),
        ("description", "a\0"),
        ("headers", (Header(name="X Shop", value="a"),)),
        ("headers", (Header(name="", value="a"),)),
        ("headers", (Header(name="x-shop", value="a"), Header(name="X-Shop", value="b"))),
        ("headers", (Header(name="X-Shop", value="a\r\nX-Other: b"),)),
        ("headers", (Header(name="X-Shop", value=" a"),)),
        ("headers", (Header(name="X-Shop", value="ä"),)),
        ("headers", tuple(Header(name=f"X-{number}", value="a") for number in range(21))),
        *(
            ("headers", (Header(name=name, value="a"),))
            for name in (
                "Host",
                "Content-Length",
                "content-type",
                "Transfer-Encoding",
                "Connection",
                "User-Agent",
                "X-Webhook-Signature",
                "webhook-id",
                "Proxy-Authorization",
                "TE",
            )
        ),
    ],
)
async def test_a_value_that_cannot_be_is_refused_at_creation_and_at_change(
    world: World, field: str, value: object
) -> None:
    workspace = ids.new()
    endpoint = (await create(world, workspace)).endpoint
    change = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=endpoint.id, **{field: value})  # type: ignore[arg-type]
    for ask in (create(world, workspace, Mode.LIVE, **{field: value}), world.bus.ask(change)):
        with pytest.raises(Fault) as refused:
            await ask
        assert refused.value.code is Code.INVALID
        assert [detail["field"] for detail in refused.value.details] == [field]
    assert await get(world, endpoint) == endpoint


@pytest.mark.parametrize(
    ("part", "given"),
    [
        ("links", Filter(links=("no id",))),
        ("links", Filter(links=tuple(ids.new() for _ in range(101)))),
        ("tags", Filter(tags=tuple(map(str, range(51))))),
        ("tags", Filter(tags=("",))),
        ("tags", Filter(tags=("a", "a"))),
        ("domains", Filter(domains=tuple(map(str, range(51))))),
        ("domains", Filter(domains=("a" * 254,))),
        ("domains", Filter(domains=("no host",))),
        ("domains", Filter(domains=("*.links.example",))),
    ],
)
async def test_a_filter_that_cannot_be_is_refused(world: World, part: str, given: Filter) -> None:
    with pytest.raises(Fault) as refused:
        await create(world, ids.new(), filter=given)
    assert [detail["field"] for detail in refused.value.details] == [f"filter.{part}"]


async def test_an_endpoint_in_a_network_that_is_not_public_is_refused_at_creation_and_at_change(world: World) -> None:
    workspace = ids.new()
    endpoint = (await create(world, workspace)).endpoint
    for url in ("http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/"):
        change = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=endpoint.id, url=url)
        for ask in (create(world, workspace, url=url), world.bus.ask(change)):
            with pytest.raises(Fault) as refused:
                await ask
            assert refused.value.code is Code.IMPOSSIBLE
    assert await get(world, endpoint) == endpoint


async def test_a_change_names_what_it_changes_and_leaves_the_rest(world: World) -> None:
    workspace = ids.new()
    made = await create(world, workspace, headers=(Header(name="X-Shop", value="open sesame"),), description="Shop")
    ask = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=made.endpoint.id, topics=("key.created",), batch=True)
    changed = await world.bus.ask(ask)
    wanted = replace(made.endpoint, topics=("key.created",), batch=True, updated_at=changed.updated_at)
    assert changed == wanted
    assert changed.updated_at > made.endpoint.updated_at
    assert await get(world, changed) == changed


async def test_what_its_owner_disables_says_so_and_forgets_it_when_it_is_enabled(world: World) -> None:
    workspace = ids.new()
    endpoint = (await create(world, workspace)).endpoint
    ask = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=endpoint.id, enabled=False)
    disabled = await world.bus.ask(ask)
    assert (disabled.enabled, disabled.reason) == (False, Reason.OWNER)
    assert disabled.disabled_at == disabled.updated_at
    assert (await world.bus.ask(ask)).disabled_at == disabled.disabled_at
    with pytest.raises(Fault) as refused:
        await world.bus.ask(SendTest(workspace=workspace, mode=Mode.LIVE, id=endpoint.id))
    assert refused.value.code is Code.IMPOSSIBLE
    enabled = await world.bus.ask(replace(ask, enabled=True))
    assert (enabled.enabled, enabled.reason, enabled.disabled_at) == (True, None, None)
    born_disabled = (await create(world, workspace, enabled=False)).endpoint
    assert (born_disabled.enabled, born_disabled.reason) == (False, Reason.OWNER)


async def test_enabling_an_endpoint_forgets_its_failures(world: World) -> None:
    workspace = ids.new()
    endpoint = (await create(world, workspace, enabled=False)).endpoint
    owner = await world.connect()
    failing = "update webhooks.endpoint_states set failures = 30, failing_since = now() where endpoint = $1"
    await owner.execute(failing, endpoint.id)
    assert (await get(world, endpoint)).failures == 30
    ask = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=endpoint.id, enabled=True)
    assert (await world.bus.ask(ask)).failures == 0
    since = "select failing_since from webhooks.endpoint_states where endpoint = $1"
    assert await owner.fetchval(since, endpoint.id) is None
    await owner.close()


async def test_a_rotation_leaves_the_secret_before_for_a_day(world: World) -> None:
    workspace = ids.new()
    made = await create(world, workspace)
    ask = RotateSecret(workspace=workspace, mode=Mode.LIVE, id=made.endpoint.id)
    rotated = await world.bus.ask(ask)
    assert rotated.secret != made.secret
    assert rotated.secret.endswith(rotated.endpoint.secret_hint)
    assert rotated.endpoint.rotated_at
    assert rotated.endpoint.former_ends_at
    assert (rotated.endpoint.former_ends_at - rotated.endpoint.rotated_at).total_seconds() == 86_400
    assert await get(world, made.endpoint) == rotated.endpoint


async def test_a_list_is_newest_first_in_pages_and_keeps_modes_apart(world: World) -> None:
    workspace = ids.new()
    made = []
    for _ in range(5):
        made.append((await create(world, workspace)).endpoint)
        await asyncio.sleep(0.002)
    test = (await create(world, workspace, Mode.TEST)).endpoint

    async def page(mode: Mode, limit: int, offset: int) -> tuple[list[str], int]:
        found = await world.bus.ask(ListEndpoints(workspace=workspace, mode=mode, limit=limit, offset=offset))
        return [each.id for each in found.endpoints], found.total

    newest = [each.id for each in reversed(made)]
    assert await page(Mode.LIVE, 3, 0) == (newest[:3], 5)
    assert await page(Mode.LIVE, 3, 3) == (newest[3:], 5)
    assert await page(Mode.LIVE, 3, 9) == ([], 5)
    assert await page(Mode.TEST, 3, 0) == ([test.id], 1)
    for limit, offset in ((0, 0), (101, 0), (10, -1)):
        with pytest.raises(Fault):
            await page(Mode.LIVE, limit, offset)


async def test_a_deleted_endpoint_is_gone(world: World) -> None:
    workspace = ids.new()
    endpoint = (await create(world, workspace)).endpoint
    ask = DeleteEndpoint(workspace=workspace, mode=Mode.LIVE, id=endpoint.id)
    await world.bus.ask(ask)
    with pytest.raises(Fault) as gone:
        await world.bus.ask(ask)
    assert gone.value.code is Code.NOT_FOUND


async def test_a_workspace_has_no_more_endpoints_than_it_may_however_many_are_made_at_once(world: World) -> None:
    workspace = ids.new()
    most = world.settings().webhook_endpoints_most
    made = await asyncio.gather(*(create(world, workspace) for _ in range(most + 10)), return_exceptions=True)
    refused = [each for each in made if isinstance(each, Fault)]
    assert [fault.code for fault in refused] == [Code.FORBIDDEN] * 10
    assert (await world.bus.ask(ListEndpoints(workspace=workspace, mode=Mode.LIVE))).total == most
    # The test ones are counted apart.
    await create(world, workspace, Mode.TEST)
