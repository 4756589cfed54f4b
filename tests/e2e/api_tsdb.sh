# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_api_server with the default queries against a real Prometheus and a real VictoriaMetrics: sums,
# averages, batches, deletion of short units' series, and a server that is away for a while.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

chmod 755 "$T"
NOW=$(($(date +%s) / 60 * 60))
BEGIN=$((NOW - 3600))
mkdir "$T/bin"
zdt() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%S+0000; }
{
	echo "101 $((NOW - 3000)) $((NOW - 900))"
	echo "103 $((NOW - 2000)) $((NOW - 1970))" # short
	for i in $(seq 201 230); do echo "$i $((NOW - 2400)) $((NOW - 1200))"; done # more than a batch
} >"$T/times"
while read -r id start end; do
	printf '%s|%s|%s|p|q|astro|staff|501|mira|1207|%s|%s|%s|00:35:00|2100|0:0|COMPLETED|billing=4,cpu=4,mem=2G,node=1|n1|sim|/home\n' \
		"$start" "$end" "$id" "$(zdt "$start")" "$(zdt "$start")" "$(zdt "$end")"
done <"$T/times" >"$T/jobs"
cat >"$T/bin/sacct" <<S
#!/bin/bash
[ "\$1" = --version ] && echo "slurm 22.05.8" && exit 0
while [ \$# -gt 0 ]; do
	case \$1 in --starttime) from=\$(date -u -d "\$2" +%s) ;; --endtime) to=\$(date -u -d "\$2" +%s) ;; esac
	shift
done
awk -F'|' -v OFS='|' -v a="\$from" -v b="\$to" '\$1 < b && \$2 >= a { sub(/^[^|]*[|][^|]*[|]/, ""); print }' "$T/jobs"
S
printf '#!/bin/sh\necho "astro|mira"\n' >"$T/bin/sacctmgr"
chmod 755 "$T/bin"/*

config() { # DIR URL [MORE extra_config]
	cat <<C
ceems_api_server:
  data:
    path: $T/$1
    update_interval: 2s
    max_update_interval: 10m
    late_metrics: 1m
    catch_up_pause: 0s
    time_zone: UTC
    update_from: "$(date -u -d "@$BEGIN" +%Y-%m-%dT%H:%M:%S)"
clusters: [{id: c, manager: slurm, updaters: [t], cli: {path: $T/bin}}]
updaters:
  - id: t
    updater: tsdb
    web: {url: "$2"}
    extra_config: {cutoff_duration: 1m, delete_ignored: true, scrape_interval: 15s, evaluation_interval: 15s}
C
}
server() { # NAME
	PORT=$(free_port)
	start "$1" "$BIN/ceems_api_server" --config.file="$T/$1.yml" --web.listen-address="127.0.0.1:$PORT"
}
# Read-only: otherwise sqlite3 would make the file, as another user, before the server does.
sql() { sqlite3 "file:$T/$1/ceems.db?mode=ro" "$2" 2>/dev/null; }
sum() { sql "$1" "select json_extract($2, '\$.$3') from units where uuid = '$4'"; }
near() { # FOUND EXPECTED PERCENT
	awk -v a="$1" -v b="$2" -v p="$3" 'BEGIN { exit !(a > b * (1 - p / 100) && a < b * (1 + p / 100)) }' ||
		{ echo "$1 instead of $2"; return 1; }
}
done_with() { # DIR: all is stored, nothing waits
	[ "$(sql "$1" "select end_ms / 1000 >= $((NOW - 300)) and
		(select count(*) from ceems_windows where start_ms / 1000 < $((NOW - 300))) = 0 from ceems_watermarks")" = 1 ]
}
every_batch() { # DIR
	local odd
	odd=$(sql "$1" "select uuid, num_updates, total_time_seconds, total_cpu_energy_usage_kwh from units where
		uuid between '201' and '230' and not
		coalesce(json_extract(total_cpu_energy_usage_kwh, '\$.total') between 0.0316 and 0.0351, 0)")
	printf '%s\n' "$odd"
	[ -z "$odd" ] && [ "$(sql "$1" "select count(*) from units where uuid between '201' and '230'")" = 30 ]
}
check_sums() { # DIR
	ok "$1: everything is stored, with metrics" wait_until 60 done_with "$1"
	# A subquery counts a sample on the limit of two windows in both of them.
	ok "$1: energy is power times time" near "$(sum "$1" total_cpu_energy_usage_kwh total 101)" 0.0583333 5
	ok "$1: averages are those of the series" near "$(sum "$1" avg_cpu_usage global 101)" 40 0.1
	ok "$1: counters increase by what they counted" near "$(sum "$1" total_io_write_stats bytes_total 101)" 2085000 3
	ok "$1: so it is for units of every batch" every_batch "$1"
	ok "$1: a short unit is kept, but not listed" test "$(sql "$1" \
		"select ignore from units where uuid = '103'")" = 1
}
count_series() { # URL SELECTOR N
	[ "$(curl -sSf -m 5 "$1/api/v1/series" --data-urlencode "match[]=$2" -d "start=$BEGIN" -d "end=$NOW" |
		jq '.data | length')" = "$3" ]
}
check_deletion() { # DIR URL
	ok "$1: its series are deleted" wait_until 20 count_series "$2" '{uuid="103"}' 0
	ok "$1: others are not" count_series "$2" '{uuid="101"}' 3
	ok "$1: nor those without a uuid" count_series "$2" 'node_load1' 1
}

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
	PROM=$(free_port)
	mkdir "$T/prom"
	python3 "$CEEMS_SOURCE/tests/lib/tsdb_history.py" "$NOW" <"$T/times" >"$T/history"
	promtool tsdb create-blocks-from openmetrics "$T/history" "$T/prom" >"$T/import" 2>&1 || cat "$T/import"
	printf 'global: {scrape_interval: 15s, evaluation_interval: 15s}\n' >"$T/prom.yml"
	prometheus_runs() {
		start prometheus prometheus --config.file="$T/prom.yml" --storage.tsdb.path="$T/prom" \
			--web.listen-address="127.0.0.1:$PROM" --web.enable-admin-api --query.max-samples=20000 \
			--query.lookback-delta=15s # per query from 2.44 on only
	}
	config real "http://127.0.0.1:$PROM" >"$T/real.yml"
	chmod 644 "$T/real.yml"
	server real
	stored_units() { [ "$(sql real 'select count(*) from units')" = 32 ]; }
	ok "units are stored while Prometheus is away" wait_until 60 stored_units
	prometheus_runs
	check_sums real
	check_deletion real "http://127.0.0.1:$PROM"
	ok "real: it stops with status 0" stop real
	stop prometheus
else
	skip "Prometheus" "prometheus is not installed"
fi

if command -v victoria-metrics >/dev/null; then
	VM=$(free_port)
	mkdir "$T/vm"
	python3 "$CEEMS_SOURCE/tests/lib/tsdb_history.py" "$NOW" prometheus <"$T/times" >"$T/history"
	start vm victoria-metrics -storageDataPath="$T/vm" -httpListenAddr="127.0.0.1:$VM" -retentionPeriod=12 \
		-memory.allowedBytes=134217728 -search.latencyOffset=1s \
		-search.maxQueryLen=200 # half of the units; it tells nobody
	wait_until 20 curl -sSf "http://127.0.0.1:$VM/health"
	curl -sSf --data-binary "@$T/history" "http://127.0.0.1:$VM/api/v1/import/prometheus"
	# What was imported is seen bit by bit.
	imported() {
		[ "$(curl -sSf -m 5 "http://127.0.0.1:$VM/api/v1/query" --data-urlencode \
			'query=sum(count_over_time({uuid=~".+"}[2h]))' -d "time=$NOW&nocache=1" |
			jq -r '.data.result[0].value[1]')" = "$(grep -c uuid= "$T/history")" ]
	}
	wait_until 20 imported
	config victoria "http://127.0.0.1:$VM" >"$T/victoria.yml"
	chmod 644 "$T/victoria.yml"
	server victoria
	check_sums victoria
	check_deletion victoria "http://127.0.0.1:$VM"
	ok "victoria: it stops with status 0" stop victoria
	stop vm
else
	skip "VictoriaMetrics" "it is not installed: tools/install-packages victoria"
fi
done_testing
