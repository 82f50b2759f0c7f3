-- Who owns a site in this service, since when: the epoch fences every claim and every result.
create table site_owner (
  site_id text primary key,
  -- Null where its last owner has given it back.
  epoch uuid,
  holder text not null,
  -- The restore of the database after which the site was last read back before anything was sent.
  restores int not null default 0,
  taken_at timestamptz not null default now());
select shared_table('site_owner');

-- Since when a tenant works at a site. Who comes to it after another may find requests of that one still under way.
-- Kept when a tenant is removed.
create table site_tenant (
  site_id text,
  tenant_id text,
  since timestamptz not null default now(),
  primary key (site_id, tenant_id));
select tenant_table('site_tenant');

-- One call to a peer that has no idempotency keys.
create table operation (
  tenant_id text,
  operation_key text,
  seq bigint generated always as identity,
  effect text not null,
  site_id text not null,
  lane text not null,
  kind text not null check (kind in ('create', 'patch', 'job')),
  -- What its order matters for: one call at a time may be unsettled here.
  target text not null,
  marker text,
  body jsonb not null,
  body_digest text not null,
  run_id text not null default '',
  state text not null default 'pending' check (state in (
    'pending', 'in_flight', 'ambiguous', 'confirmed', 'rejected', 'conflict', 'stale', 'superseded')),
  reason text not null default '',
  message text not null default '',
  epoch uuid,
  attempts int not null default 0,
  not_before timestamptz not null default now(),
  remote_id bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, operation_key),
  check ((state in ('in_flight')) <= (epoch is not null)),
  check (kind <> 'create' or marker is not null));
select tenant_table('operation');

-- Last net: one unsettled call a target.
create unique index operation_one_unsettled_a_target on operation (tenant_id, effect, target)
where state in ('in_flight', 'ambiguous');
-- Last net: no remote record stands for two creations.
create unique index operation_remote_id_once on operation (site_id, effect, remote_id)
where kind = 'create' and state = 'confirmed';
-- Serves the owner's look for lanes, which goes from one to the next and sees one row of each, and each lane's turn.
create index operation_open on operation (site_id, effect, tenant_id, lane, seq)
where state in ('pending', 'in_flight', 'ambiguous');
-- Serves takeover, which must not read a long backlog, and the metric of what is in doubt.
create index operation_in_doubt on operation (site_id, effect, updated_at)
where state in ('in_flight', 'ambiguous');
-- Serves the question whether an earlier operation of the same target is unsettled.
create index operation_target on operation (tenant_id, effect, target, seq)
where state in ('pending', 'in_flight', 'ambiguous');
-- Serves progress of a run, with how fast it was lately.
create index operation_run on operation (tenant_id, run_id, state, updated_at);
-- Serves the reconciliation of a lane. Partial, so that no turn's look is ever planned with it.
create index operation_lane on operation (tenant_id, effect, lane, seq)
where kind <> 'job' and state in ('in_flight', 'ambiguous', 'confirmed', 'conflict');
-- Serves the questions that wait for a person, and their metric.
create index operation_question on operation (tenant_id, state, seq)
where state in ('ambiguous', 'rejected', 'conflict');

-- Last net: what is confirmed stays as it is.
create function confirmed_never_changes() returns trigger
language plpgsql
as $$
begin
  raise exception 'operation % is confirmed and never changes', old.operation_key using errcode = '23514';
end $$;
create trigger confirmed_never_changes
before update on operation
for each row when (old.state = 'confirmed')
execute function confirmed_never_changes();

-- What an operation stands for. Two operations that are live or confirmed never stand for the same.
create table coverage (
  tenant_id text,
  operation_key text,
  identity text,
  component text,
  quantity numeric(20, 6) not null,
  cost numeric(20, 6) not null,
  price numeric(20, 6) not null,
  released_at timestamptz,
  primary key (tenant_id, operation_key, identity, component),
  foreign key (tenant_id, operation_key) references operation);
select tenant_table('coverage');
-- Last net against billing a line twice.
create unique index coverage_once on coverage (tenant_id, identity, component) where released_at is null;

-- Every request that was made for an operation.
create table attempt (
  tenant_id text,
  operation_key text,
  number int,
  at timestamptz not null default clock_timestamp(),
  outcome text not null,
  status int,
  code text not null default '',
  message text not null default '',
  request_id text not null default '',
  seconds numeric(12, 6) not null,
  primary key (tenant_id, operation_key, number));
select tenant_table('attempt');

-- What a person said of an operation in conflict.
create table decision (
  tenant_id text,
  operation_key text,
  id bigint generated always as identity,
  decision text not null,
  remote_id bigint,
  by text not null,
  at timestamptz not null default now(),
  primary key (tenant_id, operation_key, id));
select tenant_table('decision');

-- A tenant, a lane or a run that waits for a person. What a person stopped and what a machine did are rows of their own:
-- neither hides the other, and a machine ends only its own.
create table delivery_pause (
  tenant_id text,
  scope text check (scope in ('tenant', 'lane', 'run')),
  -- Of the lane or the run; '' for the tenant.
  name text,
  code text not null,
  message text not null,
  paused_at timestamptz not null default now(),
  by_person boolean not null generated always as (code = 'person') stored,
  primary key (tenant_id, scope, name, by_person),
  check ((scope = 'tenant') = (name = '')));
select tenant_table('delivery_pause');
