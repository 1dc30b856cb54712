-- Ids are compared byte by byte: their order is the order in which they were made.

-- The row under which the endpoints of a workspace are counted, and under which it is decided whether it wants clicks.
create table workspaces (
    workspace     text collate "C" not null,
    mode          text not null,
    clicks_wanted boolean not null default false,
    version       bigint not null default 0, -- of what was told of that
    primary key (workspace, mode)
);

create table endpoints (
    id             text collate "C" primary key,
    workspace      text collate "C" not null,
    mode           text not null,
    url            text not null,
    description    text not null,
    topics         text[] not null,
    links          text[] not null,
    tags           text[] not null,
    domains        text[] not null,
    headers        bytea not null, -- sealed
    header_names   text[] not null,
    batch          boolean not null,
    enabled        boolean not null,
    reason         text,
    disabled_at    timestamptz,
    secret         bytea not null, -- sealed, as is the one before
    secret_hint    text not null,
    former_secret  bytea,
    former_ends_at timestamptz,
    rotated_at     timestamptz,
    created_at     timestamptz not null,
    updated_at     timestamptz not null
);
create index endpoints_workspace on endpoints (workspace, mode, id);

-- What changes with every delivery, apart from the wide row. Room in each page keeps such a change off the index.
create table endpoint_states (
    endpoint        text collate "C" primary key references endpoints (id) on delete cascade,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    failing_since   timestamptz, -- of the first failure since the last success
    failures        integer not null default 0,
    waiting         integer not null default 0, -- deliveries that are pending
    kept            integer not null default 0, -- deliveries that were dropped and can still be recovered
    dropped         bigint not null default 0, -- deliveries that were dropped, since the endpoint exists
    due_at          timestamptz, -- when its deliveries are looked at next: never too late, null when there is no need
    paused_until    timestamptz  -- it has asked for so much time
) with (fillfactor = 50);
create index endpoint_states_due on endpoint_states ((failures > 0), due_at) where due_at is not null;

-- One message for one endpoint. `endpoint` refers to nothing: what a deleted endpoint leaves behind goes step by step.
create table deliveries (
    endpoint      text collate "C" not null,
    id            text collate "C" not null,
    event         text collate "C" not null,
    topic         text not null,
    body          bytea not null,
    state         text not null,
    attempts      integer not null default 0,
    tries         integer not null default 0, -- attempts since the schedule began
    clicks        integer not null default 0, -- in a message of several clicks
    open_until    timestamptz, -- clicks are added to it until then
    created_at    timestamptz not null,
    next_at       timestamptz, -- of the next attempt, if it is pending
    claimed_until timestamptz,
    last_status   integer,
    last_error    text,
    delivered_at  timestamptz,
    primary key (endpoint, id),
    unique (endpoint, event) -- a fact that is heard twice is one delivery
) with (fillfactor = 80);
create index deliveries_due on deliveries (endpoint, next_at, id) where state = 'pending';
create index deliveries_claimed on deliveries (endpoint, claimed_until) where claimed_until is not null;
create index deliveries_open on deliveries (endpoint) where open_until is not null;
create index deliveries_unsent on deliveries (endpoint, id) where state in ('failed', 'dropped');
create index deliveries_age on deliveries (created_at);
-- A body never changes while its row does so several times, hence it is kept beside the row.
alter table deliveries alter column body set storage external;
alter table deliveries set (toast_tuple_target = 256, autovacuum_vacuum_scale_factor = 0.02);

create table attempts (
    endpoint text collate "C" not null,
    delivery text collate "C" not null,
    number   integer not null,
    at       timestamptz not null,
    took_ms  integer not null,
    status   integer,
    error    text,
    reply    bytea not null,
    primary key (endpoint, delivery, number),
    foreign key (endpoint, delivery) references deliveries (endpoint, id) on delete cascade
);

-- Endpoints that were deleted and whose deliveries are still to go.
create table dead_endpoints (
    endpoint   text collate "C" primary key,
    deleted_at timestamptz not null
);

-- Facts with clicks that have been taken in, so that one that is heard again changes nothing.
create table taken (
    event    text collate "C" primary key,
    taken_at timestamptz not null
);
create index taken_age on taken (taken_at);

create table outbox (
    id         bigint generated always as identity primary key,
    event_id   text not null,
    subject    text not null,
    payload    bytea not null,
    created_at timestamptz not null default now()
);

-- Writes that carried an idempotency key, and how they were answered. Written in the transaction of the write itself.
create table idempotency (
    workspace   text collate "C" not null,
    mode        text collate "C" not null,
    key         text collate "C" not null,
    fingerprint bytea not null, -- a keyed hash of the request
    asked_at    timestamptz not null,
    reply       bytea, -- not yet there as long as the write is at work
    primary key (workspace, mode, key)
);
create index idempotency_age on idempotency (asked_at);
