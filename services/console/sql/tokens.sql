-- name: known_token
-- By its id alone: whose it is, is what it says.
select token_id, tenant_id, name, role, scope, secret_digest,
  revoked_at is not null as revoked,
  coalesce(expires_at <= now(), false) as expired,
  coalesce(last_used_at < now() - interval '1 minute', true) as use_is_news
from api_token
where token_id = $1

-- name: note_use
update api_token set last_used_at = now() where token_id = $1

-- name: add_token
insert into api_token (token_id, tenant_id, name, role, scope, secret_digest, bootstrap, created_by, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 day')
returning token_id, tenant_id, name, role, scope, created_by, created_at, expires_at, revoked_at, last_used_at

-- name: tokens
-- One page; served by api_token_tenant.
select token_id, tenant_id, name, role, scope, created_by, created_at, expires_at, revoked_at, last_used_at
from api_token
where tenant_id = $1 and token_id > $2
order by token_id
limit $3

-- name: revoke_token
update api_token
set revoked_at = coalesce(revoked_at, now())
where tenant_id = $1 and token_id = $2
returning token_id, tenant_id, name, role, scope, created_by, created_at, expires_at, revoked_at, last_used_at

-- name: one_bootstrap_at_a_time
select pg_advisory_xact_lock(hashtextextended('console.bootstrap-token', 0))

-- name: revoke_bootstrap
update api_token set revoked_at = now() where bootstrap and revoked_at is null
