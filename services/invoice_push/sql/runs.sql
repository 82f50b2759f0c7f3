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
select tenant_id, run_id, true from unnest($1::text[], $2::text[]) as run (tenant_id, run_id)
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
-- Lines, corrections, and what a run has amended while that waits for what is being written or for a conflict.
select state, reason, count(*)::int as lines
from (
  select state, reason from line where tenant_id = $1 and run_id = $2
  union all
  select state, reason from correction where tenant_id = $1 and run_id = $2 and state <> 'superseded'
  union all
  select case when line.state = 'failed' or found.reason = 'conflict' then 'held' else 'received' end,
    case when line.state = 'failed' or found.reason = 'conflict' then 'amended after it was written' else '' end
  from line
  left join correction as found
    on found.tenant_id = line.tenant_id and found.identity = line.identity
    and found.state in ('held', 'ready', 'queued', 'failed')
  where line.tenant_id = $1 and line.amended_by = $2
    and (found.state is null or found.state in ('queued', 'failed'))
) as counted
group by state, reason

-- name: documents_of_run
select document_id, number, currency, tied, cost_total, tax_total
from document
where tenant_id = $1
  and ($2 = '' or document_id in (select document_id from run_document where tenant_id = $1 and run_id = $2))
  and document_id > $3
order by document_id
limit $4

-- name: sums
-- Lines by state and reason, then their corrections. What is left over of a written line beside its corrections is
-- rounding while it is no more than half a cent, or half a cent a unit (B3) where nothing waits to be accounted for.
with found as (
  select line.document_id, line.state, line.reason, line.source_cost, line.written_cost, line.written_price,
    line.source_cost - line.written_cost - coalesce(corrected.cost, 0) as left_over,
    0.005 * case when line.amended_by = '' then greatest(abs(line.quantity), 1) else 1 end as rounds
  from line
  left join (
    select identity, sum(cost) as cost
    from correction
    where tenant_id = $1 and document_id = any($2::text[]) and state not in ('ignored', 'superseded')
    group by identity) as corrected using (identity)
  where line.tenant_id = $1 and line.document_id = any($2::text[])
)
select document_id, state, reason, count(*)::int as lines, sum(source_cost) as cost, sum(written_cost) as written_cost,
  sum(written_price) as written_price,
  coalesce(sum(left_over) filter (where abs(left_over) <= rounds), 0) as rounding, false as is_correction
from found
group by document_id, state, reason
union all
select document_id, state, reason, 0, sum(cost), sum(cost), sum(price), 0, true
from correction
where tenant_id = $1 and document_id = any($2::text[]) and state not in ('ignored', 'superseded')
group by document_id, state, reason

-- name: plan
with planned as (
  select agreement_id, currency, 0 as is_correction,
    round((draft ->> 'quantity')::numeric * (draft ->> 'unit_cost')::numeric, 2) as cost,
    round((draft ->> 'quantity')::numeric * (draft ->> 'unit_price')::numeric, 2) as price
  from line
  where tenant_id = $1 and run_id = $2 and state = 'ready'
  union all
  select agreement_id, currency, 1, round(cost, 2), round(price, 2)
  from correction
  where tenant_id = $1 and run_id = $2 and state = 'ready'
)
select agreement_id, currency, (count(*) - sum(is_correction))::int as lines, sum(is_correction)::int as corrections,
  sum(cost) as cost, sum(price) as price
from planned
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

-- name: now
select clock_timestamp()
