-- name: record
-- A line that comes again with other content: looked at anew while nothing was queued for it, else only its source
-- cost is noted, and the difference shows in the proof.
insert into line (tenant_id, identity, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description)
select new.*
from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[],
  $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::date[],
  $19::date[], $20::numeric[], $21::numeric[], $22::numeric[], $23::numeric[], $24::numeric[], $25::numeric[],
  $26::text[], $27::boolean[], $28::text[]) as new (tenant_id, identity, document_id, document_version)
where not exists (
  select from withdrawn
  where withdrawn.tenant_id = new.tenant_id and withdrawn.identity = new.identity
    and withdrawn.document_version > new.document_version)
order by new.tenant_id collate "C", new.identity collate "C"
on conflict (tenant_id, identity) do update set
  document_version = excluded.document_version,
  source_cost = excluded.source_cost,
  tax = excluded.tax,
  updated_at = now(),
  run_id = case when line.written then line.run_id else excluded.run_id end,
  customer_name = case when line.written then line.customer_name else excluded.customer_name end,
  billing_contract = case when line.written then line.billing_contract else excluded.billing_contract end,
  description = case when line.written then line.description else excluded.description end,
  file = case when line.written then line.file else excluded.file end,
  row = case when line.written then line.row else excluded.row end,
  product_key = case when line.written then line.product_key else excluded.product_key end,
  product_name = case when line.written then line.product_name else excluded.product_name end,
  kind = case when line.written then line.kind else excluded.kind end,
  raw_kind = case when line.written then line.raw_kind else excluded.raw_kind end,
  motion = case when line.written then line.motion else excluded.motion end,
  quantity = case when line.written then line.quantity else excluded.quantity end,
  list_unit = case when line.written then line.list_unit else excluded.list_unit end,
  effective_unit = case when line.written then line.effective_unit
    else excluded.effective_unit end,
  fx_rate = case when line.written then line.fx_rate else excluded.fx_rate end,
  state = case when line.written then line.state else 'received' end,
  reason = case when line.written then line.reason else '' end,
  draft = case when line.written then line.draft end
where line.document_version <= excluded.document_version

-- name: seal
insert into document (tenant_id, document_id, version, run_id, source, number, currency, file, lines, cost_total,
  tax_total, tied)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (tenant_id, document_id) do update set
  version = excluded.version, file = excluded.file, lines = excluded.lines, cost_total = excluded.cost_total,
  tax_total = excluded.tax_total, tied = document.tied or excluded.tied, sealed_at = now(),
  run_id = case when document.version < excluded.version then excluded.run_id else document.run_id end
where document.version <= excluded.version

-- name: note_withdrawn
-- Lines and seals travel on topics of their own: the line may arrive after the version that no longer has it.
insert into withdrawn (tenant_id, identity, document_version)
select $1, identity, $3 from unnest($2::text[]) as gone (identity)
on conflict (tenant_id, identity) do update set
  document_version = greatest(withdrawn.document_version, excluded.document_version)

-- name: seal_for_run
insert into run_document (tenant_id, run_id, document_id) values ($1, $2, $3)
on conflict do nothing

-- name: withdraw
-- No longer in the document: nothing to bill while nothing was queued, else its cost is gone from the source's side.
delete from line
where tenant_id = $1 and identity = any($2::text[]) and document_version < $3 and not written

-- name: withdraw_written
update line set source_cost = 0, tax = 0, updated_at = now()
where tenant_id = $1 and identity = any($2::text[]) and document_version < $3 and written

-- name: unsettled
-- One page of what is not queued yet, locked; served by line_unsettled.
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, updated_at
from line
where tenant_id = $1 and (state in ('received', 'held', 'ready') or state = 'ignored' and reason = 'before go-live')
  and position > $2
order by position
limit $3
for update

-- name: resolve
update line set
  state = row.state, reason = row.reason, detail = row.detail, draft = row.draft, agreement_id = row.agreement_id,
  updated_at = now()
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[])
  as row (identity, state, reason, detail, draft, agreement_id)
where line.tenant_id = $1 and line.identity = row.identity
  and line.state in ('received', 'held', 'ready', 'ignored')

-- name: ready
-- One page of a run's ready lines, locked, in the order in which they came; served by line_run.
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, updated_at
from line
where tenant_id = $1 and run_id = $2 and state = 'ready'
order by position
limit $3
for update

-- name: queue
update line set
  state = 'queued', reason = '', detail = '', operation_key = row.operation_key, written_cost = row.cost,
  written_price = row.price, updated_at = now()
from unnest($2::text[], $3::text[], $4::numeric[], $5::numeric[]) as row (identity, operation_key, cost, price)
where line.tenant_id = $1 and line.identity = row.identity and line.state = 'ready'

-- name: hold
update line set state = 'held', reason = $3, detail = $4, updated_at = now()
where tenant_id = $1 and identity = any($2::text[]) and state = 'ready'

-- name: synced
update line set state = 'synced', addition_id = $3, detail = '', updated_at = now()
where tenant_id = $1 and operation_key = $2
returning identity, document_id, run_id, agreement_id

-- name: failed
-- Nothing was written: the next try is another generation, with a key and a marker of its own.
update line set
  state = 'failed', reason = $3, detail = $4, generation = generation + $5, written_cost = 0, written_price = 0,
  updated_at = now()
where tenant_id = $1 and operation_key = $2
returning identity, document_id, run_id, agreement_id

-- name: retry
update line set state = 'received', reason = '', detail = '', updated_at = now()
where tenant_id = $1 and run_id = $2 and state = 'failed' and reason <> 'conflict'

-- name: lines
-- One page, in the order in which lines came; served by line_position.
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, updated_at
from line
where position > $1
  and ($2 = '' or run_id = $2)
  and ($3 = '' or state = $3)
  and ($4 = '' or customer_key = $4 or customer_name ilike '%' || $4 || '%')
  and ($5 = '' or document_id = $5)
order by position
limit $6

-- name: line
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, updated_at
from line
where identity = $1

-- name: written
-- The written lines of an agreement, for the comparison with what ConnectWise holds.
select operation_key, written_cost, written_price
from line
where tenant_id = $1 and agreement_id = $2 and state = 'synced'
