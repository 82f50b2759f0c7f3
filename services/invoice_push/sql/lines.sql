-- name: record
-- A line that comes again: its charge is always the newest. While nothing was queued for it, it is looked at anew and
-- belongs to the run that brought it; else it stays as it was written, and that run has to account for what changed.
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
  file = excluded.file,
  row = excluded.row,
  customer_name = excluded.customer_name,
  billing_contract = excluded.billing_contract,
  product_key = excluded.product_key,
  product_name = excluded.product_name,
  kind = excluded.kind,
  raw_kind = excluded.raw_kind,
  motion = excluded.motion,
  quantity = excluded.quantity,
  list_unit = excluded.list_unit,
  effective_unit = excluded.effective_unit,
  fx_rate = excluded.fx_rate,
  source_cost = excluded.source_cost,
  tax = excluded.tax,
  description = excluded.description,
  updated_at = now(),
  run_id = case when line.written then line.run_id else excluded.run_id end,
  state = case when line.written then line.state else 'received' end,
  reason = case when line.written then line.reason else '' end,
  draft = case when line.written then line.draft end,
  amended_by = case
    when not line.written then ''
    when (line.quantity, line.list_unit, line.effective_unit, line.fx_rate, line.source_cost, line.kind)
      is distinct from (excluded.quantity, excluded.list_unit, excluded.effective_unit, excluded.fx_rate,
        excluded.source_cost, excluded.kind) then excluded.run_id
    else line.amended_by end
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
-- No longer in the document, and nothing was ever queued for it: it is gone.
delete from line
where tenant_id = $1 and identity = any($2::text[]) and document_version < $3 and not written and generation = 1

-- name: withdraw_queued
-- Its charge is nothing now. What stands for it is that version's run's to account for; what was tried and stands for
-- nothing stays, since a line that comes back must not take an old key.
update line set
  source_cost = 0, tax = 0, quantity = 0, document_version = $3, updated_at = now(),
  amended_by = case when written then $4 else '' end,
  run_id = case when written then run_id else $4 end,
  state = case when written then state else 'received' end,
  reason = case when written then reason else '' end,
  draft = case when written then draft end
where tenant_id = $1 and identity = any($2::text[]) and document_version < $3

-- name: unsettled
-- One page of what is not queued yet, locked; served by line_unsettled.
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, amended_by,
  updated_at
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
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, amended_by,
  updated_at
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
update line set state = 'synced', addition_id = done.addition_id, detail = '', updated_at = now()
from unnest($1::text[], $2::text[], $3::bigint[]) as done (tenant_id, operation_key, addition_id)
where line.tenant_id = done.tenant_id and line.operation_key = done.operation_key
returning line.tenant_id, line.operation_key, line.identity, line.document_id, line.run_id, line.agreement_id,
  line.amended_by <> '' as amended

-- name: failed
-- Nothing was written: the next try is another generation, with a key and a marker of its own.
update line set
  state = 'failed', reason = ended.reason, detail = ended.detail, generation = line.generation + ended.again,
  written_cost = 0, written_price = 0, updated_at = now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[])
  as ended (tenant_id, operation_key, reason, detail, again)
where line.tenant_id = ended.tenant_id and line.operation_key = ended.operation_key
returning line.tenant_id, line.operation_key, line.identity, line.document_id, line.run_id, line.agreement_id,
  line.amended_by <> '' as amended

-- name: queue_again
-- A person has decided its conflict: an addition stands for it, or is about to.
update line set
  state = 'queued', reason = '', detail = '', written_cost = $3, written_price = $4, updated_at = now()
where tenant_id = $1 and operation_key = $2 and state = 'failed' and reason = 'conflict'
returning tenant_id, operation_key, identity, document_id, run_id, agreement_id, amended_by <> '' as amended

-- name: retry
update line set state = 'received', reason = '', detail = '', updated_at = now()
where tenant_id = $1 and run_id = $2 and state = 'failed' and reason <> 'conflict'

-- name: lines
-- One page, in the order in which lines came; served by line_position.
select tenant_id, identity, position, document_id, document_version, run_id, source, file, row, customer_key,
  customer_name, billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start,
  period_end, quantity, list_unit, effective_unit, fx_rate, source_cost, tax, currency, trial, description, state,
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, amended_by,
  updated_at
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
  reason, detail, draft, agreement_id, generation, operation_key, written_cost, written_price, addition_id, amended_by,
  updated_at
from line
where identity = $1
