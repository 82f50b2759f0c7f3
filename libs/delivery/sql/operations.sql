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

-- name: counts
select state, count(*) as operations
from operation
where tenant_id = $1 and run_id = $2
group by state

-- name: progress
-- Of one run; counted from operation_run alone. What is paused waits for a person.
select
  count(*) filter (where state = 'confirmed') as done,
  count(*) filter (where state in ('pending', 'in_flight', 'ambiguous')) as left,
  count(*) filter (where state in ('rejected', 'stale')) as failed,
  count(*) filter (where state = 'conflict') as conflicts,
  count(*) filter (where state = 'ambiguous') as ambiguous,
  count(*) filter (where state = 'confirmed' and updated_at > now() - make_interval(secs => $3)) as lately,
  least(extract(epoch from now() - min(updated_at) filter (
    where state = 'confirmed' and updated_at > now() - make_interval(secs => $3))), $3)::float8 as seconds,
  now() as at
from operation
where tenant_id = $1 and run_id = $2 and state <> 'superseded'

-- name: paused_of_run
-- How many of a run's pending operations a person has to let go; asked only where something is paused.
select count(*)
from operation
where tenant_id = $1 and run_id = $2 and state = 'pending'
  and exists (
    select from delivery_pause
    where delivery_pause.tenant_id = operation.tenant_id
      and (delivery_pause.scope, delivery_pause.name)
        in (('tenant', ''), ('lane', operation.lane), ('run', operation.run_id)))

-- name: held
-- Why nothing is sent for anybody, or not yet for a tenant's site: in words.
select case
  when installation.foreign_to <> ''
    then 'this database belongs to installation ' || installation.id || ', not to ' || installation.foreign_to
      || ': nothing is sent until `psabridge adopt`'
  else 'the database was restored (' || installation.restored_because
    || '): what was written before is read back before anything is sent'
  end
from installation
where installation.foreign_to <> ''
  or exists (
    select from operation
    join site_owner on site_owner.site_id = operation.site_id and site_owner.restores < installation.restores
    where operation.tenant_id = $1 and operation.run_id = $2 and operation.state = 'pending')

-- name: questions
-- One page of what is in doubt, refused or in conflict; served by operation_question.
select seq, tenant_id, operation_key as key, state, effect, lane, kind, marker, body, run_id, reason, message, attempts,
  remote_id, created_at, updated_at
from operation
where tenant_id = $1 and state = $2 and state in ('ambiguous', 'rejected', 'conflict') and seq > $3
order by seq
limit $4

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

-- name: decisions
select decision, remote_id, by, at
from decision
where tenant_id = $1 and operation_key = $2
order by id

-- name: live_of_lane
-- Everything of a lane that stands for something, for reconciliation; served by operation_lane.
select tenant_id, operation_key as key, state, effect, lane, kind, marker, body, run_id, reason, message, attempts,
  remote_id, created_at, updated_at
from operation
where tenant_id = $1 and effect = $2 and lane = $3 and kind <> 'job'
  and state in ('in_flight', 'ambiguous', 'confirmed', 'conflict')
order by seq

-- name: lanes_of_markers
-- Reads all that the tenant has written; asked only where a reading has found what nothing explains.
select marker, lane
from operation
where tenant_id = $1 and effect = $2 and kind = 'create' and state = 'confirmed' and marker = any($3::text[])

-- name: lanes
select distinct lane
from operation
where tenant_id = $1 and effect = $2 and kind <> 'job' and state in ('in_flight', 'ambiguous', 'confirmed', 'conflict')
order by lane
