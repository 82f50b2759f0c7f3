-- name: asked
insert into site_read (tenant_id, asked_at) values ($1, now())
on conflict (tenant_id) do update set asked_at = now()

-- name: last_site
select site_id from site_read where tenant_id = $1 for update

-- name: begin
-- A reading's number grows; what was read of another site does not count.
insert into site_read (tenant_id, site_id, number, asked_at, began_at) values ($1, $2, 1, now(), now())
on conflict (tenant_id) do update set
  number = site_read.number + 1, site_id = excluded.site_id, began_at = now(), error = '',
  ended_at = case when site_read.site_id = excluded.site_id then site_read.ended_at end
returning number

-- name: ended
update site_read set ended_at = now(), told = $3, error = '' where tenant_id = $1 and number = $2

-- name: failed
update site_read set error = $3 where tenant_id = $1 and number = $2

-- name: site_read
select asked_at, began_at, ended_at, told, error,
  (select count(*)::int from company where company.tenant_id = $1 and not gone) as companies,
  (select count(*)::int from agreement where agreement.tenant_id = $1 and not gone) as agreements
from site_read
where tenant_id = $1

-- name: has_been_read
select exists (select from site_read where tenant_id = $1 and ended_at is not null)

-- name: save_companies
-- An older reading never overwrites a newer one.
insert into company (tenant_id, company_id, identifier, name, status, seen_by)
select $1, company_id, identifier, name, status, $2
from unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) as row (company_id, identifier, name, status)
on conflict (tenant_id, company_id) do update set
  identifier = excluded.identifier, name = excluded.name, status = excluded.status, seen_by = excluded.seen_by,
  gone = false
where company.seen_by <= excluded.seen_by

-- name: save_agreements
insert into agreement (tenant_id, agreement_id, name, company_id, type_name, status, cycle, one_time, invoicing_cycle,
  period_type, prorate, currency, bill_start, end_date, next_invoice, parent_id, seen_by)
select $1, agreement_id, name, company_id, type_name, status, cycle, one_time, invoicing_cycle, period_type, prorate,
  currency, bill_start, end_date, next_invoice, parent_id, $2
from unnest($3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::boolean[], $10::text[],
    $11::text[], $12::boolean[], $13::text[], $14::date[], $15::date[], $16::date[], $17::bigint[])
  as row (agreement_id, name, company_id, type_name, status, cycle, one_time, invoicing_cycle, period_type, prorate,
    currency, bill_start, end_date, next_invoice, parent_id)
on conflict (tenant_id, agreement_id) do update set
  name = excluded.name, company_id = excluded.company_id, type_name = excluded.type_name, status = excluded.status,
  cycle = excluded.cycle, one_time = excluded.one_time, invoicing_cycle = excluded.invoicing_cycle,
  period_type = excluded.period_type, prorate = excluded.prorate, currency = excluded.currency,
  bill_start = excluded.bill_start, end_date = excluded.end_date, next_invoice = excluded.next_invoice,
  parent_id = excluded.parent_id, seen_by = excluded.seen_by, gone = false
where agreement.seen_by <= excluded.seen_by

-- name: companies_gone
-- What this complete reading did not see.
update company set gone = true where tenant_id = $1 and seen_by < $2 and not gone

-- name: agreements_gone
update agreement set gone = true where tenant_id = $1 and seen_by < $2 and not gone

-- name: companies_to_tell
-- One page of all, locked; served by company_pkey.
select company_id, identifier, name, status, gone, told
from company
where tenant_id = $1 and company_id > $2
order by company_id
limit $3
for update

-- name: companies_told
update company set told = row.told
from unnest($2::bigint[], $3::text[]) as row (company_id, told)
where company.tenant_id = $1 and company.company_id = row.company_id

-- name: agreements_to_tell
-- One page of all with their parents, locked; served by agreement_pkey.
select agreement.agreement_id, agreement.name, agreement.company_id, agreement.type_name, agreement.status,
  coalesce(parent.cycle, agreement.cycle) as governing_cycle, agreement.one_time, agreement.invoicing_cycle,
  agreement.period_type, agreement.prorate, agreement.currency, agreement.bill_start, agreement.end_date,
  agreement.next_invoice, agreement.parent_id, parent.next_invoice as parent_next_invoice,
  parent.prorate as parent_prorate, agreement.gone, agreement.told
from agreement
left join agreement as parent
  on parent.tenant_id = agreement.tenant_id and parent.agreement_id = agreement.parent_id and not parent.gone
where agreement.tenant_id = $1 and agreement.agreement_id > $2
order by agreement.agreement_id
limit $3
for update of agreement

-- name: agreements_told
update agreement set told = row.told
from unnest($2::bigint[], $3::text[]) as row (agreement_id, told)
where agreement.tenant_id = $1 and agreement.agreement_id = row.agreement_id

-- name: companies
-- One page; served by company_pkey.
select company_id, identifier, name, status
from company
where not gone and company_id > $1
  and ($2 = '' or strpos(lower(identifier), lower($2)) > 0 or strpos(lower(name), lower($2)) > 0)
order by company_id
limit $3

-- name: agreements
-- One page, of one company or of all; served by agreement_company.
select agreement.agreement_id, agreement.name, agreement.company_id, agreement.type_name, agreement.status,
  coalesce(parent.cycle, agreement.cycle) as governing_cycle, agreement.one_time, agreement.invoicing_cycle,
  agreement.period_type, agreement.prorate, agreement.currency, agreement.bill_start, agreement.end_date,
  agreement.next_invoice, agreement.parent_id, parent.next_invoice as parent_next_invoice,
  parent.prorate as parent_prorate, agreement.gone, agreement.told
from agreement
left join agreement as parent
  on parent.tenant_id = agreement.tenant_id and parent.agreement_id = agreement.parent_id and not parent.gone
where not agreement.gone and agreement.agreement_id > $1
  and ($2::bigint is null or agreement.company_id = $2)
  and ($3 = '' or strpos(lower(agreement.name), lower($3)) > 0)
order by agreement.agreement_id
limit $4

-- name: known_companies
-- Served by company_pkey and company_identifier.
select company_id, identifier, name
from company
where tenant_id = $1 and not gone and (company_id = any($2::bigint[]) or lower(identifier) = any($3::text[]))

-- name: known_agreements
-- Served by agreement_pkey and agreement_name.
select agreement.agreement_id, agreement.company_id, agreement.name, agreement.status,
  coalesce(parent.cycle, agreement.cycle) as cycle, agreement.one_time, agreement.invoicing_cycle, agreement.prorate
from agreement
left join agreement as parent
  on parent.tenant_id = agreement.tenant_id and parent.agreement_id = agreement.parent_id and not parent.gone
where agreement.tenant_id = $1 and not agreement.gone
  and (agreement.agreement_id = any($2::bigint[]) or lower(agreement.name) = any($3::text[]))
