-- Where a page in the middle of a long list begins, without passing over every link before it: each order of links is
-- cut into blocks at fixed places, and how many links of each kind a block holds is kept. A block is named by digits
-- that sort as its links do; its first digits name the larger block that it is a part of.
--
-- Only the triggers wait for writers under way, and for a moment. The links that are there already are counted afterwards.

-- From here on nobody is in the middle of a change that knows nothing of blocks. It comes first, because whoever changes
-- a link holds this table when the next ones are written.
lock table links in share row exclusive mode;

create function age_block(created_at timestamptz) returns text language sql immutable
-- Sixteen seconds each.
return lpad(to_hex(greatest(floor(extract(epoch from created_at))::bigint, 0) >> 4), 8, '0');

create function clicks_block(clicks bigint, link text) returns text language sql immutable
-- The number of digits as a letter and the first two of them, so that few clicks move a link to another block. Those
-- that nobody has clicked are many, and parted by their ids: forty seconds each.
return case when clicks <= 0 then 'a00' || left(link, 6)
            else chr(96 + length(clicks::text)) || lpad(left(clicks::text, 2), 2, '0') end;

create function position_block(place integer) returns text language sql immutable
return lpad(to_hex(least(greatest(place, 0), 16777215) >> 8), 4, '0');

-- Every block that a link is in, small and large, for each of the orders.
create function blocks_of(by_age text, by_clicks text, by_position text)
returns table (sorting text, digits smallint, block text) language sql immutable as $$
    select sorting, digits::smallint, left(place, digits)
    from (values ('age', by_age, 4), ('age', by_age, 6), ('age', by_age, 8),
                 ('clicks', by_clicks, 3), ('clicks', by_clicks, 7), ('clicks', by_clicks, 8), ('clicks', by_clicks, 9),
                 ('position', by_position, 2), ('position', by_position, 4)) as size (sorting, place, digits)
    where length(place) >= digits
$$;

create table link_blocks (
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    sorting   text collate "C" not null,
    digits    smallint not null,
    block     text collate "C" not null,
    archived  boolean not null,
    active    boolean not null,
    lapsed    boolean not null,
    links     bigint not null,
    primary key (workspace, mode, sorting, digits, block, archived, active, lapsed)
)
-- The number is written often, and stands in no index: with room on the page an update stays on it.
with (fillfactor = 70);

-- How often links have changed in what they are counted by or found by. With the changes that are still to be folded in
-- it makes a number that only ever grows, and stays the same as long as nothing changes.
create table link_versions (
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    changes   bigint not null,
    primary key (workspace, mode)
) with (fillfactor = 50);

-- The smallest blocks of the links that a change is about. Null for the links of one tag.
alter table link_changes
    add column age text collate "C",
    add column clicks text collate "C",
    add column position text collate "C";

-- Links that have come from one block to another by their clicks alone, still to be folded in.
create table link_moves (
    id        bigint generated always as identity primary key,
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    archived  boolean not null,
    active    boolean not null,
    lapsed    boolean not null,
    origin    text collate "C" not null,
    goal      text collate "C" not null
);
create index link_moves_workspace on link_moves (workspace, mode);

create or replace function links_added() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    insert into link_changes (workspace, mode, tag, archived, active, lapsed, links, age, clicks, position)
    select workspace, mode, tag, archived, active, lapsed, count(*),
           case tag when '' then age_block(created_at) end, case tag when '' then clicks_block(clicks, id) end,
           case tag when '' then position_block(position) end
    from added, unnest(array_prepend('', tags)) as t (tag)
    group by 1, 2, 3, 4, 5, 6, 8, 9, 10;

    insert into link_entries (link, workspace, mode, archived, active, state, position, created_at, tags, words)
    select id, workspace, mode, archived, active, state_of(active, lapsed), position, created_at, tags,
           words_of(title, slug, destination_url)
    from added;

    insert into link_ranks (link, workspace, mode, archived, clicks)
    select id, workspace, mode, archived, clicks from added;
    return null;
end $$;

create or replace function links_removed() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    insert into link_changes (workspace, mode, tag, archived, active, lapsed, links, age, clicks, position)
    select workspace, mode, tag, archived, active, lapsed, -count(*),
           case tag when '' then age_block(created_at) end, case tag when '' then clicks_block(clicks, id) end,
           case tag when '' then position_block(position) end
    from removed, unnest(array_prepend('', tags)) as t (tag)
    group by 1, 2, 3, 4, 5, 6, 8, 9, 10;

    delete from link_entries where link in (select id from removed);
    delete from link_ranks where link in (select id from removed);
    return null;
end $$;

create or replace function link_counted_anew() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    insert into link_changes (workspace, mode, tag, archived, active, lapsed, links, age, clicks, position)
    select workspace, mode, tag, archived, active, lapsed, sum(links), age, clicks, position
    from (
        select old.workspace, old.mode, tag, old.archived, old.active, old.lapsed, -1,
               case tag when '' then age_block(old.created_at) end,
               case tag when '' then clicks_block(old.clicks, old.id) end,
               case tag when '' then position_block(old.position) end
        from unnest(array_prepend('', old.tags)) as t (tag)
        union all
        select new.workspace, new.mode, tag, new.archived, new.active, new.lapsed, 1,
               case tag when '' then age_block(new.created_at) end,
               case tag when '' then clicks_block(new.clicks, new.id) end,
               case tag when '' then position_block(new.position) end
        from unnest(array_prepend('', new.tags)) as t (tag)
    ) as both_sides (workspace, mode, tag, archived, active, lapsed, links, age, clicks, position)
    group by workspace, mode, tag, archived, active, lapsed, age, clicks, position
    -- A link that only reads differently changes no number, but what a text is found in.
    having sum(links) <> 0 or tag = '';
    return null;
end $$;

create function link_moved() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    insert into link_moves (workspace, mode, archived, active, lapsed, origin, goal)
    values (new.workspace, new.mode, new.archived, new.active, new.lapsed,
            clicks_block(old.clicks, old.id), clicks_block(new.clicks, new.id));
    return null;
end $$;

-- Whoever folds changes into the tallies folds them into the blocks, too. Blocks without links go at once.
create function link_changes_folded() returns trigger language plpgsql set search_path = links, pg_temp as $$
declare
    empty tid[];
begin
    insert into link_versions as version (workspace, mode, changes)
    select workspace, mode, count(*) from folded where tag = '' group by workspace, mode order by workspace, mode
    on conflict (workspace, mode) do update set changes = version.changes + excluded.changes;

    with kept as (
        insert into link_blocks as kept (workspace, mode, sorting, digits, block, archived, active, lapsed, links)
        select workspace, mode, sorting, digits, block, archived, active, lapsed, sum(links)
        from folded cross join lateral blocks_of(age, clicks, position)
        where links <> 0
        group by workspace, mode, sorting, digits, block, archived, active, lapsed having sum(links) <> 0
        order by workspace, mode, sorting, digits, block, archived, active, lapsed
        on conflict (workspace, mode, sorting, digits, block, archived, active, lapsed) do update
        set links = kept.links + excluded.links
        returning kept.ctid as place, kept.links
    )
    select array_agg(place) into empty from kept where links = 0;
    delete from link_blocks where ctid = any (empty);
    return null;
end $$;

create function link_moves_folded() returns trigger language plpgsql set search_path = links, pg_temp as $$
declare
    empty tid[];
begin
    with kept as (
        insert into link_blocks as kept (workspace, mode, sorting, digits, block, archived, active, lapsed, links)
        select workspace, mode, sorting, digits, block, archived, active, lapsed, sum(step)
        from folded
        cross join lateral (values (origin, -1), (goal, 1)) as side (place, step)
        cross join lateral blocks_of(null, place, null)
        group by workspace, mode, sorting, digits, block, archived, active, lapsed having sum(step) <> 0
        order by workspace, mode, sorting, digits, block, archived, active, lapsed
        on conflict (workspace, mode, sorting, digits, block, archived, active, lapsed) do update
        set links = kept.links + excluded.links
        returning kept.ctid as place, kept.links
    )
    select array_agg(place) into empty from kept where links = 0;
    delete from link_blocks where ctid = any (empty);
    return null;
end $$;

create or replace trigger link_counted_anew
    after update of archived, active, lapsed, tags, position, title, slug, destination_url on links for each row
    when ((old.archived, old.active, old.lapsed, old.tags, old.position, old.title, old.slug, old.destination_url)
          is distinct from
          (new.archived, new.active, new.lapsed, new.tags, new.position, new.title, new.slug, new.destination_url))
    execute function link_counted_anew();
-- What the former counts anew as well is not moved besides.
create trigger link_moved after update of clicks on links for each row
    when (clicks_block(old.clicks, old.id) <> clicks_block(new.clicks, new.id)
          and (old.archived, old.active, old.lapsed, old.tags, old.position, old.title, old.slug, old.destination_url)
              is not distinct from
              (new.archived, new.active, new.lapsed, new.tags, new.position, new.title, new.slug, new.destination_url))
    execute function link_moved();
create trigger link_changes_folded after delete on link_changes
    referencing old table as folded for each statement execute function link_changes_folded();
create trigger link_moves_folded after delete on link_moves
    referencing old table as folded for each statement execute function link_moves_folded();
