create table links (
    id              text collate "C" primary key,
    workspace       text collate "C" not null,
    mode            text collate "C" not null check (mode in ('live', 'test')),
    domain          text collate "C" not null,
    slug            text collate "C" not null,
    destination_url text not null,
    title           text,
    description     text,
    thumbnail       text,
    active          boolean not null,
    position        integer not null,
    tags            text[] not null,
    -- Kept word for word: jsonb would reorder the keys and refuse \u0000.
    metadata        json not null,
    expires_at      timestamptz,
    expired_url     text,
    password_hash   text,
    max_clicks      bigint,
    show_on_profile boolean not null,
    forward_query   boolean not null,
    clicks          bigint not null default 0,
    created_at      timestamptz not null default clock_timestamp(),
    updated_at      timestamptz not null default clock_timestamp()
)
-- Totals are written often, and touch no index: with room on the page an update stays on it.
with (fillfactor = 85);

create unique index links_slug on links (domain, slug);
create index links_order on links (workspace, mode, position, created_at, id);
create index links_order_by_state on links (workspace, mode, active, position, created_at, id);
create index links_on_profile on links (workspace, position, created_at, id)
    where mode = 'live' and active and show_on_profile;

-- How many links there are, kept in the transaction that changes it, so that a page of a million links need not count
-- them. Sixteen rows for each workspace and mode, of which a connection writes its own: creators do not queue up
-- behind each other. One row may be negative; their sum is exact.
create table link_counts (
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    shard     smallint not null,
    active    bigint not null,
    inactive  bigint not null,
    primary key (workspace, mode, shard)
) with (fillfactor = 50);

create table outbox (
    id         bigint generated always as identity primary key,
    event_id   text not null,
    subject    text not null,
    payload    bytea not null,
    created_at timestamptz not null default now()
);
