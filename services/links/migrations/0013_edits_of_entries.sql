-- What a search finds links by, before and after each change, for a while: so that its total is counted once and
-- corrected from then on. Each row knows its transaction. Those that a count has not seen yet are the rows whose
-- transaction was not visible in the count's snapshot; no clock and no order of commits has a say in it.
--
-- Only the triggers wait for writers under way, and for a moment.

-- First, because whoever changes a link holds this table when the next ones are written.
lock table links in share row exclusive mode;

-- After a crash these two are empty, and searches are counted anew.
create unlogged table link_edits (
    id         bigint generated always as identity primary key,
    xact       xid8 not null default pg_current_xact_id(),
    edited_at  timestamptz not null default now(),
    workspace  text collate "C" not null,
    mode       text collate "C" not null,
    step       smallint not null, -- -1 for a link as it was, 1 as it is
    link       text collate "C" not null,
    created_at timestamptz not null,
    archived   boolean not null,
    state      text collate "C" not null,
    tags       text[] not null,
    words      text collate "C" not null
);
create index link_edits_workspace on link_edits (workspace, mode, xact);

-- What the number of a transaction means something in, together with the table and the triggers that edits come from.
-- Another server, a table that was emptied or restored, a trigger that was switched off: it is another text then.
create function link_edits_origin() returns text language sql stable
return extract(epoch from pg_postmaster_start_time()) || ' ' || pg_relation_filenode('links.link_entries') || ' '
    || (select string_agg(oid::text, ' ' order by oid) from pg_trigger
        where tgrelid = 'links.link_entries'::regclass and tgenabled = 'O' and not tgisinternal);

-- One row: which edits are all there.
create unlogged table link_edit_eras (
    one       boolean primary key default true check (one),
    era       uuid not null default gen_random_uuid(),
    origin    text not null,
    -- Edits of this transaction have been deleted, and of others before it.
    forgotten xid8 not null default pg_current_xact_id()
);

-- On the entries, which are what is counted: nothing changes one and is not told here.
create function link_entry_made() returns trigger language plpgsql as $$
begin
    insert into links.link_edits (workspace, mode, step, link, created_at, archived, state, tags, words)
    values (new.workspace, new.mode, 1, new.link, new.created_at, new.archived, new.state, new.tags, new.words);
    return null;
end $$;

create function link_entry_edited() returns trigger language plpgsql as $$
begin
    insert into links.link_edits (workspace, mode, step, link, created_at, archived, state, tags, words)
    values (old.workspace, old.mode, -1, old.link, old.created_at, old.archived, old.state, old.tags, old.words),
           (new.workspace, new.mode, 1, new.link, new.created_at, new.archived, new.state, new.tags, new.words);
    return null;
end $$;

create function link_entry_gone() returns trigger language plpgsql as $$
begin
    insert into links.link_edits (workspace, mode, step, link, created_at, archived, state, tags, words)
    values (old.workspace, old.mode, -1, old.link, old.created_at, old.archived, old.state, old.tags, old.words);
    return null;
end $$;

create trigger link_entry_made after insert on link_entries for each row execute function link_entry_made();
create trigger link_entry_edited after update on link_entries for each row
    when ((old.workspace, old.mode, old.created_at, old.archived, old.state, old.tags, old.words)
          is distinct from
          (new.workspace, new.mode, new.created_at, new.archived, new.state, new.tags, new.words))
    execute function link_entry_edited();
create trigger link_entry_gone after delete on link_entries for each row execute function link_entry_gone();

insert into link_edit_eras (origin) values (link_edits_origin());

-- Copies of the service from before trusted a total as long as a number stayed the same. They get another one each time,
-- and count anew.
drop table link_versions;
create view link_versions as
select workspace, mode, (extract(epoch from clock_timestamp()) * 1000000)::bigint as changes
from link_tallies group by workspace, mode;

-- As before, without a word on links that only read differently.
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
    having sum(links) <> 0;
    return null;
end $$;

create or replace trigger link_counted_anew
    after update of archived, active, lapsed, tags, position on links for each row
    when ((old.archived, old.active, old.lapsed, old.tags, old.position)
          is distinct from (new.archived, new.active, new.lapsed, new.tags, new.position))
    execute function link_counted_anew();
-- What the former counts anew as well is not moved besides.
create or replace trigger link_moved after update of clicks on links for each row
    when (clicks_block(old.clicks, old.id) <> clicks_block(new.clicks, new.id)
          and (old.archived, old.active, old.lapsed, old.tags, old.position)
              is not distinct from (new.archived, new.active, new.lapsed, new.tags, new.position))
    execute function link_moved();

create or replace function link_changes_folded() returns trigger language plpgsql set search_path = links, pg_temp as $$
declare
    empty tid[];
begin
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
