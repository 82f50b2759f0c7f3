-- name: take_new
-- Which of these events were not handled before; concurrent duplicates wait for each other here.
insert into inbox (tenant_id, event_id)
select * from unnest($1::text[], $2::text[])
on conflict do nothing
returning tenant_id, event_id

-- name: take_newer
-- Which of these keys bring a newer version than the one seen.
insert into entity_seen (tenant_id, topic, key, version)
select tenant_id, $1, key, version
from unnest($2::text[], $3::text[], $4::bigint[]) as row (tenant_id, key, version)
on conflict (tenant_id, topic, key) do update set version = excluded.version
where entity_seen.version < excluded.version
returning tenant_id, key

-- name: copy_facts
insert into fact_copy (tenant_id, topic, key, data, entity_version)
select tenant_id, $1, key, data, version
from unnest($2::text[], $3::text[], $4::jsonb[], $5::bigint[]) as row (tenant_id, key, data, version)
on conflict (tenant_id, topic, key) do update set data = excluded.data, entity_version = excluded.entity_version
where fact_copy.entity_version < excluded.entity_version

-- name: keep_offsets
insert into consumed_offset (topic, partition, next_offset)
select $1, * from unnest($2::int[], $3::bigint[])
on conflict (topic, partition) do update set next_offset = excluded.next_offset

-- name: offsets
select partition, next_offset from consumed_offset where topic = $1

-- name: pause_consumer
insert into consumer_pause (topic, reason) values ($1, $2)
on conflict (topic) do nothing

-- name: consumer_pause
select reason from consumer_pause where topic = $1

-- name: paused_consumers
select topic, reason, paused_at from consumer_pause order by topic

-- name: resume_consumer
delete from consumer_pause where topic = $1

-- name: notice_ahead
-- Partitions whose offset in Kafka is newly found ahead of what PostgreSQL can account for.
insert into offset_ahead (topic, partition, committed)
select $1, partition, committed
from unnest($2::int[], $3::bigint[], $4::bigint[]) as kafka (partition, committed, accounted)
where committed > accounted
on conflict (topic, partition) do update set committed = excluded.committed
where offset_ahead.committed < excluded.committed
returning partition
