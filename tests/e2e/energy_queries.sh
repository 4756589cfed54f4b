# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The queries of docs/energy.md, taken from the page itself, give the counters' energy exactly: for a
# job that appears with its full value, over missed scrapes and over a restart of the exporter. The
# stories are in tests/promql/.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

# query NAME EVAL_SECONDS: the block after '<!-- query: NAME -->', for scrapes every 15 s
query() {
	awk -v mark="<!-- query: $1 -->" '$0 == mark { on = 1; next } on && /^```$/ { exit }
		on && !/^```promql$/' "$CEEMS_SOURCE/docs/energy.md" |
		sed -e "s/DELAY_SECONDS/15/g; s/EVAL_SECONDS/$2/g; s/BRIDGE_SECONDS/3600/g; s/BRIDGE/1h/g" \
			-e "s/PREVIOUS/$(($2 + 15))s/g; s/EVAL/$2s/g; s/DELAY/15s/g; s/JOB/ceems/g" \
			-e "s/PUE/1.5/g; s/UUIDS/.+/g; s/STEP/15s/g; s/RANGE/2m/g"
}

# rules EVAL_SECONDS
rules() {
	printf 'groups:\n  - name: ledger\n    rules:\n'
	printf '      - record: uuid:ceems_host_power_watts:pue\n        expr: |\n'
	query step "$1" | sed 's/^/          /'
	printf '      - record: uuid:ceems_host_energy_joules_total\n        expr: |\n'
	query counter "$1" | sed 's/^/          /'
	printf '      - record: job:ceems_host_pue:factor\n        labels: {job: ceems}\n        expr: |\n'
	query pue "$1" | sed 's/^/          /'
	printf '      - record: test:window_joules\n        expr: |\n'
	query window "$1" | sed 's/^/          /'
}

for eval in 15 60; do
	rules $eval >"$T/rules-$eval.yml"
	cp "$CEEMS_SOURCE/tests/promql/energy_${eval}s.yml" "$T/"
	ok "rules that are evaluated every $eval s are valid" promtool check rules "$T/rules-$eval.yml"
	ok "evaluated every $eval s they count each joule once" promtool test rules "$T/energy_${eval}s.yml"
done
done_testing
