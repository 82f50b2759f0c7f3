-- name: begin
insert into run (tenant_id, run_id) values ($1, $2)
on conflict do nothing

-- name: lock
select tenant_id, run_id, version, state, known, created_at, updated_at
from run
where tenant_id = $1 and run_id = $2
for update

-- name: save
-- A compare-and-set on the version.
update run
set version = version + 1, state = $4, known = $5, updated_at = now()
where tenant_id = $1 and run_id = $2 and version = $3

-- name: open_runs
-- Served by run_open.
select run_id
from run
where tenant_id = $1 and state in ('running', 'needs_approval', 'failed')
order by run_id

-- name: first_brought_by
-- Which run brought this version of a document first: the asking one, unless another was before it.
with mine as (
  insert into sealed_document (tenant_id, document_id, version, run_id) values ($1, $2, $3, $4)
  on conflict do nothing
  returning run_id)
select run_id from mine
union all
select run_id from sealed_document where tenant_id = $1 and document_id = $2 and version = $3
limit 1

-- name: brought_earlier
-- Which other runs brought an earlier version of this document.
select distinct run_id
from sealed_document
where tenant_id = $1 and document_id = $2 and version < $3 and run_id <> $4
order by run_id

-- name: runs
-- One page, newest first; run ids grow with time. Served by run_pkey.
select tenant_id, run_id, version, state, known, created_at, updated_at
from run
where tenant_id = $1 and ($2 = '' or run_id < $2)
order by run_id desc
limit $3

-- name: run
select tenant_id, run_id, version, state, known, created_at, updated_at
from run
where tenant_id = $1 and run_id = $2
