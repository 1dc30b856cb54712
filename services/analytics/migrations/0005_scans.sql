-- The QR code of a click that was the scan of one.
alter table visits add column code text not null default '';

-- Scans by people. A day is kept by itself, so that it can be made anew from its raw visits.
create table code_days (
    code  text collate "C" not null,
    day   date not null,
    scans bigint not null,
    primary key (code, day)
) with (fillfactor = 80);

create table code_totals (
    code     text collate "C" primary key,
    scans    bigint not null,
    reported bigint not null default 0,
    due      boolean not null generated always as (scans > reported) stored
) with (fillfactor = 80);
create index code_totals_due on code_totals (code) where due;
