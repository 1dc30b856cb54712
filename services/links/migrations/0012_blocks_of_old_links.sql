-- outside a transaction
--
-- Links that were there before the blocks: what is missing is what there is, less what has been kept since then. One
-- statement sees all three as they are at one moment, so links are read and written meanwhile, and to run it again
-- adds nothing.
set search_path = links, pg_temp;

insert into link_blocks as kept (workspace, mode, sorting, digits, block, archived, active, lapsed, links)
select workspace, mode, sorting, digits, block, archived, active, lapsed, sum(links)
from (
    select workspace, mode, sorting, digits, block, archived, active, lapsed, links
    from (
        select workspace, mode, age_block(created_at) as age, null as clicks, null as position,
               archived, active, lapsed, count(*) as links
        from links group by 1, 2, 3, 6, 7, 8
        union all
        select workspace, mode, null, clicks_block(clicks, id), null, archived, active, lapsed, count(*)
        from links group by 1, 2, 4, 6, 7, 8
        union all
        select workspace, mode, null, null, position_block(position), archived, active, lapsed, count(*)
        from links group by 1, 2, 5, 6, 7, 8
    ) as there cross join lateral blocks_of(age, clicks, position)
    union all
    select workspace, mode, sorting, digits, block, archived, active, lapsed, -links from link_blocks
    union all
    select workspace, mode, sorting, digits, block, archived, active, lapsed, -links
    from link_changes cross join lateral blocks_of(age, clicks, position)
    union all
    select workspace, mode, sorting, digits, block, archived, active, lapsed, step
    from link_moves
    cross join lateral (values (origin, 1), (goal, -1)) as side (place, step)
    cross join lateral blocks_of(null, place, null)
) as sides
group by workspace, mode, sorting, digits, block, archived, active, lapsed having sum(links) <> 0
order by workspace, mode, sorting, digits, block, archived, active, lapsed
on conflict (workspace, mode, sorting, digits, block, archived, active, lapsed) do update
set links = kept.links + excluded.links;

-- So that the planner knows the new tables before it is first asked.
analyze link_blocks, link_versions;

set search_path = links;
