-- Ids are compared byte by byte: that is faster, and the order in which the service locks rows is then the same everywhere.

-- Every batch that has been counted, so that one that is delivered again changes nothing.
create table batches (
    id        text collate "C" primary key,
    stored_at timestamptz not null default now()
);
create index batches_stored_at on batches (stored_at);

-- What could not be counted, as it came. The id is the SHA-256 of the payload.
create table dead_letters (
    id      text collate "C" primary key,
    payload bytea not null,
    reason  text not null,
    at      timestamptz not null default now()
);

-- Raw visits, a partition for each UTC day. No report reads them, so they have no index.
create table visits (
    at         timestamptz not null,
    workspace  text collate "C" not null,
    mode       text not null,
    kind       text not null,
    link       text collate "C" not null,
    visitor    bytea not null,
    bot        boolean not null,
    took_us    integer not null,
    user_agent text not null,
    referrer   text not null,
    language   text not null,
    query      text not null
) partition by range (at);

-- For days without a partition: what comes very late, and what a clock that is wrong has dated.
create table visits_default partition of visits default;

-- Counters are updated far more often than they are inserted; the free space lets that happen without touching an index.
create table link_days (
    workspace text collate "C" not null,
    mode      text not null,
    link      text collate "C" not null,
    day       date not null,
    clicks    bigint not null,
    bots      bigint not null,
    primary key (workspace, mode, link, day)
) with (fillfactor = 80);

create table workspace_days (
    workspace text collate "C" not null,
    mode      text not null,
    day       date not null,
    clicks    bigint not null,
    bots      bigint not null,
    views     bigint not null,
    view_bots bigint not null,
    primary key (workspace, mode, day)
) with (fillfactor = 50);

-- "due" has a column of its own so that counting on does not change what the partial index looks at.
create table link_totals (
    link     text collate "C" primary key,
    clicks   bigint not null,
    reported bigint not null default 0,
    due      boolean not null generated always as (clicks > reported) stored
) with (fillfactor = 80);
create index link_totals_due on link_totals (link) where due;

create table profile_totals (
    workspace text collate "C" not null,
    mode      text not null,
    views     bigint not null,
    reported  bigint not null default 0,
    due       boolean not null generated always as (views > reported) stored,
    primary key (workspace, mode)
) with (fillfactor = 50);
create index profile_totals_due on profile_totals (workspace, mode) where due;

create table outbox (
    id         bigint generated always as identity primary key,
    event_id   text not null,
    subject    text not null,
    payload    bytea not null,
    created_at timestamptz not null default now()
);

-- The service may not make tables, so these two functions run with the owner's rights.

-- True when the partition has been made just now.
create function make_visits_partition(day date) returns boolean
language plpgsql security definer set search_path = analytics, pg_temp as $$
declare
    name   text := 'visits_' || to_char(day, 'YYYYMMDD');
    opens  timestamptz := day::timestamp at time zone 'UTC';
    closes timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
    if to_regclass(name) is not null then
        return false;
    end if;
    -- Whoever comes at the same time waits here, and finds the partition made.
    lock table visits_default in access exclusive mode;
    if to_regclass(name) is not null then
        return false;
    end if;
    execute format('create table %I (like visits including all)', name);
    execute format(
        'with early as (delete from visits_default where at >= $1 and at < $2 returning *)
         insert into %I select * from early', name
    ) using opens, closes;
    -- Attaching, unlike creating in place, lets others go on writing to the other days.
    execute format('alter table visits attach partition %I for values from (%L) to (%L)', name, opens, closes);
    return true;
end
$$;

-- How many partitions of days before the given one have been dropped.
create function drop_visits_partitions(first_kept date) returns integer
language plpgsql security definer set search_path = analytics, pg_temp as $$
declare
    name    text;
    dropped integer := 0;
begin
    for name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'visits'::regclass
          and c.relname ~ '^visits_[0-9]{8}$'
          and to_date(right(c.relname, 8), 'YYYYMMDD') < first_kept
    loop
        execute format('drop table if exists %I', name);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

revoke execute on function make_visits_partition(date), drop_visits_partitions(date) from public;

-- So that the first visits find their day, whoever of ingest and housekeeping comes first.
select make_visits_partition((now() at time zone 'UTC')::date + ahead) from generate_series(0, 3) as ahead;
