-- name: create_stage
create temporary table staged (
  row int, document_id text, number text, account text, identity text, position text collate "C", digest text,
  customer_key text, customer_name text, customer_domain text, customer_country text, billing_contract text,
  product_key text, product_name text, publisher text, subscription_id text, kind text, raw_kind text, motion text,
  period_start date, period_end date, quantity numeric, list_unit numeric, effective_unit numeric, fx_rate numeric,
  cost numeric, tax numeric, currency text, trial boolean, description text, warnings text[]
) on commit drop

-- name: analyze_stage
-- A temporary table has no statistics until it is asked for them; without, its joins are planned for few rows.
analyze staged (document_id, identity)

-- name: number_equals
-- Equal charges get an ordinal by order date, quantity and subtotal: never by where they stand in the file. Few charges
-- have an equal, so all others keep the 0 they were staged with.
with equal as (
  select document_id, identity from staged group by document_id, identity having count(*) > 1),
numbered as (
  select row, row_number() over (partition by document_id, identity order by position, digest, row) - 1 as ordinal
  from staged join equal using (document_id, identity))
update staged set identity = left(staged.identity, -1) || numbered.ordinal
from numbered
where numbered.row = staged.row and numbered.ordinal > 0

-- name: staged_documents
select document_id, number, account, currency, count(*)::int as lines, sum(cost) as cost_total, sum(tax) as tax_total,
  md5(string_agg(identity || digest, '' order by identity collate "C")) as digest
from staged
group by document_id, number, account, currency
order by document_id

-- name: lock_documents
select document_id, version, digest
from document
where tenant_id = $1 and document_id = any($2::text[])
order by document_id
for update

-- name: save_document
insert into document (tenant_id, document_id, number, currency, source, account, version, digest, lines, cost_total,
  tax_total, tied, import_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (tenant_id, document_id) do update set
  version = excluded.version, digest = excluded.digest, lines = excluded.lines, cost_total = excluded.cost_total,
  tax_total = excluded.tax_total, tied = excluded.tied, import_id = excluded.import_id, updated_at = now()

-- name: tie_document
update document set tied = true, updated_at = now() where tenant_id = $1 and document_id = $2

-- name: save_lines
-- What is as it was keeps its version, so that only the difference is told; its place in the file may have changed.
insert into line (tenant_id, identity, document_id, version, import_id, row, digest, customer_key, customer_name,
  customer_domain, customer_country, billing_contract, product_key, product_name, publisher, subscription_id, kind,
  raw_kind, motion, period_start, period_end, quantity, list_unit, effective_unit, fx_rate, cost, tax, currency, trial,
  description, warnings)
select $1, identity, document_id, $3, $4, row, digest, customer_key, customer_name,
  customer_domain, customer_country, billing_contract, product_key, product_name, publisher, subscription_id, kind,
  raw_kind, motion, period_start, period_end, quantity, list_unit, effective_unit, fx_rate, cost, tax, currency, trial,
  description, warnings
from staged
where document_id = $2
on conflict (tenant_id, identity) do update set
  version = case when line.digest = excluded.digest then line.version else excluded.version end,
  import_id = case when line.digest = excluded.digest then line.import_id else excluded.import_id end,
  row = excluded.row, digest = excluded.digest,
  customer_key = excluded.customer_key, customer_name = excluded.customer_name,
  billing_contract = excluded.billing_contract, product_key = excluded.product_key,
  product_name = excluded.product_name, kind = excluded.kind, raw_kind = excluded.raw_kind, motion = excluded.motion,
  period_start = excluded.period_start, period_end = excluded.period_end, quantity = excluded.quantity,
  list_unit = excluded.list_unit, effective_unit = excluded.effective_unit, fx_rate = excluded.fx_rate,
  cost = excluded.cost, tax = excluded.tax, trial = excluded.trial, description = excluded.description,
  warnings = excluded.warnings

-- name: remove_lines
delete from line
where tenant_id = $1 and document_id = $2
  and not exists (select from staged where staged.document_id = $2 and staged.identity = line.identity)
returning identity

-- name: new_lines
-- The lines that a version brought, as the fact InvoiceLineReceived, in the order of the file.
-- $1 is the tenant and $5 the run (messaging.outbox.add_selected); amounts are strings, as the contract says.
select customer_key as entity, json_build_object(
    'identity', identity, 'document_id', document_id, 'document_version', version, 'run_id', import_id,
    'source', $8::text, 'file', $9::text, 'row', row, 'customer_key', customer_key, 'customer_name', customer_name,
    'billing_contract', billing_contract, 'product_key', product_key, 'product_name', product_name,
    'subscription_id', subscription_id, 'kind', kind, 'raw_kind', raw_kind, 'motion', motion,
    'period_start', period_start, 'period_end', period_end, 'quantity', quantity::text, 'list_unit', list_unit::text,
    'effective_unit', effective_unit::text, 'fx_rate', fx_rate::text, 'cost', cost::text, 'tax', tax::text,
    'currency', currency, 'trial', trial, 'description', description, 'warnings', warnings) as data
from line
where tenant_id = $1 and document_id = $6 and version = $7
order by row, identity

-- name: staged_customers
select distinct on (customer_key) customer_key as key, customer_name as name, customer_domain as domain,
  customer_country as country
from staged
order by customer_key, row desc

-- name: staged_products
-- Amounts are of a charge for a whole cycle where there is one, in the product's currency: a source may price in another.
select distinct on (product_key) product_key as key, product_name as name, publisher,
  list_unit * fx_rate as unit_price, effective_unit * fx_rate as unit_cost
from staged
order by product_key, kind in ('cycle', 'renew', 'new') desc, trial, cost > 0 desc, row desc

-- name: documents
-- One page; served by document_pkey.
select document_id, number, currency, source, account, version, lines, cost_total, tax_total, tied, import_id,
  updated_at
from document
where document_id > $1
order by document_id
limit $2

-- name: document_lines
-- One page in the order of the file; served by line_document.
select identity, row, customer_key, customer_name, product_key, product_name, subscription_id, kind, raw_kind, motion,
  period_start, period_end, quantity, list_unit, effective_unit, cost, tax, currency, trial, description, warnings
from line
where document_id = $1 and row > $2
order by row, identity
limit $3
