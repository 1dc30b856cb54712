-- What lists of one tag's links are put in order by: each page reads its own rows and no others, however rare the tag
-- is and however many links there are besides. Kept by the table of links itself, like the entries and ranks.
--
-- Only the triggers wait for writers under way, and for a moment. The links that are there already come in afterwards.

create table link_tags (
    workspace  text collate "C" not null,
    mode       text collate "C" not null,
    tag        text collate "C" not null,
    created_at timestamptz not null,
    link       text collate "C" not null,
    archived   boolean not null,
    state      text collate "C" not null,
    primary key (workspace, mode, tag, created_at, link) include (archived, state)
);

-- Apart from the former, which clicks leave as it is.
create table link_tag_ranks (
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    tag       text collate "C" not null,
    clicks    bigint not null,
    link      text collate "C" not null,
    archived  boolean not null,
    state     text collate "C" not null,
    primary key (workspace, mode, tag, clicks, link) include (archived, state)
);

create function links_added_to_tags() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    insert into link_tags (workspace, mode, tag, created_at, link, archived, state)
    select workspace, mode, tag, created_at, id, archived, state_of(active, lapsed)
    from added, unnest(tags) as t (tag)
    on conflict do nothing;

    insert into link_tag_ranks (workspace, mode, tag, clicks, link, archived, state)
    select workspace, mode, tag, clicks, id, archived, state_of(active, lapsed)
    from added, unnest(tags) as t (tag)
    on conflict do nothing;
    return null;
end $$;

create function links_removed_from_tags() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    delete from link_tags
    where (workspace, mode, tag, created_at, link) in (
        select workspace, mode, t.tag, created_at, id from removed, unnest(tags) as t (tag)
    );
    delete from link_tag_ranks
    where (workspace, mode, tag, clicks, link) in (
        select workspace, mode, t.tag, clicks, id from removed, unnest(tags) as t (tag)
    );
    return null;
end $$;

create function link_tagged_anew() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    delete from link_tags
    where workspace = old.workspace and mode = old.mode and tag = any (old.tags)
      and created_at = old.created_at and link = old.id;

    insert into link_tags (workspace, mode, tag, created_at, link, archived, state)
    select new.workspace, new.mode, tag, new.created_at, new.id, new.archived, state_of(new.active, new.lapsed)
    from unnest(new.tags) as t (tag)
    on conflict do nothing;
    return null;
end $$;

create function link_tag_ranked_anew() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    delete from link_tag_ranks
    where workspace = old.workspace and mode = old.mode and tag = any (old.tags)
      and clicks = old.clicks and link = old.id;

    insert into link_tag_ranks (workspace, mode, tag, clicks, link, archived, state)
    select new.workspace, new.mode, tag, new.clicks, new.id, new.archived, state_of(new.active, new.lapsed)
    from unnest(new.tags) as t (tag)
    on conflict do nothing;
    return null;
end $$;

create trigger links_added_to_tags after insert on links
    referencing new table as added for each statement execute function links_added_to_tags();
create trigger links_removed_from_tags after delete on links
    referencing old table as removed for each statement execute function links_removed_from_tags();
create trigger link_tagged_anew after update of archived, active, lapsed, tags on links for each row
    when ((old.archived, old.active, old.lapsed, old.tags)
          is distinct from (new.archived, new.active, new.lapsed, new.tags))
    execute function link_tagged_anew();
-- A click on a link without tags costs nothing here.
create trigger link_tag_ranked_anew after update of archived, active, lapsed, tags, clicks on links for each row
    when ((old.tags <> '{}' or new.tags <> '{}')
          and (old.archived, old.active, old.lapsed, old.tags, old.clicks)
              is distinct from (new.archived, new.active, new.lapsed, new.tags, new.clicks))
    execute function link_tag_ranked_anew();

-- For the links that were there before. Those of a step are held for as long as it takes, so that none is changed
-- between being read and being written; whoever changes one afterwards finds what it left.
create procedure enter_tags(rows integer) language plpgsql as $$
declare
    reached text := '';
begin
    while reached is not null loop
        with held as materialized (
            select id, workspace, mode, tags, created_at, clicks, archived, state_of(active, lapsed) as state
            from links where id > reached order by id limit rows for share
        ),
        tagged as (
            insert into link_tags (workspace, mode, tag, created_at, link, archived, state)
            select workspace, mode, tag, created_at, id, archived, state from held, unnest(tags) as t (tag)
            on conflict do nothing
        ),
        ranked as (
            insert into link_tag_ranks (workspace, mode, tag, clicks, link, archived, state)
            select workspace, mode, tag, clicks, id, archived, state from held, unnest(tags) as t (tag)
            on conflict do nothing
        )
        select max(id) into reached from held;
        commit;
    end loop;
end $$;
