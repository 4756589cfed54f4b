# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The golden rule files and queries of ceems_tool are valid and count what they should. The stories are
# in tests/promql/tool_*.yml.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

# query FILE KEY SUB_KEY: the template with its placeholders filled in, for windows of 5 minutes
query() {
	awk -v key="  $2:" -v sub_key="    $3: |-" '
		/^  [a-z]/ { in_key = $0 == key }
		/^    [^ ]/ { on = in_key && $0 == sub_key; next }
		on && /^      /' "$CEEMS_SOURCE/tests/golden/tool/$1" |
		sed -e 's/{{.UUIDs}}/.+/g; s/{{.Range}}/5m0s/g; s/{{.ScrapeInterval}}/15s/g' \
			-e 's/{{.ScrapeIntervalMilli}}/15000/g; s/^/    /'
}

# queries FILE ENERGY EMISSIONS: as rules, so that promtool can try them
queries() {
	printf 'groups:\n  - name: queries\n    rules:\n'
	printf '      - record: test:energy_kwh\n        expr: |\n'
	query "$1" total_cpu_energy_usage_kwh total
	printf '      - record: test:emissions_gms\n        expr: |\n'
	query "$1" total_cpu_emissions_gms owid_total
}

# page NAME: the query of docs/energy.md as the golden files have it, without white space
page() {
	awk -v mark="<!-- query: $1 -->" '$0 == mark { on = 1; next } on && /^```$/ { exit }
		on && !/^```promql$/' "$CEEMS_SOURCE/docs/energy.md" |
		sed -e 's/BRIDGE_SECONDS/3600/g; s/BRIDGE/1h/g; s/DELAY_SECONDS/15/g; s/EVAL_SECONDS/30/g' \
			-e 's/PREVIOUS/45s/g; s/EVAL/30s/g; s/DELAY/15s/g; s/JOB/ceems/g; s/PUE/1.2/g' \
			-e 's/UUIDS/{{.UUIDs}}/g; s/RANGE/{{.Range}}/g; s/STEP/{{.ScrapeInterval}}/g' | tr -d ' \t\n'
}
# holds TEXT FILE: the golden file, without white space, holds the text
holds() {
	[ -n "$1" ] && [[ $(tr -d ' \t\n' <"$CEEMS_SOURCE/tests/golden/tool/$2") == *"$1"* ]]
}
# The rule has its factors in front of the sum, so only what is summed is compared.
step=$(page step)
step=${step%)\**}
window=$(page window)
window=${window%)}
ok "the rules are those of docs/energy.md" holds "1.2/30*$step)>0" ledger.rules
ok "the counter too" holds "$(page counter)" ledger.rules
ok "and the factor" holds "$(page pue)" ledger.rules
ok "the queries are those of docs/energy.md" holds "$window/3.6e6)" queries-ledger.yml

cp "$CEEMS_SOURCE"/tests/golden/tool/*.rules "$CEEMS_SOURCE"/tests/promql/tool_*.yml "$T/"
for kind in all ledger mixed; do
	queries queries-$kind.yml >"$T/queries-$kind.rules"
	ok "the $kind queries are valid" promtool check rules "$T/queries-$kind.rules"
done
for f in "$T"/*.rules; do
	ok "$(basename "$f") is valid" promtool check rules "$f"
done
for story in rapl model ipmi redfish ipmi-gpus cray nvidia-gpu nvidia-profiles-gpu amd-smi-gpu amd-device-gpu; do
	ok "the rules for $story count right" promtool test rules "$T/tool_$story.yml"
done
for kind in ledger mixed; do
	cp "$T/queries-$kind.rules" "$T/queries.rules"
	ok "the rules for a ledger and the $kind queries count each joule once" promtool test rules "$T/tool_ledger.yml"
done
done_testing
