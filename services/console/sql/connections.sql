-- name: lock_tenant
-- Serialises changes of one tenant's connections and programs, also of those that are not there yet.
select tenant_id from tenant where tenant_id = $1 for update

-- name: own_site
-- Nothing comes back where another tenant has it: its row cannot be seen.
with taken as (
  insert into site (site_id, tenant_id) values ($2, $1) on conflict (site_id) do nothing returning site_id)
select site_id from taken
union
select site_id from site where site_id = $2 and tenant_id = $1

-- name: connections
select connection_id, site_id, name, base_url, company_id, public_key, client_id, private_key, profile, enabled, removed,
  updated_at
from connection
where tenant_id = $1 and not removed
order by connection_id

-- name: connection
select connection_id, site_id, name, base_url, company_id, public_key, client_id, private_key, profile, enabled, removed,
  updated_at
from connection
where tenant_id = $1 and connection_id = $2

-- name: save_connection
insert into connection (tenant_id, connection_id, site_id, name, base_url, company_id, public_key, client_id,
  private_key, profile, enabled)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (tenant_id, connection_id) do update set
  name = excluded.name, base_url = excluded.base_url, public_key = excluded.public_key,
  client_id = excluded.client_id, private_key = excluded.private_key, profile = excluded.profile,
  enabled = excluded.enabled, removed = false, updated_at = now()
returning connection_id, site_id, name, base_url, company_id, public_key, client_id, private_key, profile, enabled,
  removed, updated_at

-- name: remove_connection
update connection
set removed = true, private_key = null, public_key = '', client_id = '', updated_at = now()
where tenant_id = $1 and connection_id = $2 and not removed
returning site_id

-- name: programs
select program_id, settings, updated_at
from program
where tenant_id = $1 and not removed
order by program_id

-- name: program_of_source
select program_id from program where tenant_id = $1 and source = $2 and not removed

-- name: program
select program_id, settings, updated_at
from program
where tenant_id = $1 and program_id = $2 and not removed

-- name: save_program
insert into program (tenant_id, program_id, source, settings)
values ($1, $2, $3, $4)
on conflict (tenant_id, program_id) do update set
  source = excluded.source, settings = excluded.settings, removed = false, updated_at = now()
returning program_id, settings, updated_at

-- name: remove_program
update program
set removed = true, updated_at = now()
where tenant_id = $1 and program_id = $2 and not removed
returning settings
