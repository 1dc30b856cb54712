-- A rotated key has two secrets until the overlap ends: `digest` is the new one. What the one before was is kept after
-- that, so that it is still recognised when somebody reports it as leaked.
alter table keys
    add column former_digest  bytea,
    add column former_ends_at timestamptz,
    add column rotated_at     timestamptz,
    add column allowlist      text[] not null default '{}';
create unique index keys_former_digest on keys (former_digest) where former_digest is not null;
