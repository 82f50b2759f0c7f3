-- What is said of a tenant's connection now. `connection` is a digest of what the check was made with; next_check_at is
-- null while a check waits or nothing is left to check.
create table setup (
  tenant_id text primary key,
  connection text not null,
  status text not null check (status in ('ready', 'not_ready', 'unknown')),
  features text[] not null,
  findings jsonb not null,
  time_zone text not null,
  catalog_defaults jsonb,
  removed boolean not null,
  tries int not null,
  checked_at timestamptz not null,
  next_check_at timestamptz);
select tenant_table('setup');
-- Serves the look for what is due.
create index setup_next_check on setup (next_check_at) where next_check_at is not null;

-- Everything that was ever said; a site that stays in trouble is said once.
create table setup_history (
  tenant_id text,
  number bigint generated always as identity,
  status text not null,
  features text[] not null,
  findings jsonb not null,
  removed boolean not null,
  checked_at timestamptz not null,
  primary key (tenant_id, number));
select tenant_table('setup_history');
