-- name: state
-- The version of each key's new statement: one more than the last, or the clock's microseconds if that is more, so
-- that an owner restored from an old backup does not speak into the past.
insert into stated_fact (tenant_id, topic, key, version, data)
select tenant_id, $1, key, $2, data
from unnest($3::text[], $4::text[], $5::jsonb[]) as row (tenant_id, key, data)
on conflict (tenant_id, topic, key) do update
set version = greatest(stated_fact.version + 1, excluded.version), data = excluded.data
returning tenant_id, key, version

-- name: add
insert into outbox (tenant_id, topic, key, event_id, value)
select tenant_id, $1, key, event_id, value
from unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) as row (tenant_id, key, event_id, value)

-- name: add_selected
-- The envelope of contracts.envelope around each row of a query.
insert into outbox (tenant_id, topic, key, event_id, value)
select $1::text, $2::text, $1 || ':' || entity, id, convert_to(json_build_object(
    'id', id, 'type', $3::text, 'version', substring($2 from '\.v(\d+)$')::int, 'entity_version', $4::bigint,
    'tenant_id', $1, 'subject', entity, 'occurred_at', now(), 'correlation_id', $5::text, 'causation_id', '',
    'data', data)::text, 'UTF8')
from (select gen_random_uuid()::text as id, entity, data from (/* query */) as selected) as identified

-- name: pending
-- Never a cursor over ids: a slower transaction's rows would be passed over (measured). Served by outbox_pending.
-- A parked key's later facts wait with it, so that its order holds.
select id, tenant_id, topic, key, event_id, value
from outbox
where published_at is null
  and parked is null
  and not exists (
    select from outbox as parked
    where parked.topic = outbox.topic and parked.key = outbox.key
      and parked.parked is not null and parked.published_at is null)
order by id
limit $1

-- name: mark_published
update outbox set published_at = now() where id = any($1::bigint[])

-- name: published_to
insert into published_offset (topic, partition, next_offset)
select * from unnest($1::text[], $2::int[], $3::bigint[])
on conflict (topic, partition) do update set next_offset = excluded.next_offset
where published_offset.next_offset < excluded.next_offset

-- name: published_offsets
select topic, partition, next_offset from published_offset

-- name: count_known
-- Reads the whole outbox; asked only of what Kafka has beyond what was marked, after a crash or a restore.
select count(distinct event_id) from outbox where event_id = any($1::text[])

-- name: park
update outbox set parked = $2 where id = $1

-- name: backlog
select count(*) as facts, extract(epoch from now() - min(created_at))::float8 as oldest_seconds
from outbox
where published_at is null

-- name: stated
-- One page of everything said on compacted topics; served by stated_fact_pkey. Locked, so that what another
-- transaction says meanwhile is not overwritten with what was read before.
select tenant_id, topic, key, data
from stated_fact
where (tenant_id, topic, key) > ($1, $2, $3)
order by tenant_id, topic, key
limit $4
for update

-- name: due
-- Whether the nightly task has not run for a day.
insert into nightly_run (task, ran_at) values ($1, now())
on conflict (task) do update set ran_at = now()
where nightly_run.ran_at < now() - interval '24 hours'
returning true

-- name: sweep_outbox
delete from outbox where id in (
  select id from outbox where published_at < now() - interval '3 days' limit $1)

-- name: sweep_inbox
delete from inbox where ctid in (
  select ctid from inbox where handled_at < now() - interval '30 days' limit $1)
