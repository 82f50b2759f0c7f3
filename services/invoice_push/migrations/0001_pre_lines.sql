-- A document as billing_intake sealed it: what its lines must add up to (B1, B3).
create table document (
  tenant_id text,
  document_id text,
  version int not null,
  run_id text not null,
  source text not null,
  number text not null,
  currency text not null,
  file text not null,
  lines int not null,
  cost_total numeric(20, 6) not null,
  tax_total numeric(20, 6) not null,
  tied boolean not null,
  sealed_at timestamptz not null default now(),
  primary key (tenant_id, document_id));
select tenant_table('document');

-- Which documents a run brought, also unchanged ones: what its proof and its reconciliation are about.
create table run_document (
  tenant_id text,
  run_id text,
  document_id text,
  primary key (tenant_id, run_id, document_id));
select tenant_table('run_document');

-- A billed line on its way to an agreement. The charge is always the newest; draft and written_* are what was queued.
create table line (
  tenant_id text,
  identity text,
  position bigint generated always as identity,
  document_id text not null,
  document_version int not null,
  run_id text not null,
  source text not null,
  file text not null,
  row int not null,
  customer_key text not null,
  customer_name text not null,
  billing_contract text not null,
  product_key text not null,
  product_name text not null,
  subscription_id text not null,
  kind text not null,
  raw_kind text not null,
  motion text not null,
  period_start date,
  period_end date,
  quantity numeric not null,
  list_unit numeric not null,
  effective_unit numeric not null,
  fx_rate numeric not null,
  source_cost numeric(20, 6) not null,
  tax numeric(20, 6) not null,
  currency text not null,
  trial boolean not null,
  description text not null,
  state text not null default 'received' check (state in (
    'received', 'held', 'ignored', 'ready', 'queued', 'synced', 'failed')),
  reason text not null default '',
  detail text not null default '',
  draft jsonb,
  agreement_id bigint,
  generation int not null default 1,
  operation_key text,
  written_cost numeric(20, 6) not null default 0,
  written_price numeric(20, 6) not null default 0,
  addition_id bigint,
  -- The run that brought a newer charge than what was written, until that is accounted for.
  amended_by text not null default '',
  updated_at timestamptz not null default now(),
  -- Whether an addition stands, or may stand, for it: then only a correction changes what is billed.
  written boolean not null generated always as (
    state in ('queued', 'synced') or state = 'failed' and reason = 'conflict') stored,
  primary key (tenant_id, identity));
select tenant_table('line');
-- Serves the lists, in the order in which lines came.
create unique index line_position on line (tenant_id, position);
-- Serves resolution, approval and counts of a run.
create index line_run on line (tenant_id, run_id, state, position);
-- Serves resolution of a tenant: what is not queued yet.
create index line_unsettled on line (tenant_id, position)
where state in ('received', 'held', 'ready') or state = 'ignored' and reason = 'before go-live';
-- Serves the proof of a document.
create index line_document on line (tenant_id, document_id);
-- Serves the result of an operation.
create index line_operation on line (tenant_id, operation_key) where operation_key is not null;

-- Serves the accounting of what was amended.
create index line_amended on line (tenant_id, position) where amended_by <> '';

-- What is written on top of a line's own addition, since its supplier changed it later: its number is the line's next.
create table correction (
  tenant_id text,
  identity text,
  number int,
  position bigint generated always as identity,
  document_id text not null,
  document_version int not null,
  run_id text not null,
  component text not null,
  currency text not null,
  agreement_id bigint not null,
  quantity numeric(20, 6) not null,
  cost numeric(20, 6) not null,
  price numeric(20, 6) not null,
  state text not null check (state in ('held', 'ignored', 'ready', 'queued', 'synced', 'failed', 'superseded')),
  reason text not null,
  detail text not null,
  draft jsonb,
  -- Who let an amount below zero be billed.
  allowed_by text not null default '',
  operation_key text,
  addition_id bigint,
  updated_at timestamptz not null default now(),
  -- Whether an addition stands, or may stand, for it.
  written boolean not null generated always as (
    state in ('queued', 'synced') or state = 'failed' and reason = 'conflict') stored,
  primary key (tenant_id, identity, number));
select tenant_table('correction');
-- Last net: a line has one correction at a time that is not over.
create unique index correction_one_open on correction (tenant_id, identity)
where state in ('held', 'ready', 'queued', 'failed');
-- Serves the lists.
create unique index correction_position on correction (tenant_id, position);
-- Serves plan, approval and counts of a run.
create index correction_run on correction (tenant_id, run_id, state, position);
-- Serves the proof of a document.
create index correction_document on correction (tenant_id, document_id);
-- Serves the result of an operation.
create index correction_operation on correction (tenant_id, operation_key) where operation_key is not null;

-- What a document's version no longer has, so that an older version's line that arrives later is not billed.
create table withdrawn (
  tenant_id text,
  identity text,
  document_version int not null,
  primary key (tenant_id, identity));
select tenant_table('withdrawn');

-- Tenants whose lines are to be looked at again; `asked` tells whether more was asked meanwhile.
create table resolve_due (
  tenant_id text primary key,
  asked bigint not null default 1,
  since timestamptz not null default now());
select tenant_table('resolve_due');

-- What was last said of a run, so that only changes are told.
create table run_report (
  tenant_id text,
  run_id text,
  due boolean not null default true,
  lines jsonb,
  write jsonb,
  approved_by text,
  approved_at timestamptz,
  primary key (tenant_id, run_id));
select tenant_table('run_report');
-- Serves the reporter.
create index run_report_due on run_report (tenant_id) where due;

-- What ConnectWise held when it was read back after a run, or (run '') as a whole.
create table reconciliation (
  tenant_id text,
  run_id text,
  agreement_id bigint,
  agreement_name text not null,
  company_id bigint not null,
  additions int not null,
  cost numeric(20, 6) not null,
  price numeric(20, 6) not null,
  expected int not null,
  expected_cost numeric(20, 6) not null,
  expected_price numeric(20, 6) not null,
  differences jsonb not null,
  -- The job that read it: one that reads everything goes on with what it has not read.
  read_by text not null,
  read_at timestamptz not null default now(),
  primary key (tenant_id, run_id, agreement_id));
select tenant_table('reconciliation');
-- Serves the metric of what differs.
create index reconciliation_differs on reconciliation (tenant_id) where run_id = '' and differences <> '[]';

-- Additions with a marker of ours that this database has not written, as far as it knows: after a restore. What bears
-- the same marker is not written anywhere else before a person has decided.
create table stray (
  tenant_id text,
  marker text,
  addition_id bigint,
  agreement_id bigint not null,
  primary key (tenant_id, marker, addition_id));
select tenant_table('stray');

-- The last reading back of a run with the proof it stands beside, or (run '') of everything that was ever written.
create table reconciled (
  tenant_id text,
  run_id text,
  agreements int not null,
  differences int not null,
  unexplained int not null,
  proof jsonb not null,
  began_at timestamptz not null,
  ended_at timestamptz not null,
  primary key (tenant_id, run_id));
select tenant_table('reconciled');
