#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The reference pages say what the tables say. --update rewrites them.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
REFERENCE=$BIN/src/exporter/exporter_reference

current() {
	"$REFERENCE" "$1" >"$T/page" && diff -u "docs/$2" "$T/page"
}
if [ "${1:-}" = --update ]; then
	"$REFERENCE" flags >docs/exporter-flags.md && "$REFERENCE" metrics >docs/metrics.md &&
		"$REFERENCE" redfish-config >docs/exporter-redfish-config.md
fi
ok "the page of the exporter's flags is current" current flags exporter-flags.md
ok "the page of the metrics is current" current metrics metrics.md
ok "the page of the redfish collector's file is current" current redfish-config exporter-redfish-config.md
done_testing
