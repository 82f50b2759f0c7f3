-- name: bury
insert into dead_letter (tenant_id, topic, partition, record_offset, record_key, value, headers, reason, detail)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (topic, partition, record_offset) do nothing
returning id

-- name: dead_letters
-- One page; served by dead_letter_pkey.
select id, tenant_id, topic, partition, record_offset, reason, detail, created_at, replayed_at
from dead_letter
where id > $1
order by id
limit $2

-- name: dead_letter
select id, tenant_id, topic, partition, record_offset, record_key, value, headers, reason, detail, created_at, replayed_at
from dead_letter
where id = $1

-- name: lock_dead_letter
select id, tenant_id, topic, partition, record_offset, record_key, value, headers, reason, detail, created_at, replayed_at
from dead_letter
where id = $1
for update

-- name: mark_replayed
update dead_letter set replayed_at = now() where id = $1
returning replayed_at

-- name: poisoned_tenant
-- Whether a config fact of the tenant could not be read and was not replayed since.
select exists (
  select from dead_letter
  where tenant_id = $1 and topic like 'config.%' and replayed_at is null)
