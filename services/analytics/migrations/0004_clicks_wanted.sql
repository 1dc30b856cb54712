-- Where somebody wants to be told of clicks, as webhooks last said.
create table wishes (
    workspace text collate "C" not null,
    mode      text not null,
    wanted    boolean not null,
    version   bigint not null,
    primary key (workspace, mode)
);
create index wishes_wanted on wishes (workspace, mode) where wanted;

-- How often that has changed. Who knows this number knows whether what they remember of it is still true.
create table wishes_changes (
    number bigint not null
);
insert into wishes_changes (number) values (0);
