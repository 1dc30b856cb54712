-- The live and the test profile of a workspace are different rows. Counters are kept by the transactions that change
-- what they count, so a profile is read without counting anything.
create table profiles (
    workspace  text not null,
    mode       text not null,
    user_id    text not null,
    username   text not null,
    name       text not null,
    bio        text,
    avatar     text,
    banner     text,
    theme      text not null,
    layout     text not null,
    sections   text[] not null,
    location   text,
    website    text,
    pronouns   text,
    views      bigint not null default 0,
    followers  bigint not null default 0 check (followers >= 0),
    following  bigint not null default 0 check (following >= 0),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (workspace, mode)
) with (fillfactor = 80);
create index profiles_username on profiles (username, mode, created_at);

create table follows (
    follower_workspace text not null,
    followed_workspace text not null check (followed_workspace <> follower_workspace),
    mode               text not null,
    created_at         timestamptz not null default now(),
    primary key (follower_workspace, mode, followed_workspace),
    foreign key (follower_workspace, mode) references profiles (workspace, mode),
    foreign key (followed_workspace, mode) references profiles (workspace, mode)
);

create table outbox (
    id         bigint generated always as identity primary key,
    event_id   text not null,
    subject    text not null,
    payload    bytea not null,
    created_at timestamptz not null default now()
);
