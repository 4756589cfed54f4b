#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The exporter's command line, pages, limits, failures, privileges and end, with the built program.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
export NODE_NAME=node1
# No request of this script may wait for ever.
curl() { command curl -m 20 "$@"; }
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE
EXPORTER=$BIN/ceems_exporter
chmod 0755 "$T" # for the user that the exporter becomes
TREE=$T/tree
cp -r tests/fixtures/intel-2s "$TREE"
PATHS=(--path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" --path.cgroupfs="$TREE/cgroup")

# up NAME FLAG...: starts it on a free port, $URL is its address.
up() {
	local name=$1
	shift
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	start "$name" "$EXPORTER" "${PATHS[@]}" --web.listen-address="127.0.0.1:$PORT" "$@"
	wait_until 20 answers "$URL/health"
}
answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$@")" != 000 ]; }
status_is() { local got; got=$(curl -s -o "$T/body" -w '%{http_code}' "${@:2}"); [ "$got" = "$1" ] || { echo "status $got"; cat "$T/body"; return 1; }; }
header_is() { curl -s -D - -o /dev/null "${@:2}" | tr -d '\r' | grep -Fqix "$1" || { curl -s -D - -o /dev/null "${@:2}"; return 1; }; }
body_is() { [ "$(curl -s "${@:2}")" = "$1" ]; }
has() { curl -s "$URL/metrics" | grep -Fx -- "$1" || { curl -s "$URL/metrics" | head -n 40; return 1; }; }
has_not() { ! curl -s "$URL/metrics" | grep -E -- "$1"; }
# fails TEXT FLAG...: ends with status 1, the last line on stderr has a date and the text.
fails() {
	local text=$1 status=0
	shift
	timeout 20 "$EXPORTER" "${PATHS[@]}" --web.listen-address=127.0.0.1:0 "$@" >"$T/fails.out" 2>"$T/fails.err" || status=$?
	cat "$T/fails.err"
	[ "$status" = 1 ] && tail -n 1 "$T/fails.err" | grep -E '^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} ' | grep -F -- "$text"
}
logged() { wait_until 5 grep -F -- "$2" "$T/$1.log" || { cat "$T/$1.log"; return 1; }; }

# --- command line
"$EXPORTER" --help >"$T/help"
help_lists() { sed -E 's/\[no-\]//; s/[ =].*//' <(sed 's/^ *//' "$T/help") | grep -Fx -- "$1"; }
help_hides() { ! help_lists "$1"; }
version_line() { "$EXPORTER" --version | head -n 1 | grep -E '^ceems_exporter, version [0-9.]+ \(branch: [^,]+, revision: [^)]+\)$'; }
for flag in --collector.disable-defaults --web.listen-address --web.config.file --web.telemetry-path \
	--web.targets-path --web.disable-exporter-metrics --web.max-requests --web.debug-server \
	--web.systemd-socket --security.run-as-user --runtime.gomaxprocs --log.level --log.format \
	--collector.cpu --collector.meminfo --collector.rapl --collector.meminfo.all-stats \
	--collector.rapl.enable-zone-label --collector.netdev --collector.perf.hardware-events; do
	ok "--help lists $flag" help_lists "$flag"
done
for flag in --path.procfs --security.drop-privileges --collector.empty-hostname-label \
	--collector.meminfo.all.stats --collector.gpu.type; do
	ok "--help hides $flag" help_hides "$flag"
done
ok "--version tells version, branch and revision" version_line
ok "an unknown flag ends with status 1" fails "unknown long flag '--nope'" --nope
ok "an argument ends with status 1" fails "unexpected x" x
ok "the choices of a flag are told" fails 'must be one of nvidia,amd,nogpu, got' --collector.gpu.type=intel
ok "an unknown user is refused" fails "no user 'nobody-has-this-name'" --security.run-as-user=nobody-has-this-name
no_procfs() { local PATHS=(--path.procfs="$T/nothing"); fails "$T/nothing"; }
ok "a missing procfs is refused" no_procfs
no_sysfs() { local PATHS=(--path.sysfs="$T/nothing"); fails "$T/nothing" --collector.disable-defaults "$@"; }
for name in rapl infiniband cray_pm_counters; do
	ok "so is a missing sysfs with $name" no_sysfs --collector.$name
done
without_sysfs() {
	local PATHS=(--path.procfs="$TREE/proc" --path.sysfs="$T/nothing" --path.cgroupfs="$TREE/cgroup")
	up nosys --no-security.drop-privileges --collector.disable-defaults --collector.meminfo --collector.ledger "$@"
}
ok "others do without one" without_sysfs
ok "it is said" logged nosys "path=$T/nothing"
ok "once" [ "$(grep -cF "$T/nothing" "$T/nosys.log")" = 1 ]
ok "and what there is is shown" has 'ceems_scrape_collector_success{collector="meminfo"} 1'
ok "it ends well" stop nosys

ok "a missing web config is refused" fails "$T/web.yml" --web.config.file="$T/web.yml"
printf 'no_such_key: 1\n' >"$T/bad.yml"
ok "a bad web config is refused" fails "$T/bad.yml:1" --web.config.file="$T/bad.yml"

# --- pages
up plain --collector.ebpf.io-metrics --collector.meminfo.all.stats
ok "a feature of a later version is named once" logged plain 'flags=--collector.ebpf.io-metrics'
ok "a deprecated flag is named" logged plain '--collector.meminfo.all-stats'
ok "and works" has 'ceems_meminfo_HugePages_Total{hostname="node1"} 8'
ok "/health answers" body_is "CEEMS Exporter is healthy" "$URL/health"
ok "/health is plain text" header_is "Content-Type: text/plain; charset=utf-8" "$URL/health"
ok "the landing page links to the metrics" grep -F 'href="/metrics"' <(curl -s "$URL/")
ok "the landing page is HTML" header_is "Content-Type: text/html; charset=UTF-8" "$URL/"
ok "other paths are not found" status_is 404 "$URL/nothing"
ok "a trailing slash is another path" status_is 404 "$URL/metrics/"
ok "any method is answered, its body doesn't matter" status_is 200 -X POST -d a=b "$URL/metrics"
ok "nor does a form that is none" status_is 200 -d 'a=%zz&;' "$URL/health"
ok "nor one of no stated length" status_is 200 -X PUT -H 'Transfer-Encoding: chunked' -d a=b "$URL/"
head -c 20000 /dev/zero >"$T/large"
ok "a large body is refused" status_is 413 --data-binary "@$T/large" "$URL/health"
ok "a path with dots is sent elsewhere" header_is "Location: /metrics" --path-as-is "$URL/x/..//metrics"
ok "metrics are text 0.0.4" header_is "Content-Type: text/plain; version=0.0.4; charset=utf-8; escaping=underscores" "$URL/metrics"
ok "the client's escaping is told back" header_is "Content-Type: text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8" \
	-H 'Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3' "$URL/metrics"
ok "metrics are compressed when asked" header_is "Content-Encoding: gzip" -H 'Accept-Encoding: gzip' "$URL/metrics"
ok "compressed metrics are the same" grep -q ceems_cpu_count <(curl -s --compressed "$URL/metrics")
ok "HEAD answers without a body" status_is 200 -I "$URL/metrics"
ok "answers are counted" grep -E '^promhttp_metric_handler_requests_total\{code="200"\} [1-9]' <(curl -s "$URL/metrics")
ok "the process is described" grep -E '^process_open_fds [1-9]' <(curl -s "$URL/metrics")

# --- failures of one part
garbled_stat() { echo garbage >"$TREE/proc/stat"; }
garbled_stat
ok "a failing collector says so" has 'ceems_scrape_collector_success{collector="cpu"} 0'
ok "and gives no series" has_not '^ceems_cpu_'
ok "others go on" has 'ceems_scrape_collector_success{collector="meminfo"} 1'
ok "the failure is logged" logged plain 'name=cpu'
cp tests/fixtures/intel-2s/proc/stat "$TREE/proc/stat"
ok "it recovers" has 'ceems_cpu_count{hostname="node1"} 8'
idle() { printf 'cpu 1 2 3 %s\ncpu0 1 2 3 4\n' "$1" >"$TREE/proc/stat"; }
idle 400000000
ok "counters follow" has 'ceems_cpu_seconds_total{hostname="node1",mode="idle"} 4e+06'
idle 399999800
ok "a little backwards is held" has 'ceems_cpu_seconds_total{hostname="node1",mode="idle"} 4e+06'
idle 399999700
ok "three seconds back is a new start" has 'ceems_cpu_seconds_total{hostname="node1",mode="idle"} 3.999997e+06'
cp tests/fixtures/intel-2s/proc/stat "$TREE/proc/stat"
echo 'MemTotal: 1 kB' >>"$TREE/proc/meminfo"
ok "a series that comes twice is left out the second time" has 'ceems_meminfo_MemTotal_bytes{hostname="node1"} 2.7008485376e+11'
ok "and counted" grep -Ex 'promhttp_metric_handler_errors_total\{cause="gathering"\} [1-9][0-9]*' <(curl -s "$URL/metrics")
cp tests/fixtures/intel-2s/proc/meminfo "$TREE/proc/meminfo"
echo 17 >"$TREE/sys/class/powercap/intel-rapl:0/energy_uj"
ok "a RAPL counter is raw" has "ceems_rapl_package_joules_total{hostname=\"node1\",index=\"0\",path=\"$TREE/sys/class/powercap/intel-rapl:0\"} 1.7e-05"

# --- the port and the end
ok "a taken port ends with status 1" fails "127.0.0.1:$PORT" --web.listen-address="127.0.0.1:$PORT"
hangs_on() { kill -HUP "$(cat "$T/plain.pid")" && status_is 200 "$URL/health"; }
ok "SIGHUP changes nothing" hangs_on
ok "SIGTERM ends it with status 0" stop plain

up other --web.telemetry-path=telemetry --web.disable-exporter-metrics --log.format=json --log.level=DEBUG --web.enable-openmetrics
ok "another path of the metrics" status_is 200 "$URL/telemetry"
ok "exporter metrics can be left out" test -z "$(curl -s "$URL/telemetry" | grep -E '^(process|promhttp)_')"
ok "OpenMetrics where it is allowed and wanted" header_is \
	"Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores" \
	-H 'Accept: application/openmetrics-text;version=1.0.0' "$URL/telemetry"
ok "OpenMetrics has an end" grep -Fx '# EOF' <(curl -s -H 'Accept: application/openmetrics-text;version=1.0.0' "$URL/telemetry")
json_log() { /usr/bin/python3 -c 'import json,sys; [json.loads(l) for l in sys.stdin]' <"$T/other.log"; }
ok "the log is JSON when asked" json_log
ok "it ends" stop other

# --- the limit on scrapes: strace holds one of them in a reading
up limit --web.max-requests=1 --log.level=debug
held() { grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$(cat "$T/limit.pid")/status"; }
refused() { [ "$(curl -s "$URL/metrics")" = "Limit of concurrent requests reached (1), try again later." ]; }
first_is_there() { wait "$SLOW"; grep -Fx 'ceems_scrape_collector_success{collector="cpu"} 1' "$T/first"; }
if strace -o "$T/probe" true 2>/dev/null; then
	start holder strace -f -o "$T/held" -p "$(cat "$T/limit.pid")" -P "$TREE/proc/meminfo" \
		-e inject=openat,read,pread64:delay_enter=600000000
	wait_until 10 held
	curl -s -o "$T/first" "$URL/metrics" &
	SLOW=$!
	wait_until 10 grep -F name=cpu "$T/limit.log" # meminfo is next
	ok "a scrape over the limit is refused" wait_until 10 refused
	ok "with 503" status_is 503 "$URL/metrics"
	ok "health goes on" status_is 200 "$URL/health"
	stop holder || true # strace ends as by the signal
	ok "the one that waited gets its answer" first_is_there
	ok "refusals are counted" grep -E '^promhttp_metric_handler_requests_total\{code="503"\} [1-9]' <(curl -s "$URL/metrics")
else
	for what in "a scrape over the limit is refused" "with 503" "health goes on" "the one that waited gets its answer" \
		"refusals are counted"; do
		skip "$what" "strace is not allowed here"
	done
fi
ok "it ends, too" stop limit

# --- authentication and TLS: the files are private, and root becomes nobody
"$BIN/ceems_tool" config create-web-config --tls --tls.host=127.0.0.1 --output-dir="$T/web" >"$T/web.txt" 2>&1
PASSWORD=$(grep -oE 'password for basic auth is .*' "$T/web.txt" | awk '{print $NF}')
WEB=$T/web/web-config.yml
up_with_tls() {
	PORT=$(free_port)
	URL=https://127.0.0.1:$PORT
	start tls "$EXPORTER" "${PATHS[@]}" --web.listen-address="127.0.0.1:$PORT" --web.config.file="$WEB"
	wait_until 20 answers -k "$URL/health"
}
if [ "$(id -u)" = 0 ]; then
	ok "a web config behind a closed folder is refused" fails "$WEB" --web.config.file="$WEB"
fi
chmod 0755 "$T/web"
up_with_tls
TLS=(--cacert "$T/web/cert.pem")
ok "without a password: 401" status_is 401 "${TLS[@]}" "$URL/metrics"
ok "not even health is open" status_is 401 "${TLS[@]}" -u ceems:wrong "$URL/health"
ok "the password opens" status_is 200 "${TLS[@]}" -u "ceems:$PASSWORD" "$URL/metrics"
touch "$T/web/key.pem" "$WEB"
ok "files that change are read again" status_is 200 "${TLS[@]}" -u "ceems:$PASSWORD" "$URL/metrics"
ok "it ends, too, with TLS" stop tls
files_are_private() {
	stat -c "%a %n" "$T/web/key.pem" "$WEB"
	[ "$(stat -c %a "$T/web/key.pem" "$WEB" | sort -u)" = 600 ] && ! setpriv --reuid=65534 --clear-groups cat "$T/web/key.pem"
}
[ "$(id -u)" != 0 ] || ok "its files are private again" files_are_private

# --- privileges
proc_status() { grep "^$1:" "/proc/$(cat "$T/$2.pid")/status" | cut -f 2-; }
if [ "$(id -u)" = 0 ]; then
	chmod 0600 "$TREE"/sys/class/powercap/*/energy_uj
	up root
	ok "root becomes nobody" test "$(proc_status Uid root)" = "$(printf '65534\t65534\t65534\t65534')"
	ok "no capability is effective" test "$(proc_status CapEff root)" = 0000000000000000
	ok "only what is needed is permitted" test "$(proc_status CapPrm root)" = 0000000000000004
	ok "nothing is inherited" test "$(proc_status CapInh root)" = 0000000000000000
	ok "energy that only root may read is there" grep -E '^ceems_rapl_package_joules_total' <(curl -s "$URL/metrics")
	ok "nobody ends well" stop root
	up aware --security.disable-cap-awareness
	ok "capabilities stay effective when asked" test "$(proc_status CapEff aware)" = 0000000000000004
	ok "it ends with them" stop aware
	up kept --no-security.drop-privileges
	ok "privileges stay when asked" test "$(proc_status Uid kept | cut -f 1)" = 0
	ok "root ends well" stop kept
	PORT=$(free_port) URL=http://127.0.0.1:$PORT
	start plainuser setpriv --reuid=65534 --regid=65534 --clear-groups "$EXPORTER" "${PATHS[@]}" --web.listen-address="127.0.0.1:$PORT"
	wait_until 20 answers "$URL/health"
	ok "a plain user is served" has 'ceems_cpu_count{hostname="node1"} 8'
	ok "without energy" has_not '^ceems_rapl_package_joules_total'
	ok "which is said once" logged plainuser 'no RAPL energy counter can be read'
	ok "a plain user ends it" stop plainuser
else
	skip "root becomes nobody" "needs root"
fi
done_testing
