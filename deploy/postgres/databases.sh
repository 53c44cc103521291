#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: one role and one database per service, none sees another's.
set -eu
for service in registry absence scheduling bulletins notifications portal; do
  psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set service="$service" --set password="$SERVICE_PASSWORD" <<'SQL'
create role :"service" login password :'password';
create database :"service" owner :"service";
revoke connect on database :"service" from public;
SQL
done
