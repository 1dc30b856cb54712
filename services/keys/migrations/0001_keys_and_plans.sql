-- What a workspace may have, as accounts last said. Its row is also the lock under which active keys are counted.
create table plans (
    workspace text primary key,
    tier      text not null,
    version   bigint not null
);

-- Room in each page lets the time of the last use change without touching an index.
create table keys (
    id            text primary key,
    workspace     text not null references plans (workspace),
    user_id       text not null,
    digest        bytea not null check (octet_length(digest) = 32),
    prefix        text not null,
    last_four     text not null,
    name          text not null,
    description   text not null,
    style         text not null,
    mode          text not null,
    scopes        text[] not null,
    rate_limit    integer,
    rate_window   text not null,
    created_at    timestamptz not null,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz
) with (fillfactor = 80);
create unique index keys_digest on keys (digest);
create index keys_workspace on keys (workspace, created_at desc, id desc);
create index keys_unrevoked on keys (workspace) where revoked_at is null;

create table outbox (
    id         bigint generated always as identity primary key,
    event_id   text not null,
    subject    text not null,
    payload    bytea not null,
    created_at timestamptz not null default now()
);
