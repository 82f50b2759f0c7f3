-- name: amended
-- One page of the lines with something to account for; served by line_amended.
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, amended_by,
  updated_at
from line
where tenant_id = $1 and amended_by <> '' and position > $2
order by position
limit $3

-- name: lock_lines
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, amended_by,
  updated_at
from line
where tenant_id = $1 and identity = any($2::text[]) and amended_by <> ''
order by position
for update

-- name: lock_corrections
-- Those that are not over; the lines they are of are locked before.
select 1
from correction
where tenant_id = $1 and identity = any($2::text[]) and state in ('held', 'ready', 'queued', 'failed')
order by position
for update

-- name: of_lines
-- Every correction of these lines that counts for something, or did.
select tenant_id, identity, number, position, document_id, document_version, run_id, component, currency, agreement_id,
  quantity, cost, price, state, reason, detail, draft, allowed_by, operation_key, addition_id, written, updated_at
from correction
where tenant_id = $1 and identity = any($2::text[])
order by identity, number

-- name: reopen
-- Nothing stands for it any more: it is looked at as its newest charge, in the run that brought that.
update line set
  state = 'received', reason = '', detail = '', draft = null, written_cost = 0, written_price = 0, run_id = amended_by,
  amended_by = '', operation_key = null, generation = generation + case state when 'queued' then 1 else 0 end,
  updated_at = now()
where tenant_id = $1 and identity = any($2::text[])

-- name: accounted
update line set amended_by = '', updated_at = now() where tenant_id = $1 and identity = any($2::text[])

-- name: supersede
update correction set state = 'superseded', updated_at = now()
from unnest($2::text[], $3::int[]) as gone (identity, number)
where correction.tenant_id = $1 and correction.identity = gone.identity and correction.number = gone.number

-- name: put
insert into correction (tenant_id, identity, number, document_id, document_version, run_id, component, currency,
  agreement_id, quantity, cost, price, state, reason, detail, draft, allowed_by)
select $1, new.*
from unnest($2::text[], $3::int[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::bigint[],
  $10::numeric[], $11::numeric[], $12::numeric[], $13::text[], $14::text[], $15::text[], $16::jsonb[], $17::text[])
  as new
on conflict (tenant_id, identity, number) do update set
  document_version = excluded.document_version, run_id = excluded.run_id, component = excluded.component,
  quantity = excluded.quantity, cost = excluded.cost, price = excluded.price, state = excluded.state,
  reason = excluded.reason, detail = excluded.detail, draft = excluded.draft, allowed_by = excluded.allowed_by,
  updated_at = now()
where correction.state in ('held', 'ready')

-- name: ready
-- One page of a run's ready corrections, locked; served by correction_run.
select tenant_id, identity, number, position, document_id, document_version, run_id, component, currency, agreement_id,
  quantity, cost, price, state, reason, detail, draft, allowed_by, operation_key, addition_id, written, updated_at
from correction
where tenant_id = $1 and run_id = $2 and state = 'ready'
order by position
limit $3
for update

-- name: queue
update correction set state = 'queued', operation_key = row.operation_key, updated_at = now()
from unnest($2::text[], $3::int[], $4::text[]) as row (identity, number, operation_key)
where correction.tenant_id = $1 and correction.identity = row.identity and correction.number = row.number
  and correction.state = 'ready'

-- name: queued_is_accounted
-- With the correction its line's newest charge is accounted for, unless a newer one has come meanwhile.
update line set amended_by = ''
from correction
where correction.tenant_id = $1 and correction.identity = any($2::text[]) and correction.state = 'queued'
  and line.tenant_id = correction.tenant_id and line.identity = correction.identity
  and line.document_version = correction.document_version and line.amended_by = correction.run_id

-- name: allow
-- A person lets what is below zero be billed.
update correction set state = 'ready', reason = '', detail = '', allowed_by = $3, updated_at = now()
where tenant_id = $1 and run_id = $2 and state = 'held' and reason = $4 and draft is not null

-- name: given_up
-- Served by correction_operation and the primary key.
select queued.operation_key, tried.operation_key as given_up
from correction as queued
join correction as tried on tried.tenant_id = queued.tenant_id and tried.identity = queued.identity
where queued.tenant_id = $1 and queued.operation_key = any($2::text[])
  and tried.number < queued.number and tried.operation_key is not null and not tried.written
order by tried.number

-- name: synced
update correction set state = 'synced', addition_id = done.addition_id, updated_at = now()
from unnest($1::text[], $2::text[], $3::bigint[]) as done (tenant_id, operation_key, addition_id)
where correction.tenant_id = done.tenant_id and correction.operation_key = done.operation_key
returning correction.tenant_id, correction.operation_key, correction.identity, correction.document_id,
  correction.run_id, correction.agreement_id, true as amended

-- name: failed
-- The next try is another correction, with a number, a key and a marker of its own.
update correction set state = 'failed', reason = ended.reason, detail = ended.detail, updated_at = now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as ended (tenant_id, operation_key, reason, detail)
where correction.tenant_id = ended.tenant_id and correction.operation_key = ended.operation_key
returning correction.tenant_id, correction.operation_key, correction.identity, correction.document_id,
  correction.run_id, correction.agreement_id, true as amended

-- name: queue_again
-- A person has decided its conflict: an addition stands for it, or is about to.
update correction set state = 'queued', reason = '', detail = '', updated_at = now()
where tenant_id = $1 and operation_key = $2 and state = 'failed' and reason = 'conflict'
returning tenant_id, operation_key, identity, document_id, run_id, agreement_id, true as amended

-- name: retry
-- A failed correction is worked out anew, from what its line is charged now.
update line set amended_by = correction.run_id, updated_at = now()
from correction
where correction.tenant_id = $1 and correction.run_id = $2 and correction.state = 'failed'
  and correction.reason <> 'conflict'
  and line.tenant_id = correction.tenant_id and line.identity = correction.identity and line.amended_by = ''

-- name: corrections
-- One page of a run's, or of all; served by correction_position.
select tenant_id, identity, number, position, document_id, document_version, run_id, component, currency, agreement_id,
  quantity, cost, price, state, reason, detail, draft, allowed_by, operation_key, addition_id, written, updated_at
from correction
where position > $1 and ($2 = '' or run_id = $2) and ($3 = '' or state = $3)
order by position
limit $4
