-- A customer as its source names it; customer_id is the source's own id, the last part of the key.
create table source_customer (
  tenant_id text,
  key text,
  customer_id text not null,
  name text not null,
  domain text not null,
  country text not null,
  primary key (tenant_id, key));
select tenant_table('source_customer');
-- Serves mapping files, which name customers by the source's id.
create index source_customer_id on source_customer (tenant_id, lower(customer_id));

-- How the reading of the tenant's site stands. `number` is the last reading that began.
create table site_read (
  tenant_id text primary key,
  site_id text not null default '',
  number bigint not null default 0,
  asked_at timestamptz not null,
  began_at timestamptz,
  ended_at timestamptz,
  told int not null default 0,
  error text not null default '');
select tenant_table('site_read');

-- A ConnectWise company. seen_by is the reading that saw it last; told is a digest of what was last said of it.
create table company (
  tenant_id text,
  company_id bigint,
  identifier text not null,
  name text not null,
  status text not null,
  seen_by bigint not null,
  gone boolean not null default false,
  told text not null default '',
  primary key (tenant_id, company_id));
select tenant_table('company');
-- Serves mapping files, which name companies by their identifier.
create index company_identifier on company (tenant_id, lower(identifier)) where not gone;

-- A ConnectWise agreement with its own values; its parent's are joined where they matter.
create table agreement (
  tenant_id text,
  agreement_id bigint,
  name text not null,
  company_id bigint not null,
  type_name text not null,
  status text not null,
  cycle text not null,
  one_time boolean not null,
  invoicing_cycle text not null,
  period_type text not null,
  prorate boolean not null,
  currency text not null,
  bill_start date,
  end_date date,
  next_invoice date,
  parent_id bigint,
  seen_by bigint not null,
  gone boolean not null default false,
  told text not null default '',
  primary key (tenant_id, agreement_id));
select tenant_table('agreement');
-- Serves a company's agreements.
create index agreement_company on agreement (tenant_id, company_id, agreement_id) where not gone;
-- Serves mapping files, which name agreements.
create index agreement_name on agreement (tenant_id, lower(name)) where not gone;

-- Where a customer's charges of one billing contract ('': any) and motion go, from when on (B5, B6).
create table mapping (
  tenant_id text,
  mapping_id text,
  customer_key text not null,
  billing_contract text not null,
  motion text not null,
  company_id bigint not null,
  agreement_id bigint not null,
  go_live date not null,
  version int not null default 1,
  removed boolean not null default false,
  changed_by text not null,
  changed_at timestamptz not null default now(),
  primary key (tenant_id, mapping_id),
  unique (tenant_id, customer_key, billing_contract, motion));
select tenant_table('mapping');
