-- A file that was brought in. Its bytes are kept in raw_chunk.
create table import (
  tenant_id text,
  import_id text,
  source text not null,
  file text not null,
  bytes bigint not null,
  sha256 text not null,
  expected jsonb not null,
  state text not null default 'received' check (state in ('received', 'sealed', 'refused')),
  refusals jsonb not null default '[]',
  warnings jsonb not null default '[]',
  rows int not null default 0,
  requested_by text not null,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  primary key (tenant_id, import_id));
select tenant_table('import');
-- Serves the importer: what is waiting, oldest first.
create index import_received on import (created_at) where state = 'received';

create table raw_chunk (
  tenant_id text,
  import_id text,
  number int,
  compressed bytea not null,
  primary key (tenant_id, import_id, number),
  foreign key (tenant_id, import_id) references import);
select tenant_table('raw_chunk');

-- One invoice number in one currency (B1), in its newest version.
create table document (
  tenant_id text,
  document_id text,
  number text not null,
  currency text not null,
  source text not null,
  account text not null,
  version int not null,
  digest text not null,
  lines int not null,
  cost_total numeric not null,
  tax_total numeric not null,
  tied boolean not null,
  import_id text not null,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, document_id));
select tenant_table('document');

-- What a source charged, as it said it. Plain numeric: a fact keeps all its digits.
create table line (
  tenant_id text,
  identity text,
  document_id text not null,
  version int not null,
  import_id text not null,
  row int not null,
  digest text not null,
  customer_key text not null,
  customer_name text not null,
  customer_domain text not null,
  customer_country text not null,
  billing_contract text not null,
  product_key text not null,
  product_name text not null,
  publisher text not null,
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
  cost numeric not null,
  tax numeric not null,
  currency text not null,
  trial boolean not null,
  description text not null,
  warnings text[] not null,
  primary key (tenant_id, identity));
select tenant_table('line');
-- Serves a document's lines in the order of the file, also while they are published.
create index line_document on line (tenant_id, document_id, row, identity);
