-- name: now
select now()

-- name: lock
-- A tenant's setup is said by one transaction at a time, also before there is a row.
select pg_advisory_xact_lock(hashtextextended('setup_validation.' || $1, 0))

-- name: setup
select connection, status, features, findings, time_zone, catalog_defaults, removed, tries, checked_at, next_check_at
from setup
where tenant_id = $1

-- name: keep
insert into setup (tenant_id, connection, status, features, findings, time_zone, catalog_defaults, removed, tries,
  checked_at, next_check_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11::interval)
on conflict (tenant_id) do update set
  connection = excluded.connection, status = excluded.status, features = excluded.features,
  findings = excluded.findings, time_zone = excluded.time_zone, catalog_defaults = excluded.catalog_defaults,
  removed = excluded.removed, tries = excluded.tries, checked_at = excluded.checked_at,
  next_check_at = excluded.next_check_at

-- name: remember
insert into setup_history (tenant_id, status, features, findings, removed, checked_at)
values ($1, $2, $3, $4, $5, $6)

-- name: still
update setup
set checked_at = $2, next_check_at = now() + $3::interval, tries = $4
where tenant_id = $1

-- name: due
-- Served by setup_next_check.
select tenant_id from setup where next_check_at <= now() order by next_check_at limit 50

-- name: queued
update setup set next_check_at = null where tenant_id = $1

-- name: history
-- One page, newest first; served by setup_history_pkey.
select number, status, features, findings, removed, checked_at
from setup_history
where $1 = 0 or number < $1
order by number desc
limit $2
