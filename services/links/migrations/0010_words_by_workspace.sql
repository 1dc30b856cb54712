-- outside a transaction
--
-- Tags and texts are looked for within a workspace, so that none pays for what others have. The new index is there
-- before the old ones go.

drop procedure if exists enter_tags(integer);

-- An operator may have put the extension into public; otherwise it goes where the links are.
set search_path = links, public;
create extension if not exists btree_gin;

drop index concurrently if exists link_entries_found;
create index concurrently link_entries_found on link_entries using gin (workspace, tags, words gin_trgm_ops);

drop index concurrently if exists link_entries_tags;
drop index concurrently if exists link_entries_words;

set search_path = links;
