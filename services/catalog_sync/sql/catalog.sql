-- name: save_products
insert into product (tenant_id, product_key, sku, name, term, plan, currency, unit_price, unit_cost)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::numeric[],
  $9::numeric[])
on conflict (tenant_id, product_key) do update set
  sku = excluded.sku, name = excluded.name, term = excluded.term, plan = excluded.plan, currency = excluded.currency,
  unit_price = excluded.unit_price, unit_cost = excluded.unit_cost, updated_at = now()

-- name: save_uses
insert into product_use (tenant_id, run_id, product_key, customer_key, motion)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
on conflict do nothing

-- name: ask
insert into plan_due (tenant_id, retry) values ($1, $2)
on conflict (tenant_id) do update set asked = plan_due.asked + 1, retry = plan_due.retry or excluded.retry

-- name: due_tenants
select tenant_id, asked, retry from plan_due order by since limit 50

-- name: lock_tenant
-- One process plans a tenant at a time.
select pg_advisory_xact_lock(hashtextextended('catalog.plan.' || $1, 0))

-- name: done
-- Only if nothing was asked meanwhile.
delete from plan_due where tenant_id = $1 and asked = $2

-- name: to_plan
-- Products that are wanted (all of them, or those a mapped customer uses in a chosen motion) and have no item.
-- What was asked of ConnectWise and refused ($5: also that) has a draft_identifier.
select product.product_key, sku, name, term, plan, currency, unit_price, unit_cost,
  coalesce(item.draft_identifier, '') as draft_identifier, coalesce(item.generation, 0) as generation,
  coalesce(item.reason, '') as reason
from product
left join item on item.tenant_id = product.tenant_id and item.product_key = product.product_key
where product.tenant_id = $1
  and (item.state is null
    or (item.state = 'held' and item.draft_identifier = '')
    or ($5 and item.state in ('held', 'failed')))
  and ($2 or exists (
    select from product_use
    where product_use.tenant_id = product.tenant_id and product_use.product_key = product.product_key
      and product_use.customer_key = any($3::text[]) and product_use.motion = any($4::text[])))
order by product.product_key

-- name: taken_identifiers
-- Served by item_draft_identifier.
select lower(draft_identifier) from item
where tenant_id = $1 and lower(draft_identifier) = any($2::text[]) and draft_identifier <> ''

-- name: wait
insert into item (tenant_id, product_key, draft_identifier, generation, state) values ($1, $2, $3, $4, 'waiting')
on conflict (tenant_id, product_key) do update set
  draft_identifier = excluded.draft_identifier, generation = excluded.generation, state = 'waiting', reason = '',
  updated_at = now()

-- name: hold
insert into item (tenant_id, product_key, state, reason) values ($1, $2, 'held', $3)
on conflict (tenant_id, product_key) do update set state = 'held', reason = excluded.reason, updated_at = now()

-- name: refuse
update item
set state = refused.state, reason = refused.reason, updated_at = now()
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as refused (tenant_id, product_key, state, reason)
where item.tenant_id = refused.tenant_id and item.product_key = refused.product_key

-- name: link
update item
set state = 'linked', reason = '', item_id = linked.item_id, identifier = linked.identifier,
  inactive = linked.inactive, taxable = linked.taxable, adopted = linked.adopted, linked_at = now(), updated_at = now()
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::boolean[], $6::boolean[], $7::boolean[])
  as linked (tenant_id, product_key, item_id, identifier, inactive, taxable, adopted)
where item.tenant_id = linked.tenant_id and item.product_key = linked.product_key

-- name: linked_items
-- Which products these items stand for; served by item_stands_for_one_product.
select item_id, product_key from item where tenant_id = $1 and item_id = any($2::bigint[])

-- name: newest_runs
-- Run ids grow with time; older runs are closed and nobody waits for them.
select distinct run_id from product_use where tenant_id = $1 order by run_id desc limit 10

-- name: progress
-- Of the products of each run that are wanted, how many are where.
select used.run_id,
  count(*) filter (where item.state = 'linked')::int as linked,
  count(*) filter (where item.state = 'held')::int as held,
  count(*) filter (where item.state = 'failed')::int as failed,
  count(*) filter (where item.state = 'waiting' or item.state is null)::int as waiting
from (
  select distinct run_id, product_key
  from product_use
  where tenant_id = $1 and run_id = any($2::text[])
    and ($3 or (customer_key = any($4::text[]) and motion = any($5::text[])))) as used
left join item on item.tenant_id = $1 and item.product_key = used.product_key
group by used.run_id

-- name: tell
-- Whether this differs from what was last said of the run.
insert into run_report (tenant_id, run_id, said) values ($1, $2, $3)
on conflict (tenant_id, run_id) do update set said = excluded.said where run_report.said <> excluded.said
returning true

-- name: items
-- One page; served by item_pkey.
select product_key, item_id, identifier, state, reason, adopted, inactive, taxable, linked_at
from item
where tenant_id = $1 and product_key > $2 and ($3 = '' or state = $3)
order by product_key
limit $4

-- name: products
-- One page; served by product_pkey.
select product_key, sku, name, term, plan, currency, unit_price, unit_cost
from product
where tenant_id = $1 and product_key > $2
order by product_key
limit $3
