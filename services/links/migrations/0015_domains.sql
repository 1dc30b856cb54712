-- Hosts of their own that workspaces have links on. Many may claim a name, so that nobody can squat on it; one at most
-- has it: whoever has proved by the DNS that it is theirs.
create table domains (
    id            text collate "C" primary key,
    workspace     text collate "C" not null,
    mode          text collate "C" not null check (mode in ('live', 'test')),
    name          text collate "C" not null check (name <> ''),
    token         text not null,
    root_url      text,
    not_found_url text,
    problem       text,
    checked_at    timestamptz,
    verified_at   timestamptz,
    -- When the DNS is looked at without anybody asking; null: no more.
    next_look_at  timestamptz,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    -- What links refer to: their own index begins with the name, so they need no other one.
    unique (name, id)
);
create unique index domains_of_workspace on domains (workspace, mode, name);
create unique index domains_verified on domains (name) where verified_at is not null;
create index domains_due on domains (next_look_at) where next_look_at is not null;

-- Links that are there already are all on the gateway's own host, so nothing has to be looked through.
alter table links add column domain_id text collate "C";
alter table links add constraint links_domain
    foreign key (domain, domain_id) references domains (name, id) not valid;
-- With one of the two missing, the reference would not be checked.
alter table links add constraint links_on_a_host check ((domain = '') = (domain_id is null)) not valid;
