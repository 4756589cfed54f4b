# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The four programs and Prometheus, configured as an operator would: credentials by
# 'ceems_tool config create-web-config', rules and queries by 'ceems_tool tsdb ...'.

make_web_config() { # NAME: $W/etc/NAME/web-config.yml; the password goes to $W/etc/NAME.password
	local name=$1 password
	"$BIN/ceems_tool" config create-web-config --output-dir="$W/etc/$name" 2>"$W/log/web-config.$name.log" ||
		die "ceems_tool config create-web-config: $(cat "$W/log/web-config.$name.log")"
	# The daemons become unprivileged; they get an ACL entry on the file, not on the folder.
	chmod 755 "$W/etc/$name"
	password=$(sed -n 's/.*plain text password for basic auth is \([A-Za-z0-9]*\).*/\1/p' "$W/log/web-config.$name.log")
	rm -f "$W/log/web-config.$name.log"
	[ -n "$password" ] || die "ceems_tool did not tell the password of $name"
	(umask 077 && printf '%s' "$password" >"$W/etc/$name.password")
}

# ask NAME URL [curl options]: as the user ceems of that program. The password stays off the command line.
ask() {
	local name=$1 url=$2
	shift 2
	printf 'user = "ceems:%s"\n' "$(cat "$W/etc/$name.password")" | curl -fsS -m $((20 * PATIENCE)) -K - "$@" "$url"
}

start_exporter() {
	make_web_config exporter
	daemon ceems_exporter "$BIN/ceems_exporter" --collector.slurm --web.listen-address="127.0.0.1:$PORT_EXPORTER" \
		--web.config.file="$W/etc/exporter/web-config.yml"
	wait_for 20 ceems_exporter ask exporter "http://127.0.0.1:$PORT_EXPORTER/health"
}

write_prometheus_conf() {
	cat >"$W/etc/prometheus.yml" <<C
global: {scrape_interval: $SCRAPE, evaluation_interval: $SCRAPE}
rule_files: ["$W/etc/rules/*.rules"]
scrape_configs:
  - job_name: ceems
    basic_auth: {username: ceems, password_file: $W/etc/exporter.prometheus}
    static_configs: [{targets: ["127.0.0.1:$PORT_EXPORTER"]}]
C
	install -m 400 -o "$PROM_USER" "$W/etc/exporter.password" "$W/etc/exporter.prometheus"
	install -m 400 -o "$PROM_USER" "$W/etc/prometheus/web-config.yml" "$W/etc/prometheus.web.yml"
}

start_prometheus() {
	PROM_USER=prometheus
	id "$PROM_USER" >/dev/null 2>&1 || PROM_USER=nobody
	make_web_config prometheus
	write_prometheus_conf
	install -d -m 700 -o "$PROM_USER" "$W/prometheus"
	daemon prometheus setpriv --reuid="$PROM_USER" --regid="$(id -g "$PROM_USER")" --clear-groups \
		prometheus --config.file="$W/etc/prometheus.yml" --web.config.file="$W/etc/prometheus.web.yml" \
		--storage.tsdb.path="$W/prometheus" --web.listen-address="127.0.0.1:$PORT_PROMETHEUS" --log.level=warn
	wait_for 30 prometheus ask prometheus "$PROM_URL/-/ready"
}

prom_value() { # QUERY [TIME]: the single number that an instant query answers, or nothing
	ask prometheus "$PROM_URL/api/v1/query" --data-urlencode "query=$1" ${2:+--data-urlencode "time=$2"} | jq -r '.data.result[0].value[1] // empty'
}

prom_has() { [ -n "$(prom_value "$1")" ]; }

tool_tsdb() { # ceems_tool tsdb ARGUMENTS, against this Prometheus
	"$BIN/ceems_tool" tsdb "$@" --url="$PROM_URL" --http.config.file="$W/etc/tool-http.yml"
}

make_rules() {
	cat >"$W/etc/tool-http.yml" <<C
basic_auth: {username: ceems, password_file: $W/etc/prometheus.password}
C
	tool_tsdb create-recording-rules --country-code="$COUNTRY" --output-dir="$W/etc/rules" >"$W/log/rules.log" 2>&1 ||
		die "ceems_tool tsdb create-recording-rules: $(tail -n 2 "$W/log/rules.log")"
	chmod 755 "$W/etc/rules"
	chmod 644 "$W"/etc/rules/*.rules
	promtool check rules "$W"/etc/rules/*.rules >"$W/log/promtool.log" 2>&1 ||
		die "promtool refuses the rules: $(cat "$W/log/promtool.log")"
	kill -HUP "$(cat "$W/run/prometheus.pid")"
}

rules_loaded() { ask prometheus "$PROM_URL/api/v1/rules" | jq -e '.data.groups | length > 0'; }

make_queries() {
	tool_tsdb create-ceems-tsdb-updater-queries --output="$W/etc/queries.yml" 2>"$W/log/queries.log" ||
		die "ceems_tool tsdb create-ceems-tsdb-updater-queries: $(tail -n 2 "$W/log/queries.log")"
	grep -q total_cpu_energy_usage_kwh "$W/etc/queries.yml" || die "the updater queries lack the energy: $W/etc/queries.yml"
}

write_api_conf() {
	cat >"$W/etc/api.yml" <<C
ceems_api_server:
  data:
    path: $W/api
    update_interval: ${UPDATE_SECONDS}s
    update_from: "$START_TIME"
    time_zone: Local
  admin:
    users: [qsadmin]
clusters:
  - id: quickstart
    manager: slurm
    updaters: [prometheus]
    cli:
      path: /usr/bin
      environment_variables: {SLURM_CONF: $W/etc/slurm.conf}
updaters:
  - id: prometheus
    updater: tsdb
    web:
      url: $PROM_URL
      basic_auth: {username: ceems, password: $(cat "$W/etc/prometheus.password")}
    extra_config:
$(sed '/^---$/d; /^$/d; s/^/      /' "$W/etc/queries.yml")
C
	chmod 600 "$W/etc/api.yml"
}

start_api_server() {
	make_web_config api
	write_api_conf
	daemon ceems_api_server "$BIN/ceems_api_server" --config.file="$W/etc/api.yml" \
		--web.config.file="$W/etc/api/web-config.yml" --web.listen-address="127.0.0.1:$PORT_API"
	wait_for 20 ceems_api_server ask api "http://127.0.0.1:$PORT_API/health"
}

api_admin() { # PATH?QUERY as the admin, through Grafana's header
	ask api "http://127.0.0.1:$PORT_API/api/v1/$1" -H "X-Grafana-User: qsadmin"
}

# All jobs are there, ended, with CPU time, energy and emissions.
api_jobs() { # every job of this run, as the API server has it
	api_admin "units/admin?cluster_id=quickstart&from=$((START_UNIX - 60))&to=$(date +%s)"
}

# The API server's sum in joules. Its database keeps eight decimals of a kWh for each job.
api_joules() { api_jobs | jq '[.data[].total_cpu_energy_usage_kwh.total // 0] | add * 3.6e6'; }
ledger_joules() { prom_value 'sum(max_over_time(ceems_energy_unit_joules_total[1h]))' "$@"; } # [TIME]

# The last joules of a job come with the windows after its end: all are there when both sums agree.
sums_agree() {
	awk -v api="$(api_joules)" -v ledger="$(ledger_joules)" -v jobs=${#JOB_IDS[@]} 'BEGIN {
		d = ledger - api; if (d < 0) d = -d
		exit !(ledger > 0 && d <= ledger / 1000 + 0.04 * jobs)
	}'
}

units_ready() {
	api_jobs | jq -e --arg ids "${JOB_IDS[*]}" '
		($ids | split(" ")) as $want
		| [.data[] | select((.ended_at_ts // 0) > 0 and (.total_time_seconds.alloc_cputime // 0) > 0
			and (.total_cpu_energy_usage_kwh.total // 0) > 0
			and ([.total_cpu_emissions_gms // {} | .[]] | add // 0) > 0) | .uuid] as $have
		| ($want - $have) == []' && sums_agree
}
