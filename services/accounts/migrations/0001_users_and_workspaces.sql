create table users (
    id            text primary key,
    username      text not null,
    email         text not null,
    password_hash text not null,
    created_at    timestamptz not null default now()
);
create unique index users_username on users (lower(username));
create unique index users_email on users (lower(email));

create table workspaces (
    id         text primary key,
    name       text not null,
    tier       text not null,
    owner      text not null references users (id),
    created_at timestamptz not null default now(),
    version    bigint not null default 1
);
create index workspaces_owner on workspaces (owner, created_at);

create table outbox (
    id         bigint generated always as identity primary key,
    event_id   text not null,
    subject    text not null,
    payload    bytea not null,
    created_at timestamptz not null default now()
);
