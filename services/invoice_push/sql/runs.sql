-- name: ask
insert into resolve_due (tenant_id) values ($1)
on conflict (tenant_id) do update set asked = resolve_due.asked + 1

-- name: due_tenants
select tenant_id, asked from resolve_due order by since limit 50

-- name: done
-- Only if nothing was asked meanwhile.
delete from resolve_due where tenant_id = $1 and asked = $2

-- name: report_due
insert into run_report (tenant_id, run_id, due)
select distinct $1, run_id, true from unnest($2::text[]) as run (run_id)
on conflict (tenant_id, run_id) do update set due = true where not run_report.due

-- name: due_reports
select tenant_id, run_id from run_report where due order by tenant_id, run_id limit 100

-- name: take_report
update run_report set due = false
where tenant_id = $1 and run_id = $2 and due
returning lines, write, approved_by

-- name: keep_report
update run_report set lines = $3, write = $4 where tenant_id = $1 and run_id = $2

-- name: approve
insert into run_report (tenant_id, run_id, due, approved_by, approved_at) values ($1, $2, true, $3, now())
on conflict (tenant_id, run_id) do update set due = true, approved_by = excluded.approved_by, approved_at = now()

-- name: counts
select state, reason, count(*)::int as lines from line where tenant_id = $1 and run_id = $2 group by state, reason

-- name: documents_of_run
select document_id, number, currency, tied, cost_total, tax_total
from document
where tenant_id = $1
  and ($2 = '' or document_id in (select document_id from run_document where tenant_id = $1 and run_id = $2))
order by document_id
limit 500

-- name: sums
select document_id, state, reason, count(*)::int as lines, sum(source_cost) as cost, sum(written_cost) as written_cost,
  sum(written_price) as written_price
from line
where tenant_id = $1 and document_id = any($2::text[])
group by document_id, state, reason

-- name: plan
select agreement_id, currency, count(*)::int as lines,
  sum(round((draft ->> 'quantity')::numeric * (draft ->> 'unit_cost')::numeric, 2)) as cost,
  sum(round((draft ->> 'quantity')::numeric * (draft ->> 'unit_price')::numeric, 2)) as price
from line
where tenant_id = $1 and run_id = $2 and state = 'ready'
group by agreement_id, currency
order by agreement_id

-- name: agreements_of_run
-- Every agreement that a line of the run's documents was written to, by whichever run.
select distinct line.agreement_id
from run_document
join line using (tenant_id, document_id)
where run_document.tenant_id = $1 and run_document.run_id = $2
  and line.operation_key is not null and line.agreement_id is not null
order by line.agreement_id

-- name: forget_reconciliation
delete from reconciliation where tenant_id = $1 and run_id = $2

-- name: keep_reconciliation
insert into reconciliation (tenant_id, run_id, agreement_id, agreement_name, company_id, additions, cost, price, expected,
  expected_cost, expected_price, differences)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: reconciliations
-- One page; served by reconciliation_pkey.
select agreement_id, agreement_name, company_id, additions, cost, price, expected, expected_cost, expected_price,
  differences, read_at
from reconciliation
where run_id = $1 and agreement_id > $2
order by agreement_id
limit $3
