-- The tenants of the transaction; unset or empty (also on a reused connection) means none.
create function tenants() returns text[]
language sql stable
as $$ select string_to_array(nullif(current_setting('psabridge.tenants', true), ''), ',') $$;

-- Every table with a tenant_id gets its policies and grants by this one line in its migration.
create function tenant_table(name text) returns void
language plpgsql
as $$
begin
  execute format('alter table %I enable row level security', name);
  execute format(
    'create policy tenant on %I to psabridge_app'
    ' using (tenant_id = any((select tenants())::text[]))'
    ' with check (tenant_id = any((select tenants())::text[]))', name);
  execute format('create policy all_tenants on %I to psabridge_all_tenants using (true) with check (true)', name);
  perform shared_table(name);
end $$;

-- A table of the machinery, without a tenant.
create function shared_table(name text) returns void
language plpgsql
as $$
begin
  execute format('grant select, insert, update, delete on %I to psabridge_app, psabridge_all_tenants', name);
end $$;
