#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The reference pages say what the tables say. --update rewrites them.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
REFERENCE=$BIN/src/lb/lb_reference

current() {
	"$REFERENCE" "$1" >"$T/page" && diff -u "docs/$2" "$T/page"
}
if [ "${1:-}" = --update ]; then
	"$REFERENCE" flags >docs/load-balancer-flags.md && "$REFERENCE" config >docs/load-balancer-config.md
fi
ok "the page of the load balancer's flags is current" current flags load-balancer-flags.md
ok "the page of its configuration is current" current config load-balancer-config.md
done_testing
