# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Who sees what, asked of the built server: the table that the unit test asks of the handlers. One
# administrator was taken out of the configuration before.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"
TABLE=$CEEMS_SOURCE/tests/fixtures/api/ownership.txt

status_of() { curl -sS -m 10 -o "$T/body" -w '%{http_code}' -H "X-Grafana-User: $1" "$URL/api/v1$2"; }
is() { [ "$(status_of "$2" "$3")" = "$1" ]; }

fill_api_database || exit 1
ADMINS=rex
write_api_config
start_api
ok "who is in the configuration is an administrator" wait_until 20 is 200 rex /units/admin
ok "it ends well" stop api
ADMINS=
write_api_config
start_api
ok "the others still are" wait_until 20 is 200 boss /units/admin
ok "who was taken out is none any more" wait_until 20 is 403 rex /units/admin
ok "everybody sees what is theirs" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/check_ownership.py" "$URL" "$TABLE"
ok "it ends well" stop api
done_testing
