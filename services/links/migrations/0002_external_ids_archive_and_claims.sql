-- Constant defaults: no row is rewritten, so this takes no longer with a million links.
alter table links
    add column external_id text collate "C",
    add column archived boolean not null default false,
    -- Redirects given out of max_clicks. Written often, so no index may hold it.
    add column claimed bigint not null default 0;

create unique index links_external_id on links (workspace, mode, external_id) where external_id is not null;
