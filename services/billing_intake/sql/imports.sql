-- name: receive
insert into import (tenant_id, import_id, source, file, bytes, sha256, expected, requested_by)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: keep_chunk
insert into raw_chunk (tenant_id, import_id, number, compressed) values ($1, $2, $3, $4)

-- name: chunk
select compressed from raw_chunk where tenant_id = $1 and import_id = $2 and number = $3

-- name: next_received
-- Served by import_received.
select tenant_id, import_id from import where state = 'received' order by created_at limit 10

-- name: lock_received
select tenant_id, import_id, source, file, expected, requested_by
from import
where tenant_id = $1 and import_id = $2 and state = 'received'
for update skip locked

-- name: finish
update import
set state = $3, rows = $4, refusals = $5, warnings = $6, finished_at = now()
where tenant_id = $1 and import_id = $2

-- name: imports
-- One page, newest first; import ids grow with time.
select import_id, source, file, bytes, sha256, state, refusals, warnings, rows, created_at, finished_at
from import
where $1 = '' or import_id < $1
order by import_id desc
limit $2

-- name: import
select import_id, source, file, bytes, sha256, state, refusals, warnings, rows, created_at, finished_at
from import
where import_id = $1
