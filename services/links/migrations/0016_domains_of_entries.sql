-- Where links are looked for it is told which host each is on, so that those of one can be listed.

-- First, because whoever changes a link holds this table when the next ones are written.
lock table links in share row exclusive mode;

alter table link_entries add column domain text collate "C" not null default '';
alter table link_ranks add column domain text collate "C" not null default '';
alter table link_edits add column domain text collate "C" not null default '';

create or replace function links_added() returns trigger language plpgsql set search_path = links, pg_temp as $$
begin
    insert into link_changes (workspace, mode, tag, archived, active, lapsed, links, age, clicks, position)
    select workspace, mode, tag, archived, active, lapsed, count(*),
           case tag when '' then age_block(created_at) end, case tag when '' then clicks_block(clicks, id) end,
           case tag when '' then position_block(position) end
    from added, unnest(array_prepend('', tags)) as t (tag)
    group by 1, 2, 3, 4, 5, 6, 8, 9, 10;

    insert into link_entries (link, workspace, mode, archived, active, state, position, created_at, tags, words, domain)
    select id, workspace, mode, archived, active, state_of(active, lapsed), position, created_at, tags,
           words_of(title, slug, destination_url), domain
    from added;

    insert into link_ranks (link, workspace, mode, archived, clicks, domain)
    select id, workspace, mode, archived, clicks, domain from added;
    return null;
end $$;

create or replace function link_entry_made() returns trigger language plpgsql as $$
begin
    insert into links.link_edits (workspace, mode, step, link, created_at, archived, state, tags, words, domain)
    values (new.workspace, new.mode, 1, new.link, new.created_at, new.archived, new.state, new.tags, new.words,
            new.domain);
    return null;
end $$;

create or replace function link_entry_edited() returns trigger language plpgsql as $$
begin
    insert into links.link_edits (workspace, mode, step, link, created_at, archived, state, tags, words, domain)
    values (old.workspace, old.mode, -1, old.link, old.created_at, old.archived, old.state, old.tags, old.words,
            old.domain),
           (new.workspace, new.mode, 1, new.link, new.created_at, new.archived, new.state, new.tags, new.words,
            new.domain);
    return null;
end $$;

create or replace function link_entry_gone() returns trigger language plpgsql as $$
begin
    insert into links.link_edits (workspace, mode, step, link, created_at, archived, state, tags, words, domain)
    values (old.workspace, old.mode, -1, old.link, old.created_at, old.archived, old.state, old.tags, old.words,
            old.domain);
    return null;
end $$;

-- A link stays on its host, so this is all there is to it. By an index, for most links are on our own.
update link_entries e set domain = l.domain from links l where l.domain > '' and l.id = e.link;
update link_ranks r set domain = l.domain from links l where l.domain > '' and l.id = r.link;
