# SPDX-License-Identifier: Apache-2.0
# Sourced after tap.sh: an API server on the rows of tests/fixtures/api/accounts.sql.
#   write_api_config         $T/config.yml, without clusters; administrators are boss and $ADMINS
#   fill_api_database        creates $T/data/ceems.db and fills it
#   start_api [FLAGS...]     starts it as process 'api' on $PORT and waits until it answers
# shellcheck shell=bash disable=SC2119,SC2120
PORT=$(free_port)
URL=http://127.0.0.1:$PORT
mkdir -p "$T/data"
chmod 755 "$T"

write_api_config() {
	cat >"$T/config.yml" <<C
ceems_api_server:
  data: {path: "$T/data", time_zone: Europe/Berlin, update_interval: ${UPDATE_INTERVAL:-1h}}
  admin: {users: [boss${ADMINS:+, $ADMINS}]}
C
	chmod 644 "$T/config.yml"
}

api_answers() { curl -sS -m 5 ${CACERT:+--cacert "$CACERT"} -o "$T/probe" "$URL/health"; }

start_api() {
	start api "$BIN/ceems_api_server" --config.file="$T/config.yml" \
		--web.listen-address="${LISTEN:-127.0.0.1}:$PORT" "$@"
	wait_until 20 api_answers
}

fill_api_database() {
	write_api_config
	start_api && stop api || return 1
	sqlite3 -bail "$T/data/ceems.db" <"$CEEMS_SOURCE/tests/fixtures/api/accounts.sql"
}
