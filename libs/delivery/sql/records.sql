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

-- name: decisions
select decision, remote_id, by, at
from decision
where tenant_id = $1 and operation_key = $2
order by id

-- name: questions
-- One page of what is in doubt, refused or in conflict; served by operation_question.
select seq, tenant_id, operation_key as key, state, effect, lane, kind, marker, body, run_id, reason, message, attempts,
  remote_id, created_at, updated_at
from operation
where tenant_id = $1 and state = $2 and state in ('ambiguous', 'rejected', 'conflict') and seq > $3
order by seq
limit $4

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

-- name: lanes
select distinct lane
from operation
where tenant_id = $1 and effect = $2 and site_id = $3 and kind <> 'job'
  and state in ('in_flight', 'ambiguous', 'confirmed', 'conflict')
order by lane

-- name: live_of_lane
-- Everything of a lane that stands for something, for reconciliation; served by operation_lane.
select tenant_id, operation_key as key, state, effect, lane, kind, marker, body, run_id, reason, message, attempts,
  remote_id, created_at, updated_at
from operation
where tenant_id = $1 and effect = $2 and site_id = $3 and lane = $4 and kind <> 'job'
  and state in ('in_flight', 'ambiguous', 'confirmed', 'conflict')
order by seq

-- name: sites
select operation_key as key, site_id
from operation
where tenant_id = $1 and operation_key = any($2::text[])

-- name: lanes_of_markers
-- Reads all that the tenant has written; asked only where a reading has found what nothing explains.
select marker, lane
from operation
where tenant_id = $1 and effect = $2 and kind = 'create' and state = 'confirmed' and marker = any($3::text[])
