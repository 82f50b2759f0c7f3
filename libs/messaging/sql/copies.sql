-- name: of_tenant
select data from fact_copy
where tenant_id = $1 and topic = $2
order by key

-- name: one
select data from fact_copy
where tenant_id = $1 and topic = $2 and key = $3

-- name: some
select key, data from fact_copy
where tenant_id = $1 and topic = $2 and key = any($3::text[])

-- name: tenants
select distinct tenant_id from fact_copy
where topic = $1
order by tenant_id
