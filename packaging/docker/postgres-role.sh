#!/bin/sh
# The role of the head-end owns its database and is no superuser, whom row level security does not bind.
set -eu
psql --set=ON_ERROR_STOP=1 --username boss --set=password="$(cat /run/secrets/postgres-password)" <<'SQL'
CREATE ROLE mbus LOGIN PASSWORD :'password';
CREATE DATABASE mbus OWNER mbus ENCODING 'UTF8' TEMPLATE template0;
SQL
