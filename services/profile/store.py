"""The SQL of profiles: one function per statement."""

from collections.abc import Sequence

import asyncpg

from shared.contracts.modes import Mode
from shared.contracts.profile import Profile, Stats, Views
from shared.database import Connection


async def insert_profile(db: Connection, profile: Profile) -> Profile | None:
    """None when somebody was faster."""
    row = await db.fetchrow(
        """
        insert into profiles (workspace, mode, user_id, username, name, theme, layout, sections, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict do nothing
        returning workspace, mode, user_id, username, name, bio, avatar, banner, theme, layout, sections, location,
                  website, pronouns, views, followers, following, created_at, updated_at
        """,
        profile.workspace,
        profile.mode,
        profile.user,
        profile.username,
        profile.name,
        profile.theme,
        profile.layout,
        profile.sections,
        profile.created_at,
        profile.updated_at,
    )
    return _profile(row) if row else None


async def find_profile(db: Connection, workspace: str, mode: Mode) -> Profile | None:
    row = await db.fetchrow(
        """
        select workspace, mode, user_id, username, name, bio, avatar, banner, theme, layout, sections, location,
               website, pronouns, views, followers, following, created_at, updated_at
        from profiles where workspace = $1 and mode = $2
        """,
        workspace,
        mode,
    )
    return _profile(row) if row else None


async def find_profile_by_username(db: Connection, mode: Mode, username: str) -> Profile | None:
    row = await db.fetchrow(
        """
        select workspace, mode, user_id, username, name, bio, avatar, banner, theme, layout, sections, location,
               website, pronouns, views, followers, following, created_at, updated_at
        from profiles where mode = $1 and username = $2
        order by created_at limit 1
        """,
        mode,
        username,
    )
    return _profile(row) if row else None


async def find_profile_for_update(tx: Connection, workspace: str, mode: Mode) -> Profile | None:
    row = await tx.fetchrow(
        """
        select workspace, mode, user_id, username, name, bio, avatar, banner, theme, layout, sections, location,
               website, pronouns, views, followers, following, created_at, updated_at
        from profiles where workspace = $1 and mode = $2 for no key update
        """,
        workspace,
        mode,
    )
    return _profile(row) if row else None


async def update_profile(tx: Connection, profile: Profile) -> None:
    """Everything that its owner can change; the figures stay as they are."""
    await tx.execute(
        """
        update profiles
        set name = $3, bio = $4, avatar = $5, banner = $6, theme = $7, layout = $8, sections = $9, location = $10,
            website = $11, pronouns = $12, updated_at = $13
        where workspace = $1 and mode = $2
        """,
        profile.workspace,
        profile.mode,
        profile.name,
        profile.bio,
        profile.avatar,
        profile.banner,
        profile.theme,
        profile.layout,
        profile.sections,
        profile.location,
        profile.website,
        profile.pronouns,
        profile.updated_at,
    )


async def lock_pair(tx: Connection, one: str, other: str, mode: Mode) -> None:
    """Both profiles, always in the same order, so that two who follow each other at once do not wait in a circle."""
    await tx.execute(
        "select from profiles where workspace in ($1, $2) and mode = $3 order by workspace for no key update",
        one,
        other,
        mode,
    )


async def insert_follow(tx: Connection, follower: str, mode: Mode, followed: str) -> bool:
    """False when it was so already."""
    return bool(
        await tx.fetchval(
            """
            insert into follows (follower_workspace, mode, followed_workspace) values ($1, $2, $3)
            on conflict do nothing
            returning true
            """,
            follower,
            mode,
            followed,
        )
    )


async def delete_follow(tx: Connection, follower: str, mode: Mode, followed: str) -> bool:
    """False when it was so already."""
    return bool(
        await tx.fetchval(
            """
            delete from follows where follower_workspace = $1 and mode = $2 and followed_workspace = $3
            returning true
            """,
            follower,
            mode,
            followed,
        )
    )


async def update_counters(tx: Connection, follower: str, mode: Mode, followed: str, change: int) -> None:
    await tx.execute(
        """
        update profiles
        set following = following + case when workspace = $1 then $4 else 0 end,
            followers = followers + case when workspace = $3 then $4 else 0 end
        where workspace in ($1, $3) and mode = $2
        """,
        follower,
        mode,
        followed,
        change,
    )


async def update_views(tx: Connection, totals: Sequence[Views]) -> None:
    """An older, smaller total changes nothing; profiles that do not exist are passed over."""
    # Rows are locked in one order, so that two who tell of the same profiles do not wait for each other in a circle.
    await tx.execute(
        """
        with totals as (
            select workspace, mode, max(views) as views
            from unnest($1::text[], $2::text[], $3::bigint[]) as t (workspace, mode, views)
            group by workspace, mode
        ), newer as (
            select p.workspace, p.mode, t.views
            from profiles p join totals t on t.workspace = p.workspace and t.mode = p.mode
            where p.views < t.views
            order by p.workspace, p.mode for no key update of p
        )
        update profiles p set views = greatest(p.views, n.views)
        from newer n where p.workspace = n.workspace and p.mode = n.mode
        """,
        [total.workspace for total in totals],
        [total.mode for total in totals],
        [total.views for total in totals],
    )


def _profile(row: asyncpg.Record) -> Profile:
    return Profile(
        workspace=row["workspace"],
        mode=Mode(row["mode"]),
        user=row["user_id"],
        username=row["username"],
        name=row["name"],
        bio=row["bio"],
        avatar=row["avatar"],
        banner=row["banner"],
        theme=row["theme"],
        layout=row["layout"],
        sections=tuple(row["sections"]),
        location=row["location"],
        website=row["website"],
        pronouns=row["pronouns"],
        stats=Stats(views=row["views"], followers=row["followers"], following=row["following"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
