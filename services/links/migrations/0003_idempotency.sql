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
