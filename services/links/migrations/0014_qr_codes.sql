-- Pictures of links. The token stands in the query of what is encoded, and tells scans from other clicks.
create table qr_codes (
    id               text collate "C" primary key,
    workspace        text collate "C" not null,
    mode             text collate "C" not null,
    -- The service deletes the codes before their link, and tells of each; a copy from before this table knows of none.
    link             text collate "C" not null references links (id) on delete cascade,
    token            text collate "C" not null,
    title            text,
    foreground       text not null,
    background       text not null,
    error_correction text not null,
    margin           smallint not null,
    scans            bigint not null default 0,
    created_at       timestamptz not null default clock_timestamp(),
    updated_at       timestamptz not null default clock_timestamp()
)
-- Scans are written often, and touch no index: with room on the page an update stays on it.
with (fillfactor = 85);

create unique index qr_codes_token on qr_codes (link, token);
create index qr_codes_order on qr_codes (workspace, mode, id);
