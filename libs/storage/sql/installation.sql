-- name: here
-- The cluster this session is on, and how far its log has come.
select
  (select system_identifier from pg_control_system()) as system_identifier,
  (select timeline_id from pg_control_checkpoint()) as timeline,
  pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint as written

-- name: introduce
insert into installation (id, system_identifier, timeline) values ($1, $2, $3)
on conflict (one) do nothing

-- name: installation
select id, system_identifier, timeline, restores, restored_because, foreign_to from installation

-- name: lock
-- One process at a time counts a restore.
select true from installation for update

-- name: recognised
update installation set system_identifier = $1, timeline = $2, foreign_to = $3

-- name: restored
update installation set restores = restores + 1, restored_because = $1

-- name: adopt
update installation
set id = $1, foreign_to = '', restores = restores + 1, restored_because = 'adopted by installation ' || $1
where foreign_to <> ''
