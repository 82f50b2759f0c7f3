-- Events that were handled, so that a redelivered one has no second effect.
create table inbox (
  tenant_id text,
  event_id text,
  handled_at timestamptz not null default now(),
  primary key (tenant_id, event_id));
select tenant_table('inbox');
-- Serves the sweep.
create index inbox_handled_at on inbox using brin (handled_at);

-- How far each topic has been consumed: stored with the effect, so that a restored database re-reads what it forgot.
create table consumed_offset (
  topic text,
  partition int,
  next_offset bigint not null,
  primary key (topic, partition));
select shared_table('consumed_offset');

-- Where Kafka's own offset was found ahead of ours, which only a restored database explains: counted once.
create table offset_ahead (
  topic text,
  partition int,
  committed bigint not null,
  primary key (topic, partition));
select shared_table('offset_ahead');

-- The newest version of each key of a compacted topic; an older one is ignored.
create table entity_seen (
  tenant_id text,
  topic text,
  key text,
  version bigint not null,
  primary key (tenant_id, topic, key));
select tenant_table('entity_seen');

-- What other services said of things this service needs to know.
create table fact_copy (
  tenant_id text,
  topic text,
  key text,
  data jsonb not null,
  entity_version bigint not null,
  primary key (tenant_id, topic, key));
select tenant_table('fact_copy');

-- Facts to be published, in the same transaction as the change they tell of.
create table outbox (
  id bigint generated always as identity primary key,
  tenant_id text not null,
  topic text not null,
  key text not null,
  event_id text not null,
  -- Last net: what no broker would take.
  value bytea not null check (octet_length(value) <= 1000000),
  created_at timestamptz not null default clock_timestamp(),
  published_at timestamptz,
  parked text);
select tenant_table('outbox');
-- Serves the relay: what is left to publish, in order.
create index outbox_pending on outbox (id) where published_at is null and parked is null;
-- Serves the relay's look at parked keys.
create index outbox_parked on outbox (topic, key) where parked is not null and published_at is null;
-- Serves the sweep.
create index outbox_published_at on outbox using brin (published_at);

-- How far Kafka has what this service knows to have published: more from it there is what a restored database forgot.
create table published_offset (
  topic text,
  partition int,
  next_offset bigint not null,
  primary key (topic, partition));
select shared_table('published_offset');

-- The last thing this service said of each key of its compacted topics, re-published nightly.
create table stated_fact (
  tenant_id text,
  topic text,
  key text,
  version bigint not null,
  data jsonb not null,
  primary key (tenant_id, topic, key));
select tenant_table('stated_fact');

-- Records that could not be handled: bytes and reason are kept, replay is a person's decision.
create table dead_letter (
  id bigint generated always as identity primary key,
  tenant_id text not null,
  topic text not null,
  partition int not null,
  record_offset bigint not null,
  record_key bytea,
  value bytea,
  headers jsonb not null,
  reason text not null,
  detail text not null,
  created_at timestamptz not null default now(),
  replayed_at timestamptz,
  unique (topic, partition, record_offset));
select tenant_table('dead_letter');

-- Consumers that stopped after too much poison in a row; a person resumes them.
create table consumer_pause (
  topic text primary key,
  reason text not null,
  paused_at timestamptz not null default now());
select shared_table('consumer_pause');

-- When a nightly task of this service last ran.
create table nightly_run (
  task text primary key,
  ran_at timestamptz not null);
select shared_table('nightly_run');
