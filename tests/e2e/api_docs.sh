#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The examples of docs/api.md print what the built server prints. --update rewrites them.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"
fill_api_database || exit 1
start_api
wait_until 20 sh -c "curl -sSf -o '$T/body' -H 'X-Grafana-User: boss' '$URL/api/v1/clusters/admin'"
ok "the examples are true" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/check_examples.py" \
	"$CEEMS_SOURCE/docs/api.md" "$URL" "$@"
ok "it ends well" stop api
done_testing
