-- What lists need to know without counting or sorting a million links. It follows the table of links by itself, in the
-- transaction of the change, so no statement can forget it. The old link_counts stays for copies of the service that
-- still write it.
--
-- The triggers wait for writers under way, and writers wait for this: some twenty seconds with a million links.

-- Its time or its number of clicks has been reached and this has been noted. Time passes without a write: the service
-- notes it soon afterwards.
alter table links add column lapsed boolean not null default false;

-- How many links there are of each kind; the tag '' stands for all of them, tagged or not.
create table link_tallies (
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    tag       text collate "C" not null,
    archived  boolean not null,
    active    boolean not null,
    lapsed    boolean not null,
    links     bigint not null,
    primary key (workspace, mode, tag, archived, active, lapsed)
) with (fillfactor = 50);

-- What has been added to them since, still to be folded in: rows that are only ever added lock nobody out, so those
-- who change links never wait for each other here.
create table link_changes (
    id        bigint generated always as identity primary key,
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    tag       text collate "C" not null,
    archived  boolean not null,
    active    boolean not null,
    lapsed    boolean not null,
    links     bigint not null
);
create index link_changes_tag on link_changes (workspace, mode, tag);

-- What lists are filtered and put in order by. Narrow, and apart from the clicks, which change all the time: in an
-- index on one table with the rest every click would be written to all of its indexes.
create table link_entries (
    link       text collate "C" primary key,
    workspace  text collate "C" not null,
    mode       text collate "C" not null,
    archived   boolean not null,
    active     boolean not null,
    state      text collate "C" not null check (state in ('active', 'inactive', 'expired')),
    position   integer not null,
    created_at timestamptz not null,
    tags       text[] not null,
    words      text collate "C" not null -- title, short code and destination in lower case, a line each
);

create table link_ranks (
    link      text collate "C" primary key,
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    archived  boolean not null,
    clicks    bigint not null
);

create function state_of(active boolean, lapsed boolean) returns text language sql immutable
return case when lapsed then 'expired' when active then 'active' else 'inactive' end;

create function words_of(title text, slug text, destination_url text) returns text language sql immutable
return lower(coalesce(title, '') || E'\n' || slug || E'\n' || destination_url);

create function links_added() returns trigger language plpgsql as $$
begin
    insert into link_changes (workspace, mode, tag, archived, active, lapsed, links)
    select workspace, mode, tag, archived, active, lapsed, count(*)
    from added, unnest(array_prepend('', tags)) as t (tag)
    group by workspace, mode, tag, archived, active, lapsed;

    insert into link_entries (link, workspace, mode, archived, active, state, position, created_at, tags, words)
    select id, workspace, mode, archived, active, state_of(active, lapsed), position, created_at, tags,
           words_of(title, slug, destination_url)
    from added;

    insert into link_ranks (link, workspace, mode, archived, clicks)
    select id, workspace, mode, archived, clicks from added;
    return null;
end $$;

create function links_removed() returns trigger language plpgsql as $$
begin
    insert into link_changes (workspace, mode, tag, archived, active, lapsed, links)
    select workspace, mode, tag, archived, active, lapsed, -count(*)
    from removed, unnest(array_prepend('', tags)) as t (tag)
    group by workspace, mode, tag, archived, active, lapsed;

    delete from link_entries where link in (select id from removed);
    delete from link_ranks where link in (select id from removed);
    return null;
end $$;

create function link_counted_anew() returns trigger language plpgsql as $$
begin
    insert into link_changes (workspace, mode, tag, archived, active, lapsed, links)
    select workspace, mode, tag, archived, active, lapsed, sum(links)
    from (
        select old.workspace, old.mode, tag, old.archived, old.active, old.lapsed, -1
        from unnest(array_prepend('', old.tags)) as t (tag)
        union all
        select new.workspace, new.mode, tag, new.archived, new.active, new.lapsed, 1
        from unnest(array_prepend('', new.tags)) as t (tag)
    ) as both_sides (workspace, mode, tag, archived, active, lapsed, links)
    group by workspace, mode, tag, archived, active, lapsed
    having sum(links) <> 0;
    return null;
end $$;

create function link_entered_anew() returns trigger language plpgsql as $$
begin
    update link_entries
    set archived = new.archived, active = new.active, state = state_of(new.active, new.lapsed),
        position = new.position, tags = new.tags, words = words_of(new.title, new.slug, new.destination_url)
    where link = new.id;
    return null;
end $$;

create function link_ranked_anew() returns trigger language plpgsql as $$
begin
    update link_ranks set clicks = new.clicks, archived = new.archived where link = new.id;
    return null;
end $$;

create trigger links_added after insert on links
    referencing new table as added for each statement execute function links_added();
create trigger links_removed after delete on links
    referencing old table as removed for each statement execute function links_removed();
create trigger link_counted_anew after update of archived, active, lapsed, tags on links for each row
    when ((old.archived, old.active, old.lapsed, old.tags)
          is distinct from (new.archived, new.active, new.lapsed, new.tags))
    execute function link_counted_anew();
create trigger link_entered_anew
    after update of archived, active, lapsed, position, tags, title, slug, destination_url on links for each row
    when ((old.archived, old.active, old.lapsed, old.position, old.tags, old.title, old.slug, old.destination_url)
          is distinct from
          (new.archived, new.active, new.lapsed, new.position, new.tags, new.title, new.slug, new.destination_url))
    execute function link_entered_anew();
create trigger link_ranked_anew after update of clicks, archived on links for each row
    when ((old.clicks, old.archived) is distinct from (new.clicks, new.archived)) execute function link_ranked_anew();

insert into link_tallies (workspace, mode, tag, archived, active, lapsed, links)
select workspace, mode, tag, archived, active, lapsed, count(*)
from links, unnest(array_prepend('', tags)) as t (tag)
group by workspace, mode, tag, archived, active, lapsed;

insert into link_entries (link, workspace, mode, archived, active, state, position, created_at, tags, words)
select id, workspace, mode, archived, active, state_of(active, lapsed), position, created_at, tags,
       words_of(title, slug, destination_url)
from links;

insert into link_ranks (link, workspace, mode, archived, clicks)
select id, workspace, mode, archived, clicks from links;
