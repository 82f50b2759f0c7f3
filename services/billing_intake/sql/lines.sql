-- name: create_stage
create temporary table staged (
  row int, document_id text, number text, account text, identity text, position text collate "C", digest text,
  customer_key text, customer_name text, customer_domain text, customer_country text, billing_contract text,
  product_key text, product_name text, publisher text, subscription_id text, kind text, raw_kind text, motion text,
  period_start date, period_end date, quantity numeric, list_unit numeric, effective_unit numeric, fx_rate numeric,
  cost numeric, tax numeric, currency text, trial boolean, description text, warnings text[]
) on commit drop

-- name: number_equals
-- Equal charges get an ordinal by order date, quantity and subtotal: never by where they stand in the file.
update staged set identity = staged.identity || '#' || numbered.ordinal
from (
  select row, row_number() over (partition by document_id, identity order by position, row) - 1 as ordinal
  from staged) as numbered
where numbered.row = staged.row

-- name: index_stage
create unique index on staged (row)

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
  version = excluded.version, import_id = excluded.import_id, row = excluded.row, digest = excluded.digest,
  customer_key = excluded.customer_key, customer_name = excluded.customer_name,
  billing_contract = excluded.billing_contract, product_key = excluded.product_key,
  product_name = excluded.product_name, kind = excluded.kind, raw_kind = excluded.raw_kind, motion = excluded.motion,
  period_start = excluded.period_start, period_end = excluded.period_end, quantity = excluded.quantity,
  list_unit = excluded.list_unit, effective_unit = excluded.effective_unit, fx_rate = excluded.fx_rate,
  cost = excluded.cost, tax = excluded.tax, trial = excluded.trial, description = excluded.description,
  warnings = excluded.warnings
where line.digest <> excluded.digest

-- name: remove_lines
delete from line
where tenant_id = $1 and document_id = $2
  and not exists (select from staged where staged.identity = line.identity)
returning identity

-- name: new_lines
-- One page of the lines that a version brought; served by line_document.
select identity, document_id, version as document_version, import_id as run_id, row, customer_key, customer_name,
  billing_contract, product_key, product_name, subscription_id, kind, raw_kind, motion, period_start, period_end,
  quantity, list_unit, effective_unit, fx_rate, cost, tax, currency, trial, description, warnings
from line
where tenant_id = $1 and document_id = $2 and version = $3 and (row, identity) > ($4, $5)
order by row, identity
limit $6

-- name: staged_customers
select distinct on (customer_key) customer_key as key, customer_name as name, customer_domain as domain,
  customer_country as country
from staged
order by customer_key, row desc

-- name: staged_products
-- Amounts are of a charge for a whole cycle where there is one.
select distinct on (product_key) product_key as key, product_name as name, publisher, list_unit as unit_price,
  effective_unit as unit_cost
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
