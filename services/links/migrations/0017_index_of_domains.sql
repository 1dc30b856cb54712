-- outside a transaction
--
-- Not of our own host, where most links are: they need no indexes besides those of all links, and cost no more to make.

drop index concurrently if exists link_entries_domain;
create index concurrently link_entries_domain on link_entries (workspace, mode, domain, created_at, link)
    include (archived) where domain <> '';

drop index concurrently if exists link_ranks_domain;
create index concurrently link_ranks_domain on link_ranks (workspace, mode, domain, clicks, link)
    include (archived) where domain <> '';
