-- name: save_tenant
insert into tenant (tenant_id, name) values ($1, $2)
on conflict (tenant_id) do update set name = excluded.name
returning tenant_id, name, created_at

-- name: tenant_exists
select exists (select from tenant where tenant_id = $1)

-- name: tenants
-- One page; served by tenant_pkey.
select tenant_id, name, created_at
from tenant
where tenant_id > $1
order by tenant_id
limit $2
