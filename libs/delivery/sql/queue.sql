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
-- A compare-and-set on pending: what is in flight or ambiguous keeps its coverage, and so does what is not there only
-- by a person's word (transitions.NotThere): a read comes first.
update operation
set state = 'superseded', updated_at = now()
where tenant_id = $1 and operation_key = any($2::text[]) and state = 'pending' and reason <> 'tried_again'
returning operation_key

-- name: release
update coverage
set released_at = now()
where tenant_id = $1 and operation_key = any($2::text[]) and released_at is null

-- name: state
select state from operation where tenant_id = $1 and operation_key = $2

-- name: pause
insert into delivery_pause (tenant_id, scope, name, code, message)
values ($1, $2, $3, $4, $5)
on conflict (tenant_id, scope, name, by_person) do update set code = excluded.code, message = excluded.message

-- name: resume
delete from delivery_pause
where tenant_id = $1 and ($2::text is null or scope = $2) and ($3::text is null or name = $3)
  and ($4 or not by_person)

-- name: pauses
select tenant_id, scope, name, code, message, paused_at
from delivery_pause
where tenant_id = $1
order by scope desc, name, by_person desc

-- name: conflict
select tenant_id, operation_key as key, seq, effect, site_id, lane, kind, target, marker, body, run_id, state, attempts,
  reason
from operation
where tenant_id = $1 and operation_key = $2 and state = 'conflict'
for update

-- name: stands_for
-- Served by operation_remote_id_once, which also refuses it.
select true
from operation
where site_id = $1 and effect = $2 and remote_id = $3 and kind = 'create' and state = 'confirmed'

-- name: decide
-- With the next number: a lane that rests is looked at for what is newer than all that it has seen.
update operation
set state = $3, seq = default, remote_id = $4, reason = $5, message = $6, not_before = now(), updated_at = now()
where tenant_id = $1 and operation_key = $2 and state = 'conflict'

-- name: keep_decision
insert into decision (tenant_id, operation_key, decision, remote_id, by) values ($1, $2, $3, $4, $5)
