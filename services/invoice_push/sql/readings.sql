-- name: keep_reconciliation
insert into reconciliation (tenant_id, run_id, agreement_id, agreement_name, company_id, additions, cost, price, expected,
  expected_cost, expected_price, differences, read_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict (tenant_id, run_id, agreement_id) do update set
  agreement_name = excluded.agreement_name, company_id = excluded.company_id, additions = excluded.additions,
  cost = excluded.cost, price = excluded.price, expected = excluded.expected, expected_cost = excluded.expected_cost,
  expected_price = excluded.expected_price, differences = excluded.differences, read_by = excluded.read_by,
  read_at = now()

-- name: reconciliations
-- One page; served by reconciliation_pkey.
select agreement_id, agreement_name, company_id, additions, cost, price, expected, expected_cost, expected_price,
  differences, read_at
from reconciliation
where run_id = $1 and agreement_id > $2
order by agreement_id
limit $3

-- name: agreements_read_by
-- Served by reconciliation_pkey.
select agreement_id from reconciliation where tenant_id = $1 and run_id = '' and read_by = $2

-- name: forget_reconciliations
delete from reconciliation where tenant_id = $1 and run_id = $2 and read_by <> $3

-- name: sum_reconciliations
select count(*)::int as agreements, coalesce(sum(jsonb_array_length(differences)), 0)::int as differences,
  coalesce(min(read_at), clock_timestamp()) as began_at
from reconciliation
where tenant_id = $1 and run_id = ''

-- name: count_differences
-- Of all tenants, by kind, for the metric; served by reconciliation_differs.
select difference ->> 'kind' as kind, count(*) as differences
from reconciliation
cross join lateral jsonb_array_elements(differences) as difference
where run_id = '' and differences <> '[]'
group by kind

-- name: forget_strays
delete from stray where tenant_id = $1 and agreement_id = any($2::bigint[])

-- name: keep_strays
insert into stray (tenant_id, agreement_id, addition_id, marker)
select $1, * from unnest($2::bigint[], $3::bigint[], $4::text[])

-- name: agreements_with_strays
select distinct agreement_id from stray where tenant_id = $1

-- name: strays
select agreement_id, addition_id, marker
from stray
where tenant_id = $1 and marker = any($2::text[]) and agreement_id <> $3
order by addition_id

-- name: keep_reconciled
insert into reconciled (tenant_id, run_id, agreements, differences, unexplained, proof, began_at, ended_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (tenant_id, run_id) do update set
  agreements = excluded.agreements, differences = excluded.differences, unexplained = excluded.unexplained,
  proof = excluded.proof, began_at = excluded.began_at, ended_at = excluded.ended_at

-- name: reconciled
select agreements, differences, unexplained, proof, began_at, ended_at
from reconciled
where tenant_id = $1 and run_id = $2

-- name: count_unexplained
select coalesce(sum(unexplained), 0) from reconciled where run_id = ''
