-- Whose database this is, and how often it was found to be an older one than was written to. One row.
create table installation (
  one boolean primary key default true check (one),
  id text not null,
  -- The cluster it was seen on; another one, or another timeline, means a restore or a failover.
  system_identifier bigint not null,
  timeline int not null,
  restores int not null default 0,
  restored_because text not null default '',
  -- The configured id where it is another: a clone. '' where they agree.
  foreign_to text not null default '');
select shared_table('installation');
