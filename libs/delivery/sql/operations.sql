-- name: lock_tenant
-- One transaction a tenant queues at a time, so that coverage is looked up and taken without a race.
select pg_advisory_xact_lock(hashtextextended('delivery.queue.' || $1, 0))

-- name: covered
select identity, component, operation_key
from coverage
where tenant_id = $1 and identity = any($2::text[]) and released_at is null

-- name: known
select operation_key, body_digest
from operation
where tenant_id = $1 and operation_key = any($2::text[])

-- name: insert_operation
insert into operation (tenant_id, operation_key, effect, site_id, lane, kind, target, marker, body, body_digest, run_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: insert_coverage
insert into coverage (tenant_id, operation_key, identity, component, quantity, cost, price)
values ($1, $2, $3, $4, $5, $6, $7)

-- name: waiting_job
-- Not one in flight: what is to be seen may have changed since it began. Locked, so that it begins after this commit.
select true
from operation
where tenant_id = $1 and effect = $2 and lane = $3 and kind = 'job' and state = 'pending'
limit 1
for update

-- name: supersede
-- A compare-and-set on pending: what is in flight or ambiguous keeps its coverage.
update operation
set state = 'superseded', updated_at = now()
where tenant_id = $1 and operation_key = any($2::text[]) and state = 'pending'
returning operation_key

-- name: release
update coverage
set released_at = now()
where tenant_id = $1 and operation_key = any($2::text[]) and released_at is null

-- name: pause
insert into delivery_pause (tenant_id, lane, code, message)
values ($1, $2, $3, $4)
on conflict (tenant_id, lane) do update set code = excluded.code, message = excluded.message

-- name: resume
delete from delivery_pause where tenant_id = $1 and ($2::text is null or lane = $2)

-- name: pauses
select tenant_id, lane, code, message, paused_at
from delivery_pause
where tenant_id = $1
order by lane

-- name: counts
select state, count(*) as operations
from operation
where tenant_id = $1 and run_id = $2
group by state

-- name: operation
select tenant_id, operation_key as key, state, effect, lane, kind, marker, body, run_id, reason, message, attempts,
  remote_id, created_at, updated_at
from operation
where tenant_id = $1 and operation_key = $2

-- name: attempts
select number, at, outcome, status, code, message, request_id, seconds
from attempt
where tenant_id = $1 and operation_key = $2
order by number

-- name: live_of_lane
-- Everything of a lane that stands for something, for reconciliation; served by operation_lane.
select tenant_id, operation_key as key, state, effect, lane, kind, marker, body, run_id, reason, message, attempts,
  remote_id, created_at, updated_at
from operation
where tenant_id = $1 and effect = $2 and lane = $3 and kind <> 'job'
  and state in ('in_flight', 'ambiguous', 'confirmed', 'conflict')
order by seq

-- name: lanes
select distinct lane
from operation
where tenant_id = $1 and effect = $2 and kind <> 'job' and state in ('in_flight', 'ambiguous', 'confirmed', 'conflict')
order by lane
