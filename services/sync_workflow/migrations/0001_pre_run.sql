-- What is known of a run: one per import. `state` is derived from `known`, kept for lists.
create table run (
  tenant_id text,
  run_id text,
  -- Grows with every change; a change made from an older version is refused.
  version int not null default 0,
  state text not null default 'running' check (state in (
    'running', 'needs_approval', 'closed', 'closed_with_held', 'failed')),
  known jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, run_id));
select tenant_table('run');
-- Serves a changed setup: the runs that still wait for something.
create index run_open on run (tenant_id, run_id) where state in ('running', 'needs_approval', 'failed');

-- The run that first brought a version of a document: in any later run it brings no lines.
create table sealed_document (
  tenant_id text,
  document_id text,
  version int,
  run_id text not null,
  primary key (tenant_id, document_id, version));
select tenant_table('sealed_document');
