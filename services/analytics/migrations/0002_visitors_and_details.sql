alter table visits
    add column country text not null default '',
    add column region  text not null default '';

-- The visitors of the running day, and of a few before it because visits can come late. A visitor's first click makes
-- the row, the second one ends "single", and all further ones change nothing.
create table visitors (
    day       date not null,
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    visitor   bytea not null,
    link      text collate "C" not null,
    single    boolean not null,
    primary key (day, workspace, mode, visitor)
) with (fillfactor = 90);

-- The other links a visitor was at; most visitors have none.
create table visitor_links (
    day       date not null,
    workspace text collate "C" not null,
    mode      text collate "C" not null,
    visitor   bytea not null,
    link      text collate "C" not null,
    primary key (day, workspace, mode, visitor, link)
);

-- entries: visitors who began at this link; bounces: those of them who made one click in the workspace that day.
-- details: the clicks by hour and by the values of all dimensions, as msgpack.
alter table link_days
    add column took_us bigint not null default 0,
    add column uniques bigint not null default 0,
    add column entries bigint not null default 0,
    add column bounces bigint not null default 0,
    add column details bytea not null default '';

alter table workspace_days
    add column took_us bigint not null default 0,
    add column uniques bigint not null default 0,
    add column entries bigint not null default 0,
    add column bounces bigint not null default 0,
    add column details bytea not null default '';
