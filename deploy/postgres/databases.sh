#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: a database per service, which no other service may enter.
# Its owner makes the tables (`skolbro migrate`) and is nobody's login at work; the service's own login owns nothing, so
# that it stands behind the walls (row-level security). What both may do is held by two group roles.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" <<'SQL'
create role skolbro_app;
create role skolbro_machine;
SQL
for service in registry absence scheduling bulletins notifications portal; do
  psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
    --set service="$service" --set owner="${service}_owner" \
    --set password="$SERVICE_PASSWORD" --set owner_password="$OWNER_PASSWORD" <<'SQL'
create role :"owner" login password :'owner_password' nosuperuser nobypassrls nocreatedb nocreaterole;
create role :"service" login password :'password' nosuperuser nobypassrls nocreatedb nocreaterole;
grant skolbro_machine to :"owner";
grant skolbro_app to :"service";
grant skolbro_machine to :"service" with inherit false;
create database :"service" owner :"owner";
revoke connect on database :"service" from public;
grant connect on database :"service" to :"service";
SQL
done
