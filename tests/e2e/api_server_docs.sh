#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The reference pages say what the tables say. --update rewrites them.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
REFERENCE=$BIN/src/api/api_reference

current() {
	"$REFERENCE" "$1" >"$T/page" && diff -u "docs/$2" "$T/page"
}
if [ "${1:-}" = --update ]; then
	"$REFERENCE" flags >docs/api-server-flags.md && "$REFERENCE" config >docs/api-server-config.md &&
		"$REFERENCE" routes >docs/api-routes.md && "$REFERENCE" metrics >docs/api-server-metrics.md
fi
ok "the page of the API server's flags is current" current flags api-server-flags.md
ok "the page of its configuration is current" current config api-server-config.md
ok "the page of its routes is current" current routes api-routes.md
ok "the page of its metrics is current" current metrics api-server-metrics.md
done_testing
