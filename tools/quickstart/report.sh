# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the run shows: the table of one user, the totals per project, and whether the ledger adds up.

write_cacct_conf() { # USER
	install -d -m 700 -o "$1" -g "$1" "$W/home/$1/.config" "$W/home/$1/.config/ceems"
	cat >"$W/home/$1/.config/ceems/config.yml" <<C
ceems_api_server:
  cluster_id: quickstart
  web:
    url: http://127.0.0.1:$PORT_API
    basic_auth: {username: ceems, password: $(cat "$W/etc/api.password")}
C
	chown "$1:" "$W/home/$1/.config/ceems/config.yml"
	chmod 600 "$W/home/$1/.config/ceems/config.yml"
}

show_cacct() { # USER
	write_cacct_conf "$1"
	setpriv --reuid="$1" --regid="$1" --init-groups env -i HOME="$W/home/$1" PATH=/usr/bin:/bin LANG=C.UTF-8 TZ="${TZ:-}" \
		"$W/run/cacct" --starttime="$START_TIME" 9<&- || die "cacct failed for $1"
}

show_projects() {
	api_admin "usage/global/admin?cluster_id=quickstart" | jq -r '.data[] | [.project, .username, .num_units,
		(.total_time_seconds.alloc_cputime // 0), (.total_cpu_energy_usage_kwh.total // 0),
		([.total_cpu_emissions_gms // {} | .[]] | add // 0)] | @tsv' | sort |
		awk -F'\t' 'BEGIN { print "PROJECT\tUSER\tJOBS\tCPU-SECONDS\tkWh\tg CO2e" }
			{ printf "%s\t%s\t%d\t%.0f\t%.6f\t%.6f\n", $1, $2, $3, $4, $5, $6 }' | column -t -s "$(printf '\t')"
}

show_ledger() {
	ask prometheus "$PROM_URL/api/v1/query" --data-urlencode \
		'query=sum by (domain, party) (ceems_energy_node_joules_total)' | jq -r '
		["DOMAIN", "PARTY", "JOULES"], (.data.result | sort_by(.metric.domain, .metric.party)[]
			| [.metric.domain, .metric.party, .value[1]]) | @tsv' | column -t -s "$(printf '\t')"
}

# The parts against the meter, from Prometheus alone.
check_ledger() {
	local at meter parties units_party units sources api
	at=$(date +%s) # all of one moment: the counters go on
	meter=$(prom_value 'sum(ceems_energy_meter_joules_total)' "$at")
	parties=$(prom_value 'sum(ceems_energy_node_joules_total)' "$at")
	units_party=$(prom_value 'sum(ceems_energy_node_joules_total{party="units"})' "$at")
	units=$(ledger_joules "$at")
	api=$(api_joules)
	sources=$(ask prometheus "$PROM_URL/api/v1/query" --data-urlencode 'query=ceems_energy_source_info' |
		jq -r '[.data.result[].metric | del(.__name__, .instance, .job, .hostname) | to_entries | map("\(.key)=\(.value)") | join(" ")] | unique | join("; ")')
	say "  source: $sources"
	awk -v meter="$meter" -v parties="$parties" -v upart="$units_party" -v units="$units" -v api="$api" 'BEGIN {
		sum = units + parties - upart
		d = sum - meter; if (d < 0) d = -d
		printf "  meter %.6f J; jobs %.6f J + system, idle, unattributed %.6f J = %.6f J; difference %.4f %%\n",
			meter, units, parties - upart, sum, 100 * d / meter
		printf "  jobs in the API server %.6f J\n", api
		exit !(meter > 0 && d <= meter / 1000)
	}' || die "the parts of the ledger do not add up to the meter"
}

show_addresses() {
	cat <<T
  exporter     http://127.0.0.1:$PORT_EXPORTER/metrics    user ceems, password $(cat "$W/etc/exporter.password")
  Prometheus   $PROM_URL    user ceems, password $(cat "$W/etc/prometheus.password")
  API server   http://127.0.0.1:$PORT_API/api/v1/    user ceems, password $(cat "$W/etc/api.password")
               curl -u ceems:$(cat "$W/etc/api.password") -H 'X-Grafana-User: qsuser1' 'http://127.0.0.1:$PORT_API/api/v1/units?running'
               (the admin is qsadmin: the routes that end in /admin)
  Slurm        SLURM_CONF=$W/etc/slurm.conf sinfo
  files        $W
T
}
