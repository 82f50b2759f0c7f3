create table tenant (
  tenant_id text primary key check (tenant_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null,
  created_at timestamptz not null default now());
select tenant_table('tenant');

-- What people and programs show at the door; `-` is the installation's own. The secret itself is never stored.
create table api_token (
  token_id text primary key,
  tenant_id text not null,
  name text not null,
  role text not null check (role in ('owner', 'admin', 'approver', 'operator', 'viewer')),
  scope text[],
  secret_digest bytea not null check (length(secret_digest) = 32),
  bootstrap boolean not null default false,
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz);
select tenant_table('api_token');
-- Serves a tenant's list of tokens.
create index api_token_tenant on api_token (tenant_id, token_id);
-- One lives at a time.
create unique index api_token_bootstrap on api_token (bootstrap) where bootstrap and revoked_at is null;

-- Whose a site is, for good: one tenant's in the whole installation, also after the connection is removed.
create table site (
  site_id text primary key,
  tenant_id text not null references tenant,
  connected_at timestamptz not null default now());
select tenant_table('site');

create table connection (
  tenant_id text references tenant,
  connection_id text,
  site_id text not null references site,
  name text not null,
  base_url text not null,
  company_id text not null,
  public_key text not null,
  client_id text not null,
  private_key jsonb,
  profile text not null,
  enabled boolean not null,
  removed boolean not null default false,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, connection_id),
  check (removed = (private_key is null)));
select tenant_table('connection');
-- A tenant has one living way to ConnectWise.
create unique index connection_living on connection (tenant_id) where not removed;

create table program (
  tenant_id text references tenant,
  program_id text,
  source text not null,
  settings jsonb not null,
  removed boolean not null default false,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, program_id));
select tenant_table('program');
-- A source has one living program a tenant.
create unique index program_living on program (tenant_id, source) where not removed;
