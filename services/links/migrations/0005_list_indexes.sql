-- outside a transaction
--
-- Indexes are made while links are read and written. One that was left half made is dropped and made again.

-- An operator may have put the extension into public; otherwise it goes where the links are.
set search_path = links, public;
create extension if not exists pg_trgm;

drop index concurrently if exists link_entries_newest;
create index concurrently link_entries_newest on link_entries (workspace, mode, created_at, link) include (archived);

-- A few among many, so the list of them has an index of its own.
drop index concurrently if exists link_entries_archived;
create index concurrently link_entries_archived on link_entries (workspace, mode, created_at, link) where archived;

drop index concurrently if exists link_entries_state;
create index concurrently link_entries_state on link_entries (workspace, mode, state, created_at, link)
    include (archived);

drop index concurrently if exists link_entries_position;
create index concurrently link_entries_position on link_entries (workspace, mode, position, created_at, link)
    where not archived;

drop index concurrently if exists link_entries_position_by_flag;
create index concurrently link_entries_position_by_flag
    on link_entries (workspace, mode, active, position, created_at, link) where not archived;

drop index concurrently if exists link_entries_link;
create index concurrently link_entries_link on link_entries (workspace, mode, link);

drop index concurrently if exists link_entries_tags;
create index concurrently link_entries_tags on link_entries using gin (tags);

drop index concurrently if exists link_entries_words;
create index concurrently link_entries_words on link_entries using gin (words gin_trgm_ops);

drop index concurrently if exists link_ranks_order;
create index concurrently link_ranks_order on link_ranks (workspace, mode, clicks, link) include (archived);

-- Those whose end is still to be noted.
drop index concurrently if exists links_due;
create index concurrently links_due on links (expires_at) where expires_at is not null and not lapsed;

-- By a hash, since an address may be longer than an entry of an index.
drop index concurrently if exists links_destination;
create index concurrently links_destination
    on links (workspace, mode, hashtextextended(destination_url, 0), created_at, id);

-- The entries are in order by position now.
drop index concurrently if exists links_order;
drop index concurrently if exists links_order_by_state;

-- So that the planner knows the new tables before it is first asked.
analyze links, link_entries, link_ranks, link_tallies;

set search_path = links;
