#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The redfish collector, with the built program and services that answer well, badly or not at all.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
export NODE_NAME=node1
# No request of this script may wait for ever.
curl() { command curl -m 20 "$@"; }
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE CEEMS_EXPORTER_REDFISH_COLL_CONFIG_FILE \
	CEEMS_EXPORTER_REDFISH_COLL_WEB_CONFIG_FILE REDFISH_WEB_USERNAME REDFISH_WEB_PASSWORD
unset HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
chmod 0755 "$T" # for the user that the exporter becomes
TREE=tests/fixtures/intel-2s
FLAGS=(--collector.disable-defaults --collector.redfish --web.disable-exporter-metrics
	--path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" --path.cgroupfs="$TREE/cgroup")

# service NAME TREE [LOGIN]: starts a fake service in $T/NAME; $BMC is its port.
service() {
	mkdir -p "$T/$1"
	cp -r "tests/fixtures/redfish/$2" "$T/$1/tree"
	[ -z "${3:-}" ] || echo "$3" >"$T/$1/login"
	run_service "$1"
}
run_service() {
	rm -f "$T/$1/port"
	start "service-$1" /usr/bin/python3 tests/lib/fake_redfish.py "$T/$1"
	wait_until 20 test -s "$T/$1/port"
	BMC=$(cat "$T/$1/port")
}
# config NAME [LINE...]: writes $T/NAME.yml for the latest service.
config() {
	local file=$T/$1.yml
	shift
	printf 'redfish_collector:\n  protocol: %s\n  hostname: 127.0.0.1\n  port: %s\n' "${PROTOCOL:-http}" "$BMC" >"$file"
	[ $# = 0 ] || printf '  %s\n' "$@" >>"$file"
}
# up NAME FLAG...: the exporter with $T/NAME.yml, asking every second.
up() {
	local name=$1
	shift
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	start "$name" "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address="127.0.0.1:$PORT" \
		--collector.redfish.config.file="$T/$name.yml" --collector.redfish.poll-interval=1s --collector.redfish.max-age=2s "$@"
	wait_until 30 curl -fsS -o "$T/$name.first" "$URL/metrics"
}
metrics() { curl -fsS "$URL/metrics"; }
has() { metrics | grep -Fx -- "$1" || { metrics | grep redfish; return 1; }; }
has_not() { ! metrics | grep -E -- "$1"; }
first_has() { grep -Fx -- "$2" "$T/$1.first" || { cat "$T/$1.first"; return 1; }; }
series() { metrics | grep '^ceems_redfish_' | LC_ALL=C sort; }
success_is() { metrics | grep -Fx "ceems_scrape_collector_success{collector=\"redfish\"} $1"; }
logged() { wait_until 20 grep -F -- "$2" "$T/$1.log" || { cat "$T/$1.log"; return 1; }; }
never_logged() { ! grep -F -- "$2" "$T/$1.log"; }
requests() { /usr/bin/python3 -c '
import json, sys
for line in open(sys.argv[1]):
    method, path, headers, body = json.loads(line)
    print(method, path, *(f"{k}={v}" for k, v in sorted(headers.items())))' "$T/$1/requests"; }
requested() { requests "$1" | grep -E -- "$2" || { requests "$1" | tail -n 20; return 1; }; }
never_requested() { ! requests "$1" | grep -E -- "$2"; }
count_is() { local n; n=$(requests "$1" | grep -cE -- "$2"); [ "$n" = "$3" ] || { echo "$n"; requests "$1"; return 1; }; }
sessions_are() { [ "$(wc -l <"$T/$1/sessions")" = "$2" ] || { cat "$T/$1/sessions"; return 1; }; }
is_same() { [ "$1" = "$2" ] || { printf '%s\n--- not\n%s\n' "$1" "$2"; return 1; }; }
fails() {
	local text=$1 status=0
	shift
	timeout 20 "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address=127.0.0.1:0 "$@" >"$T/out" 2>&1 || status=$?
	cat "$T/out"
	[ "$status" = 1 ] && tail -n 1 "$T/out" | grep -F -- "$text"
}

# --- a server with one board, sessions
service server server admin:s3cret
config server 'username: admin' 'password: s3cret'
up server
ok "the first scrape has the present power" first_has server 'ceems_redfish_current_watts{chassis="Node_A_1",hostname="node1"} 344.5'
ok "and the least" first_has server 'ceems_redfish_min_watts{chassis="Node_A_1",hostname="node1"} 271'
ok "and the highest" first_has server 'ceems_redfish_max_watts{chassis="Node_A_1",hostname="node1"} 489'
ok "and the mean" first_has server 'ceems_redfish_avg_watts{chassis="Node_A_1",hostname="node1"} 319'
ok "the age of the value is told" grep -E '^ceems_scrape_collector_sample_age_seconds\{collector="redfish",source="Node_A_1"\} [0-9.e-]+$' "$T/server.first"
ok "a chassis without power costs nothing" first_has server 'ceems_scrape_collector_success{collector="redfish"} 1'
ok "there is one session" sessions_are server 1
ok "requests carry its token" requested server '^GET .*/Power .*X-Auth-Token=token-1'
ok "requests tell a proxy where the BMC is" requested server "^GET .*X-Redfish-Url=http://127.0.0.1:$BMC( |$)"
ok "requests ask for JSON" requested server '^GET .*Accept=application/json'
ok "and say who asks" requested server '^GET .*User-Agent=ceems_exporter/'
ok "the login carries JSON" requested server '^POST /redfish/v1/SessionService/Sessions .*Content-Type=application/json'
ok "basic authentication is not used" never_requested server 'Authorization='
set_power() { sed "s/344.5/$1/" "tests/fixtures/redfish/server/redfish/v1/Chassis/Node-A.1/Power.json" >"$T/power" && mv "$T/power" "$T/server/tree/redfish/v1/Chassis/Node-A.1/Power.json"; }
set_power 401.25
ok "a new value comes in time" wait_until 20 has 'ceems_redfish_current_watts{chassis="Node_A_1",hostname="node1"} 401.25'
set_power 0
ok "a power of 0 is left out" wait_until 20 has_not '^ceems_redfish_current_watts'
ok "while the rest stays" has 'ceems_redfish_max_watts{chassis="Node_A_1",hostname="node1"} 489'
set_power 344.5
touch "$T/server/expire"
ok "a session that ran out is replaced" wait_until 20 requested server '^GET .*/Power .*X-Auth-Token=token-2'
ok "which nobody notices" has 'ceems_redfish_max_watts{chassis="Node_A_1",hostname="node1"} 489'
ok "there is still one session" sessions_are server 1

# --- faults: each empties the series in time, and each passes
fault() {
	echo "$1" >"$T/server/fault"
	ok "$2: the value is dropped" wait_until 20 success_is 0
	ok "$2: and not shown as 0" has_not '^ceems_redfish_'
	ok "$2: it is not what the exporter's pages wait for" curl -fsS -m 5 "$URL/health"
	: >"$T/server/fault"
	ok "$2: it passes" wait_until 30 success_is 1
}
sed -i 's/port:/timeout: 700\n  port:/' "$T/server.yml"
ok "SIGTERM ends it" stop server
ok "and the session" sessions_are server 0
up server
peak() { awk '$1 == "VmHWM:" { print $2 }' "/proc/$(cat "$T/server.pid")/status"; }
BEFORE=$(peak)
fault '/Power$ 500' "an error of the service"
fault '/Power$ 401' "a refusal"
fault '/Power$ hang' "no answer"
fault '/Power$ drip' "an answer of a byte now and then"
fault '/Power$ huge' "an answer without end"
fault '/Power$ bomb' "a compressed answer of 64 MiB"
fault '/Power$ garbage' "an answer that is no JSON"
fault '/Power$ close' "a connection that ends"
fault '/Power$ redirect /redfish/v1/Chassis/Node-A.1/Power' "a redirect to itself"
fault '/Power$ redirect file:///etc/passwd' "a redirect to a file"
fault '. hang' "a service that hangs"
ok "a failure is logged" logged server 'msg="poll failed" name=redfish'
ok "with what was asked" logged server "GET http://127.0.0.1:$BMC/redfish/v1/Chassis/Node-A.1/Power: "
ok "and that it works again" logged server 'msg="poll works again" name=redfish'
# An answer without end would fill gigabytes in the time that it has; the sanitizers take some, too.
memory_is_small() { [ $(($(peak) - BEFORE)) -lt 300000 ] || { echo "from $BEFORE to $(peak) kB"; return 1; }; }
ok "memory stays small" memory_is_small
elsewhere() {
	service elsewhere server
	local other=$BMC
	BMC=$(cat "$T/server/port")
	echo "/Power$ redirect http://127.0.0.1:$other/redfish/v1/Chassis/Node-A.1/Power" >"$T/server/fault"
	wait_until 20 requested elsewhere '^GET .*/Power'
}
ok "a redirect elsewhere is followed" elsewhere
ok "without the token" never_requested elsewhere 'X-Auth-Token='
echo "^POST redirect http://127.0.0.1:$(cat "$T/elsewhere/port")/redfish/v1/Sessions 307" >"$T/server/fault"
touch "$T/server/expire"
ok "a login that is sent elsewhere fails" wait_until 20 success_is 0
ok "before the password goes there" never_requested elsewhere '^POST'
: >"$T/server/fault"
ok "and is tried again" wait_until 30 success_is 1
ok "no password is logged" never_logged server s3cret
stop_service() { kill "$(cat "$T/service-$1.pid")"; wait "$(cat "$T/service-$1.pid")"; rm -f "$T/service-$1.pid"; }
stop_service server >/dev/null 2>&1
ok "a BMC that is off: the value is dropped" wait_until 20 success_is 0
ok "SIGTERM ends the exporter all the same" stop server
ok "the session that is left is told" logged server 'the Redfish session could not be ended'

# --- a BMC that comes up after the exporter
BMC=$(free_port)
config late
up late
ok "a BMC that is off is no reason not to start" success_is 0
mkdir -p "$T/late" && cp -r tests/fixtures/redfish/server "$T/late/tree"
late_service() { sed "s/(\"127.0.0.1\", 0)/(\"127.0.0.1\", $BMC)/" tests/lib/fake_redfish.py >"$T/late.py" && start service-late /usr/bin/python3 "$T/late.py" "$T/late"; }
late_service
ok "its values come when it is up" wait_until 30 has 'ceems_redfish_current_watts{chassis="Node_A_1",hostname="node1"} 344.5'
ok "without a user there is no login" never_requested late '^POST'
ok "it ends" stop late

counts_energy() { metrics | grep -E '^ceems_energy_node_meter_joules_total\{hostname="node1"\} [1-9]'; }

# --- several chassis, pages, odd documents
service enclosure enclosure
config enclosure
up enclosure --collector.ledger
expected='ceems_redfish_current_watts{chassis="Blade1",hostname="node1"} 550
ceems_redfish_current_watts{chassis="Enclosure",hostname="node1"} 1250.25
ceems_redfish_current_watts{chassis="Shelf",hostname="node1"} 130
ceems_redfish_min_watts{chassis="Enclosure",hostname="node1"} 900'
ok "all chassis of all pages are there" is_same "$(series)" "$expected"
ok "a list that leads back to itself ends, and an empty page of it does not end it" count_is enclosure '^GET /redfish/v1/Chassis\?' 3
ok "the energy ledger takes the BMC for the node's meter" wait_until 20 has 'ceems_energy_node_meter_active{hostname="node1",source="redfish"} 1'
ok "and counts its energy" wait_until 20 counts_energy
ok "it ends, too" stop enclosure

# --- firmware without Power
service current current root:pw
touch "$T/current/no-location"
# shellcheck disable=SC2016 # the exporter expands it
printf 'redfish_collector: {protocol: http, hostname: "127.0.0.1", port: $BMC_PORT, username: nobody, password: "x$$y"}\n' >"$T/current.yml"
BMC_PORT=$BMC REDFISH_WEB_USERNAME=root REDFISH_WEB_PASSWORD=pw up current --collector.redfish.config.file.expand-env-vars
expected='ceems_redfish_avg_watts{chassis="Metrics",hostname="node1"} 350.25
ceems_redfish_current_watts{chassis="Metrics",hostname="node1"} 374
ceems_redfish_current_watts{chassis="Sensors",hostname="node1"} 205.75
ceems_redfish_current_watts{chassis="Supplies",hostname="node1"} 250.5
ceems_redfish_max_watts{chassis="Metrics",hostname="node1"} 512.5
ceems_redfish_max_watts{chassis="Sensors",hostname="node1"} 300
ceems_redfish_min_watts{chassis="Metrics",hostname="node1"} 201'
ok "EnvironmentMetrics, PowerSubsystem and Sensors are read" is_same "$(series)" "$expected"
ok "the environment's user logs in" sessions_are current 1
ok "it ends as well" stop current
ok "with its session, whose path was in the body" sessions_are current 0

# --- HTTP basic, TLS, private files
"$BIN/ceems_tool" config create-web-config --tls --tls.host=127.0.0.1 --output-dir="$T/tls-files" >"$T/tls.txt" 2>&1
mkdir "$T/tls"
cp "$T/tls-files/cert.pem" "$T/tls-files/key.pem" "$T/tls"
cp "$T/tls-files/cert.pem" "$T/ca.pem" && chmod 0600 "$T/ca.pem"
service tls server root:pw
touch "$T/tls/basic"
export PROTOCOL=https
config tls 'username: root' 'password: pw' 'use_session_token: false' "tls_config: {ca_file: '$T/ca.pem'}"
up tls
ok "TLS and HTTP basic" success_is 1
ok "each request has the credentials" requested tls '^GET .*/Power .*Authorization=Basic'
ok "there is no session" sessions_are tls 0
if [ "$(id -u)" = 0 ]; then
	ok "a private file is read by another user" test "$(awk '$1 == "Uid:" { print $2 }' "/proc/$(cat "$T/tls.pid")/status")" = 65534
fi
ok "it ends without a session" stop tls
ca_is_private() { [ "$(stat -c %a "$T/ca.pem")" = 600 ] && ! setpriv --reuid=65534 --clear-groups cat "$T/ca.pem"; }
[ "$(id -u)" != 0 ] || ok "the file is private again" ca_is_private
config untrusted 'username: root' 'password: pw'
up untrusted
ok "an unknown authority is not trusted" success_is 0
ok "which is said" logged untrusted 'certificate'
ok "it ends untrusting" stop untrusted
config trusting 'username: root' 'password: pw' 'insecure_skip_verify: true'
up trusting
ok "unless it is told to" success_is 1
ok "it ends trusting" stop trusting
export PROTOCOL=http

# --- a proxy
service proxy server root:pw
config proxy 'username: root' 'password: pw' "external_url: http://127.0.0.1:$BMC/" 'http_headers: {X-Site: {values: [a1]}}' \
	'basic_auth: {username: proxy-user, password: proxy-pw}'
sed -i 's/hostname: .*/hostname: "{hostname}-bmc"/; s/port: .*/port: 8443/; s/protocol: .*/protocol: https/' "$T/proxy.yml"
up proxy
ok "requests go to the proxy" success_is 1
ok "which is told where the BMC is" requested proxy '^GET .*/Power .*X-Redfish-Url=https://node1-bmc:8443( |$)'
ok "the login too" requested proxy '^POST .*X-Redfish-Url=https://node1-bmc:8443( |$)'
ok "configured headers are added" requested proxy '^GET .*X-Site=a1'
ok "and the proxy's credentials" requested proxy '^GET .*Authorization=Basic'
ok "it logs out by the proxy" stop proxy
ok "there, too, is no session left" sessions_are proxy 0

# --- a password that is wrong
service wrong server root:pw
config wrong 'username: root' 'password: guess'
up wrong
ok "a wrong password is no reason not to start" success_is 0
ok "it is said" logged wrong "the login of user 'root' was refused with status 401"
ok "the password isn't" never_logged wrong guess
ok "it ends without having been let in" stop wrong

# --- old names
config old 'username: root' 'password: pw'
sed -i 's/redfish_collector/redfish_web_config/' "$T/old.yml"
: >"$T/unused.yml"
mv "$T/old.yml" "$T/old-section.yml"
cp "$T/unused.yml" "$T/old.yml"
up old --collector.redfish.web-config="$T/old-section.yml"
ok "the old flag wins" success_is 1
ok "the old flag is named" logged old '--collector.redfish.config.file'
ok "the old section is named" logged old "the section 'redfish_web_config' is deprecated"
ok "it ends as it did" stop old

# --- what is wrong ends the start
ok "a file is needed" fails '--collector.redfish.config.file is needed'
ok "a missing file" fails "$T/nothing.yml" --collector.redfish.config.file="$T/nothing.yml"
ok "an empty file" fails "the section 'redfish_collector' is missing or empty" --collector.redfish.config.file="$T/unused.yml"
refused() {
	local text=$1
	shift
	printf '%s\n' "$@" >"$T/bad.yml"
	fails "$text" --collector.redfish.config.file="$T/bad.yml" --collector.redfish.config.file.expand-env-vars
}
ok "no protocol" refused "'protocol' must be http or https" 'redfish_collector: {port: 1, hostname: h}'
ok "no port" refused "'port' must be between" 'redfish_collector: {protocol: http, hostname: h}'
ok "a key twice" refused "$T/bad.yml:1: key 'port' is set twice" 'redfish_collector: {port: 1, port: 2}'
ok "no YAML" refused "$T/bad.yml:1" 'redfish_collector: [}'
ok "the token of templates" refused '[[{$}]]' 'redfish_collector: {} # [[{$}]]'
ok "a missing file of the TLS settings" refused "$T/no-ca.pem" \
	"redfish_collector: {protocol: https, hostname: h, port: 1, tls_config: {ca_file: '$T/no-ca.pem'}}"
if [ -e /dev/ipmi0 ]; then
	skip "no host without IPMI" "there is an IPMI device"
else
	ok "no host without IPMI" refused "there is no 'hostname', and the BMC's address can't be found" \
		'redfish_collector: {protocol: https, port: 1}'
fi
ok "an interval that is too short" fails '--collector.redfish.poll-interval: not between' --collector.redfish.poll-interval=1ms
ok "an age that is shorter than the interval" fails '--collector.redfish.max-age: not between' --collector.redfish.max-age=1s
done_testing
