create table wish (
  id bigint generated always as identity primary key,
  tenant_id text not null,
  name text not null);
select tenant_table('wish');

-- What only the commit finds out.
create function keepable() returns trigger language plpgsql as $$
begin
  if new.name = 'unkept' then
    raise exception 'this wish cannot be kept';
  end if;
  return null;
end $$;
create constraint trigger keepable after insert on wish
deferrable initially deferred
for each row execute function keepable();
