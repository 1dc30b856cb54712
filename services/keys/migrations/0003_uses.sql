-- How often a key was used on a day (UTC), by what was answered.
create table key_days (
    workspace  text not null,
    key_id     text not null references keys (id),
    day        date not null,
    succeeded  bigint not null,
    refused    bigint not null,
    limited    bigint not null,
    failed     bigint not null,
    primary key (workspace, key_id, day)
);
create index key_days_day on key_days (day);

-- The last report of each gateway process, so that one that is sent again counts once.
create table use_reports (
    reporter     text primary key,
    number       bigint not null,
    reported_at  timestamptz not null
);
