-- name: sites_with_work
select distinct site_id
from operation
where state in ('pending', 'in_flight', 'ambiguous') and effect = any($1::text[])

-- name: take_site
insert into site_owner (site_id, epoch, holder)
values ($1, $2, $3)
on conflict (site_id) do update set epoch = excluded.epoch, holder = excluded.holder, taken_at = now()

-- name: sweep
-- What an earlier epoch left in flight may have reached the peer; a job is simply done again.
update operation
set state = case kind when 'job' then 'pending' else 'ambiguous' end, updated_at = now()
where site_id = $1 and effect = any($2::text[]) and state = 'in_flight'

-- name: fence
-- Locks the owner rows that are still ours: a takeover waits for this commit, or this one sees the takeover.
select epoch
from site_owner
where site_id = any($1::text[]) and epoch = any($2::uuid[])
order by site_id
for share

-- name: due_lanes
-- Lanes with something to do, oldest first, without those of paused tenants or paused themselves; $3 waits here.
select operation.site_id, operation.tenant_id, operation.effect, operation.lane
from operation
where operation.site_id = any($1::text[])
  and operation.effect = any($2::text[])
  and operation.state in ('pending', 'in_flight', 'ambiguous')
  and operation.not_before <= now()
  and operation.seq <> all($3::bigint[])
  and not exists (
    select from delivery_pause
    where delivery_pause.tenant_id = operation.tenant_id and delivery_pause.lane in ('', operation.lane))
group by operation.site_id, operation.tenant_id, operation.effect, operation.lane
order by min(operation.seq)

-- name: turn
-- What a lane may do in this turn: of each target its first unsettled operation, so that a later one never overtakes.
-- Served by operation_open and, for the targets, operation_target; $5 waits here.
select tenant_id, operation_key as key, seq, effect, site_id, lane, kind, target, marker, body, run_id, state, attempts,
  reason
from operation
where site_id = $1 and tenant_id = $2 and effect = $3 and lane = $4
  and state in ('pending', 'in_flight', 'ambiguous')
  and not_before <= now()
  and seq <> all($5::bigint[])
  and not exists (
    select from operation as earlier
    where earlier.tenant_id = operation.tenant_id and earlier.effect = operation.effect
      and earlier.target = operation.target and earlier.seq < operation.seq
      and earlier.state in ('pending', 'in_flight', 'ambiguous'))
order by seq
limit $6

-- name: claim
update operation
set state = 'in_flight', epoch = $3, attempts = attempts + 1, updated_at = now()
where tenant_id = $1 and operation_key = $2 and state = $4
returning attempts

-- name: settle
update operation
set state = $3, remote_id = coalesce($4, remote_id), reason = $5, message = $6,
  not_before = now() + make_interval(secs => $7), updated_at = now()
where tenant_id = $1 and operation_key = $2 and state = $8

-- name: record_attempt
insert into attempt (tenant_id, operation_key, number, outcome, status, code, message, request_id, seconds)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict do nothing
