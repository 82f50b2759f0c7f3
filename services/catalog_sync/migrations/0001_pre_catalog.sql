-- A product as its source bills it.
create table product (
  tenant_id text,
  product_key text,
  sku text not null,
  name text not null,
  term text not null,
  plan text not null,
  currency text not null,
  unit_price numeric not null,
  unit_cost numeric not null,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, product_key));
select tenant_table('product');

-- Which customers were billed for which product, in which run: what makes a product in use (R51).
create table product_use (
  tenant_id text,
  run_id text,
  product_key text,
  customer_key text,
  motion text not null,
  primary key (tenant_id, run_id, product_key, customer_key));
select tenant_table('product_use');
-- Serves the question whether a mapped customer uses a product.
create index product_use_product on product_use (tenant_id, product_key, customer_key, motion);

-- The item of a product, or why there is none yet.
create table item (
  tenant_id text,
  product_key text,
  -- Ours, as it is or would be created; '' where the product was held before it had one.
  draft_identifier text not null default '',
  generation int not null default 0,
  state text not null check (state in ('waiting', 'linked', 'held', 'failed')),
  reason text not null default '',
  item_id bigint,
  identifier text not null default '',
  inactive boolean not null default false,
  taxable boolean not null default false,
  adopted boolean not null default false,
  linked_at timestamptz,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, product_key),
  check ((state = 'linked') = (item_id is not null)));
select tenant_table('item');
-- An item stands for one product only.
create unique index item_stands_for_one_product on item (tenant_id, item_id) where item_id is not null;
-- The site refuses a second item of an identifier, in whatever case.
create unique index item_draft_identifier on item (tenant_id, lower(draft_identifier)) where draft_identifier <> '';

-- Tenants whose products are to be looked at again; `asked` tells whether more was asked meanwhile.
create table plan_due (
  tenant_id text primary key,
  asked bigint not null default 1,
  -- Whether what was refused is tried again: a person has changed something and checked the setup.
  retry boolean not null default false,
  since timestamptz not null default now());
select tenant_table('plan_due');

-- What was last said of a run, so that only changes are told.
create table run_report (
  tenant_id text,
  run_id text,
  said jsonb not null,
  primary key (tenant_id, run_id));
select tenant_table('run_report');
