-- name: join_replicas
-- A lock of a class of its own that lives as long as the session: how many are granted is how many replicas live.
select pg_try_advisory_lock(hashtext('delivery.replica'), $1)

-- name: replicas
select count(*)
from pg_locks
where locktype = 'advisory' and granted and objsubid = 2
  and database = (select oid from pg_database where datname = current_database())
  and classid::bigint = hashtext('delivery.replica')::bigint & 4294967295

-- name: installation
-- How often this database was found to be an older one than was written to, and whether it is another's.
select restores, foreign_to from installation

-- name: sites_with_work
-- From one site and effect to the next; served by operation_open, one row of each.
with recursive found (site_id, effect) as (
  (
    select site_id, effect
    from operation
    where state in ('pending', 'in_flight', 'ambiguous')
    order by site_id, effect
    limit 1
  )
  union all
  select next.site_id, next.effect
  from found
  cross join lateral (
    select operation.site_id, operation.effect
    from operation
    where operation.state in ('pending', 'in_flight', 'ambiguous')
      and (operation.site_id, operation.effect) > (found.site_id, found.effect)
    order by operation.site_id, operation.effect
    limit 1) as next
)
select site_id,
  exists (
    select from pg_locks
    where locktype = 'advisory' and granted and objsubid = 1
      and database = (select oid from pg_database where datname = current_database())
      and (classid::bigint << 32 | objid::bigint) = hashtextextended('delivery.' || site_id, 0)) as locked
from (select distinct site_id from found where effect = any($1::text[])) as working
order by site_id

-- name: take_site
insert into site_owner (site_id, epoch, holder)
values ($1, $2, $3)
on conflict (site_id) do update set epoch = excluded.epoch, holder = excluded.holder, taken_at = now()
returning restores

-- name: sweep
-- What an earlier epoch left in flight may have reached the peer; a job is simply done again. Served by
-- operation_in_doubt.
update operation
set state = case kind when 'job' then 'pending' else 'ambiguous' end, updated_at = now()
where site_id = $1 and effect = any($2::text[]) and state = 'in_flight'

-- name: in_doubt
-- Served by operation_in_doubt.
select effect, tenant_id, lane, seq
from operation
where site_id = $1 and effect = any($2::text[]) and state = 'ambiguous'

-- name: give_back
update site_owner set epoch = null, holder = '' where site_id = $1 and epoch = $2

-- name: recovered
-- Fenced like everything an owner says of its site.
update site_owner set restores = $3 where site_id = $1 and epoch = $2

-- name: open_lanes
-- The lanes of these sites with something to do, and the newest of each: from one lane to the next, one row of each,
-- however many operations it has. Served by operation_open, backwards.
with recursive found (site_id, effect, tenant_id, lane, newest) as (
  select first.site_id, first.effect, first.tenant_id, first.lane, first.seq
  from unnest($1::text[]) as owned (site_id)
  cross join lateral (
    select operation.site_id, operation.effect, operation.tenant_id, operation.lane, operation.seq
    from operation
    where operation.state in ('pending', 'in_flight', 'ambiguous') and operation.site_id = owned.site_id
    order by operation.effect desc, operation.tenant_id desc, operation.lane desc, operation.seq desc
    limit 1) as first
  union all
  select next.site_id, next.effect, next.tenant_id, next.lane, next.seq
  from found
  cross join lateral (
    select operation.site_id, operation.effect, operation.tenant_id, operation.lane, operation.seq
    from operation
    where operation.state in ('pending', 'in_flight', 'ambiguous')
      and operation.site_id = found.site_id
      and (operation.effect, operation.tenant_id, operation.lane) < (found.effect, found.tenant_id, found.lane)
    order by operation.effect desc, operation.tenant_id desc, operation.lane desc, operation.seq desc
    limit 1) as next
)
select site_id, tenant_id, effect, lane, newest from found where effect = any($2::text[])

-- name: meet
insert into site_tenant (site_id, tenant_id)
select * from unnest($1::text[], $2::text[])
on conflict do nothing

-- name: newcomers
-- Sites of these to which a tenant came after another one less than $2 seconds ago, and how long ago.
select late.site_id, min(extract(epoch from now() - late.since))::float8 as ago
from site_tenant as late
join site_tenant as earlier on earlier.site_id = late.site_id and earlier.since < late.since
where late.site_id = any($1::text[]) and late.since > now() - make_interval(secs => $2)
group by late.site_id

-- name: pauses_of
-- Of these tenants; small, since each waits for a person.
select tenant_id, scope, name from delivery_pause where tenant_id = any($1::text[])

-- name: turn
-- What a lane may do in this turn: of each target its first unsettled operation, so that a later one never overtakes.
-- Served by operation_open in its order and, for the targets, operation_target: a comparison that the planner takes for
-- mostly true, or it would sort the whole lane. $5 waits in quarantine, the runs $6 are paused, with $7 only jobs may go.
select tenant_id, operation_key as key, seq, effect, site_id, lane, kind, target, marker, body, run_id, state, attempts,
  reason
from operation
where site_id = $1 and tenant_id = $2 and effect = $3 and lane = $4
  and state in ('pending', 'in_flight', 'ambiguous')
  and not_before <= now()
  and seq <> all($5::bigint[])
  and run_id <> all($6::text[])
  and (kind = 'job' or not $7)
  and coalesce(seq = (
    select same.seq
    from operation as same
    where same.tenant_id = operation.tenant_id and same.effect = operation.effect and same.target = operation.target
      and same.state in ('pending', 'in_flight', 'ambiguous')
    order by same.seq
    limit 1), false)
order by seq
limit $8

-- name: rest
-- Of a lane with nothing to do now: whether it has anything at all, in how many seconds the first is due by itself, and
-- whether one is due that no earlier one of this lane holds up: it waits for another lane's operation of the same
-- target, or did until a moment ago, as this statement sees more than the one that looked for a turn. Asked once, when
-- its turn finds nothing.
select count(*) > 0 as open,
  extract(epoch from min(not_before) filter (where not_before > now()) - now())::float8 as due_in,
  coalesce(bool_or(
    not_before <= now() and seq <> all($5::bigint[]) and run_id <> all($6::text[]) and (kind = 'job' or not $7)
    and not exists (
      select from operation as earlier
      where earlier.tenant_id = operation.tenant_id and earlier.effect = operation.effect
        and earlier.target = operation.target and earlier.seq < operation.seq and earlier.lane = operation.lane
        and earlier.state in ('pending', 'in_flight', 'ambiguous'))), false) as behind
from operation
where site_id = $1 and tenant_id = $2 and effect = $3 and lane = $4 and state in ('pending', 'in_flight', 'ambiguous')

-- name: fence
-- Locks the owner rows that are still ours: a takeover waits for this commit, or this one sees the takeover.
select epoch
from site_owner
where site_id = any($1::text[]) and epoch = any($2::uuid[])
order by site_id
for share

-- name: claim
-- What is paused is not claimed, although its turn began before the pause.
update operation
set state = 'in_flight', epoch = claim.epoch, attempts = operation.attempts + 1, updated_at = now()
from unnest($1::text[], $2::text[], $3::uuid[], $4::text[]) as claim (tenant_id, operation_key, epoch, state)
where operation.tenant_id = claim.tenant_id and operation.operation_key = claim.operation_key
  and operation.state = claim.state
  and not exists (
    select from delivery_pause
    where delivery_pause.tenant_id = operation.tenant_id
      and (delivery_pause.scope, delivery_pause.name)
        in (('tenant', ''), ('lane', operation.lane), ('run', operation.run_id)))
returning operation.tenant_id, operation.operation_key as key, operation.attempts

-- name: give_back_claims
-- Claimed, and certainly never sent: as if it had not been claimed.
update operation
set state = 'pending', attempts = operation.attempts - 1, updated_at = now()
from unnest($1::text[], $2::text[]) as claim (tenant_id, operation_key)
where operation.tenant_id = claim.tenant_id and operation.operation_key = claim.operation_key
  and operation.state = 'in_flight'
returning operation.tenant_id, operation.operation_key as key, operation.attempts

-- name: settle
update operation
set state = settled.state, remote_id = coalesce(settled.remote_id, operation.remote_id), reason = settled.reason,
  message = settled.message, not_before = now() + make_interval(secs => settled.wait), updated_at = now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::float8[])
  as settled (tenant_id, operation_key, was, state, remote_id, reason, message, wait)
where operation.tenant_id = settled.tenant_id and operation.operation_key = settled.operation_key
  and operation.state = settled.was
returning operation.tenant_id, operation.operation_key as key, operation.attempts

-- name: release
-- What will never be written stands for nothing.
update coverage
set released_at = now()
from unnest($1::text[], $2::text[]) as released (tenant_id, operation_key)
where coverage.tenant_id = released.tenant_id and coverage.operation_key = released.operation_key
  and coverage.released_at is null

-- name: record_attempts
insert into attempt (tenant_id, operation_key, number, outcome, status, code, message, request_id, seconds)
select *
from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::numeric[])
on conflict do nothing

-- name: measure
-- Everything that is not over or waits for a person, for the metrics; questions are served by operation_question.
select state, count(*) as operations, extract(epoch from now() - min(updated_at))::float8 as oldest
from operation
where state in ('pending', 'in_flight', 'ambiguous', 'conflict', 'rejected')
group by state

-- name: measure_pauses
-- What a person and a machine have both stopped is one.
select scope, count(distinct (tenant_id, name)) as pauses from delivery_pause group by scope
