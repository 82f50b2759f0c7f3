-- name: save_customers
insert into source_customer (tenant_id, key, customer_id, name, domain, country)
select tenant_id, key, customer_id, name, domain, country
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
  as row (tenant_id, key, customer_id, name, domain, country)
on conflict (tenant_id, key) do update set
  name = excluded.name, domain = excluded.domain, country = excluded.country

-- name: customers
-- One page, with what is mapped; served by source_customer_pkey.
select key, customer_id, name, domain, country,
  coalesce((
    select jsonb_agg(jsonb_build_object(
      'motion', motion, 'billing_contract', billing_contract, 'mapping_id', mapping_id, 'company_id', company_id,
      'agreement_id', agreement_id) order by motion, billing_contract)
    from mapping
    where mapping.tenant_id = source_customer.tenant_id and customer_key = key and not removed), '[]') as mapped
from source_customer
where key > $1
  and ($2 = '' or strpos(lower(name), lower($2)) > 0 or strpos(lower(domain), lower($2)) > 0)
order by key
limit $3

-- name: known_customers
-- Served by source_customer_pkey and source_customer_id.
select key, customer_id, name
from source_customer
where tenant_id = $1 and (key = any($2::text[]) or lower(customer_id) = any($3::text[]))

-- name: lock_mappings
select pg_advisory_xact_lock(hashtextextended('customer_import.mappings.' || $1, 0))

-- name: mappings_of
select mapping_id, customer_key, billing_contract, motion, company_id, agreement_id, go_live, version, removed,
  changed_by, changed_at
from mapping
where tenant_id = $1 and mapping_id = any($2::text[])

-- name: save_mappings
insert into mapping (tenant_id, mapping_id, customer_key, billing_contract, motion, company_id, agreement_id, go_live,
  changed_by)
select $1, mapping_id, customer_key, billing_contract, motion, company_id, agreement_id, go_live, $9
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::date[])
  as row (mapping_id, customer_key, billing_contract, motion, company_id, agreement_id, go_live)
on conflict (tenant_id, mapping_id) do update set
  company_id = excluded.company_id, agreement_id = excluded.agreement_id, go_live = excluded.go_live,
  version = mapping.version + 1, removed = false, changed_by = excluded.changed_by, changed_at = now()
returning mapping_id, customer_key, billing_contract, motion, company_id, agreement_id, go_live, version, removed,
  changed_by, changed_at

-- name: withdraw
-- These, or all of the tenant's.
update mapping
set removed = true, version = version + 1, changed_by = $3, changed_at = now()
where tenant_id = $1 and not removed and ($2::text[] is null or mapping_id = any($2::text[]))
returning mapping_id, customer_key, billing_contract, motion, company_id, agreement_id, go_live, version, removed,
  changed_by, changed_at

-- name: mappings
-- One page; served by mapping_pkey.
select mapping_id, customer_key, billing_contract, motion, mapping.company_id, mapping.agreement_id, go_live, version, removed,
  changed_by, changed_at,
  coalesce(source_customer.name, '') as customer_name,
  coalesce(company.identifier, '') as company,
  coalesce(agreement.name, '') as agreement,
  case when agreement.gone then 'Gone' else coalesce(agreement.status, '') end as agreement_status
from mapping
left join source_customer
  on source_customer.tenant_id = mapping.tenant_id and source_customer.key = mapping.customer_key
left join company on company.tenant_id = mapping.tenant_id and company.company_id = mapping.company_id
left join agreement on agreement.tenant_id = mapping.tenant_id and agreement.agreement_id = mapping.agreement_id
where mapping_id > $1 and not removed
  and ($2 = '' or customer_key = $2)
order by mapping_id
limit $3
