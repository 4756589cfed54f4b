# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_tool against a Prometheus with canned answers: what it asks and writes, where, and what it says
# when something is wrong.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
S=$T/server
TOOL=$BIN/ceems_tool
mkdir -p "$S/reply" "$T/work"
cd "$T/work" || exit 1
start server /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_http.py" "$S"
wait_until 10 test -s "$S/port" || exit 1
PORT=$(cat "$S/port")
URL=http://127.0.0.1:$PORT
echo prom:secret >"$S/login"
echo 'basic_auth: {username: prom, password_file: pw}' >http.yml
echo secret >pw
AUTH=(--url="$URL" --http.config.file="$T/work/http.yml")

success() { printf '{"status":"success","data":%s}\n' "$1"; }
series() { # NAME:JOB[:LABEL=VALUE]...
	local s name job label value out=""
	for s in "$@"; do
		IFS=: read -r name job label <<<"${s//::/$'\001'}"
		name=${name//$'\001'/:}
		value=${label#*=} label=${label%%=*}
		out+="${out:+,}{\"__name__\":\"$name\",\"job\":\"$job\",\"instance\":\"n1:9010\"${label:+,\"$label\":\"$value\"}}"
	done
	success "[$out]" >"$S/reply/api_v1_series"
}
success '{"yaml":"global:\n  scrape_interval: 15s\n  evaluation_interval: 30s\n"}' >"$S/reply/api_v1_status_config"
success '{"activeTargets":[{"discoveredLabels":{"job":"fast","__scrape_interval__":"5s"}}]}' >"$S/reply/api_v1_targets"
success '["rte","owid","rte"]' >"$S/reply/api_v1_label_provider_values"
success '{"groups":[]}' >"$S/reply/api_v1_rules"

# run STATUS COMMAND...: output in $T/out and $T/err
run() {
	local wanted=$1 status=0
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	cat "$T/out" "$T/err"
	[ $status = "$wanted" ] || { echo "status $status"; return 1; }
}
fails() { # TEXT COMMAND...: status 1, silent stdout, the text on stderr
	local text=$1
	shift
	run 1 "$@" && [ ! -s "$T/out" ] && grep -qF -- "$text" "$T/err"
}
says() { # TEXT COMMAND...: status 0, silent stdout, the text on stderr
	local text=$1
	shift
	run 0 "$@" && [ ! -s "$T/out" ] && grep -qF -- "$text" "$T/err"
}
asked() { # PYTHON EXPRESSION over the list r of requests (method, path, params, headers)
	/usr/bin/python3 -c "
import json, sys
r = [json.loads(line) for line in open('$S/requests')]
sys.exit(not ($1))" || { cat "$S/requests"; return 1; }
}

ok "without arguments the usage is shown" sh -c "$TOOL | grep -q 'tsdb create-recording-rules'"
ok "help of a command" sh -c "$TOOL help tsdb create-recording-rules | grep -q -- --emission-factor"
ok "a group without a command" fails "ceems_tool: error: must select a command" "$TOOL" tsdb
ok "an unknown flag" fails ", try --help" "$TOOL" config create-web-config --nope
ok "a stray argument" fails ", try --help" "$TOOL" config create-web-config stray

ok "a web config in a folder that was not there" says "plain text password for basic auth is " "$TOOL" config create-web-config
ok "nobody else can read it" sh -c '[ "$(stat -c %a config config/web-config.yml | tr "\n" " ")" = "700 600 " ]'
ok "TLS without a host" fails "ceems_tool: error: --tls needs at least one --tls.host" "$TOOL" config create-web-config --tls
ok "TLS with hosts" run 0 "$TOOL" config create-web-config --tls --tls.host=localhost --tls.host=127.0.0.1 --no-basic-auth
ok "the pair fits" sh -c "openssl verify -CAfile config/cert.pem config/cert.pem &&
	[ \"\$(openssl pkey -in config/key.pem -pubout)\" = \"\$(openssl x509 -in config/cert.pem -noout -pubkey)\" ]"
ok "a folder that cannot be made" fails "/proc/x" "$TOOL" config create-web-config --output-dir=/proc/x/y

ok "the file that it wrote is good" says "config/web-config.yml SUCCESS" "$TOOL" check web-config config/web-config.yml
echo 'basic_auth_users: {a: plain}' >web-bad.yml
ok "a bad one is not, and the rest is checked too" fails "web-bad.yml FAILED: " "$TOOL" check web-config web-bad.yml config/web-config.yml
ok "the good one among them" grep -q "config/web-config.yml SUCCESS" "$T/err"
ok "a file that is not there" fails "'nothing.yml': No such file or directory, try --help" "$TOOL" check web-config nothing.yml
ok "a folder" fails "'config': Is a directory, try --help" "$TOOL" check web-config config
ok "no file" fails ", try --help" "$TOOL" check web-config

echo "CEEMS API Server is healthy" >"$S/reply/health"
ok "a healthy server" says "  SUCCESS:  CEEMS API Server is healthy" "$TOOL" check api-healthy "${AUTH[@]}"
echo "CEEMS LB Server is healthy" >"$S/reply/lb_health"
ok "the path of the address is kept" says "CEEMS LB" "$TOOL" check lb-healthy --url="http://prom:secret@127.0.0.1:$PORT/lb"
echo 503 >"$S/status"
ok "a sick server, the password unseen" fails "http://prom:xxxxx@127.0.0.1:$PORT/ answered with status 503" \
	"$TOOL" check api-healthy --url="http://prom:secret@127.0.0.1:$PORT"
rm "$S/status"
ok "no server" fails "127.0.0.1" "$TOOL" check api-healthy --url="http://127.0.0.1:$(free_port)"
ok "a port without a scheme" fails "--url needs a scheme" "$TOOL" check api-healthy --url=localhost:9020
ok "a missing config file" fails "nothing.yml" "$TOOL" check api-healthy --http.config.file=nothing.yml
echo 'basic_atuh: {}' >bad.yml
ok "an unknown key, with its line" fails "bad.yml:1" "$TOOL" check api-healthy --http.config.file=bad.yml

series ceems_energy_meter_joules_total:fast ceems_rapl_package_joules_total:fast ceems_energy_source_info:fast:kind=measured \
	ceems_rapl_package_joules_total:plain ceems_rapl_dram_joules_total:plain \
	ceems_ipmi_dcmi_current_watts:bmc DCGM_FI_DEV_POWER_USAGE_INSTANT:fast ceems_compute_unit_cpu_user_seconds_total:none \
	ceems_power_model_watts:../vm/s ceems_energy_source_info:../vm/s:kind=estimated ceems_energy_unit_joules_total:../vm/s
rm -f "$S/requests"
ok "rules for each job" run 0 "$TOOL" tsdb create-recording-rules "${AUTH[@]}" --country-code=FR --pue=1.2 --start=1000 --end=2000.5
ok "they are valid" promtool check rules rules/fast.rules rules/plain.rules rules/bmc.rules rules/%2E.%2Fvm%2Fs.rules
ok "nobody else can read them, and there are no others" sh -c '[ "$(ls -A rules | wc -l)" = 4 ] &&
	[ "$(stat -c %a rules rules/fast.rules | tr "\n" " ")" = "700 600 " ]'
ok "a meter's power is told" grep -q 'instance:ceems_ipmi_dcmi_current_watts:pue' rules/bmc.rules
ok "intervals are the job's and the TSDB's" sh -c "grep -q 'interval: 30s' rules/fast.rules && grep -q 'interval: 20s' rules/fast.rules &&
	grep -q 'interval: 1m' rules/plain.rules"
ok "each provider once" sh -c "[ \$(grep -c 'provider: \"rte\"' rules/plain.rules) = 1 ] && grep -q 'provider: \"owid\"' rules/plain.rules"
ok "an estimate is called one" sh -c "grep -q ESTIMATE rules/%2E.%2Fvm%2Fs.rules && ! grep -q ESTIMATE rules/fast.rules"
ok "the questions are those of Prometheus's API" asked "[q[1] for q in r] == ['/api/v1/status/config', '/api/v1/targets',
	'/api/v1/series', '/api/v1/label/provider/values'] and float(r[2][2]['start'][0]) == 1000
	and float(r[2][2]['end'][0]) == 2000.5 and 'ceems_rapl_package_joules_total' in r[2][2]['match[]']"

# The chassis of Redfish, and GPUs whose power its meter contains.
FACTOR=(--emission-factor=100)
chassis() { # ANSWER DIR
	printf '%s' "$1" | "$TOOL" tsdb create-recording-rules "${AUTH[@]}" "${FACTOR[@]}" --end=1700000000 --start=1699996400 --output-dir="$2" 2>"$T/err" || {
		cat "$T/err"
		return 1
	}
}
no_chassis() { ! chassis "$@" && grep -q "$3" "$T/err"; }
success '{"resultType":"vector","result":[{"metric":{},"value":[1,"12"]},{"metric":{},"value":[1,"-1"]}]}' >"$S/reply/api_v1_query"
series ceems_redfish_current_watts:rf ceems_compute_unit_gpu_index_flag:rf amd_gpu_power:amd
success '["one"]' >"$S/reply/api_v1_label_chassis_values"
rm -f "$S/requests"
ok "the only chassis is taken" chassis "" rf1
ok "and stands in the rules" grep -q 'ceems_redfish_current_watts{job="rf",chassis="one"}' rf1/rf.rules
ok "it is asked whether GPUs are in it" asked "r[-1][1] == '/api/v1/query' and float(r[-1][2]['time'][0]) == 1700000000
	and '{job=\"rf\",chassis=\"one\"}' in r[-1][2]['query'][0] and 'amd_gpu_power{job=\"amd\"}' in r[-1][2]['query'][0]
	and r[-1][2]['query'][0].endswith('[3600s:])')"
ok "then they are taken off" grep -q 'amd_gpu_power{job="amd"}.* / 1e6' rf1/rf.rules
ok "GPUs have a file of their own" grep -q 'compute-unit-gpu-rules-amd' rf1/amd-gpu.rules
ok "for the units of the other job" grep -q 'ceems_compute_unit_gpu_index_flag{job="rf"}' rf1/amd-gpu.rules
ok "the rules are valid" promtool check rules rf1/rf.rules rf1/amd-gpu.rules
ok "there are no others, and nobody else can read them" sh -c '[ "$(ls -A rf1 | wc -l)" = 2 ] && [ "$(stat -c %a rf1/amd-gpu.rules)" = 600 ]'
success '{"resultType":"vector","result":[{"metric":{},"value":[1,"-12"]}]}' >"$S/reply/api_v1_query"
ok "GPUs that are not in it" chassis "" rf2
ok "are not taken off" sh -c '! grep -q amd_gpu_power rf2/rf.rules'
rm "$S/reply/api_v1_query"
ok "GPUs of which it is not known" chassis "" rf2
ok "are not either" sh -c "! grep -q amd_gpu_power rf2/rf.rules && grep -q 'taken for not' $T/err"
success '["a","b"]' >"$S/reply/api_v1_label_chassis_values"
ok "of several chassis one is chosen" chassis "1
" rf3
ok "from a list" grep -qx '\[1\]: b' "$T/err"
ok "and stands in the rules, too" grep -q 'chassis="b"' rf3/rf.rules
for answer in "" 2 -1 x; do
	ok "the answer '$answer' is none" no_chassis "$answer" rf4 "job 'rf'"
done
success '[]' >"$S/reply/api_v1_label_chassis_values"
ok "no chassis at all" no_chassis "" rf4 "has no chassis"
series ceems_energy_meter_joules_total:fast ceems_rapl_package_joules_total:fast ceems_energy_source_info:fast:kind=measured \
	ceems_rapl_package_joules_total:plain ceems_rapl_dram_joules_total:plain

success '[]' >"$S/reply/api_v1_label_provider_values"
ok "without providers OWID's factor is used" says "using OWID's" "$TOOL" tsdb create-recording-rules "${AUTH[@]}" --country-code=FR --output-dir=r2
ok "and written" grep -q 'provider: "owid"' r2/plain.rules
ok "an unknown country has no emissions" says "no emission factor" "$TOOL" tsdb create-recording-rules "${AUTH[@]}" --country-code=fr --output-dir=r3
ok "really none" sh -c '! grep -q emissions r3/plain.rules'
ok "a factor of one's own" run 0 "$TOOL" tsdb create-recording-rules "${AUTH[@]}" --emission-factor=120.5 --eval-interval=1m30s --output-dir=r4
ok "is written" sh -c 'grep -q "3.6e6 \* 120.5" r4/plain.rules && grep -q "provider: \"custom\"" r4/plain.rules && grep -q "interval: 1m30s" r4/plain.rules'
ok "both at once" fails "ceems_tool: error: --country-code cannot be combined with --emission-factor" \
	"$TOOL" tsdb create-recording-rules "${AUTH[@]}" --country-code=FR --emission-factor=1
ok "a PUE of nothing" fails "--pue must be more than 0" "$TOOL" tsdb create-recording-rules "${AUTH[@]}" --pue=0
ok "a start after the end" fails "--start must be before --end" "$TOOL" tsdb create-recording-rules "${AUTH[@]}" --start=2 --end=1
ok "a bad time" fails "--start 'noon' is neither" "$TOOL" tsdb create-recording-rules "${AUTH[@]}" --start=noon
ok "two logins" fails "cannot be combined with --http.config.file" "$TOOL" tsdb create-relabel-configs --http.config.file=http.yml --url="http://a:b@127.0.0.1:$PORT"

series uuid::ceems_host_power_watts::pue:fast uuid::ceems_host_energy_joules_total:fast uuid::ceems_cpu_usage::ratio_irate:fast \
	uuid::ceems_host_emissions_g_s::pue:fast:provider=owid
success '["owid"]' >"$S/reply/api_v1_label_provider_values"
ok "queries go to stderr" says "  total_cpu_energy_usage_kwh:" "$TOOL" tsdb create-ceems-tsdb-updater-queries "${AUTH[@]}"
ok "or to stdout, alone" run 0 "$TOOL" tsdb create-ceems-tsdb-updater-queries "${AUTH[@]}" --output=-
ok "as a document" sh -c "[ \"\$(head -n 3 $T/out | tr '\n' .)\" = '---..queries:.' ] && ! grep -q queries: $T/err && grep -q owid_total: $T/out"
ok "or to a file" run 0 "$TOOL" tsdb create-ceems-tsdb-updater-queries "${AUTH[@]}" --output=q.yml
ok "with the same text" cmp "$T/work/q.yml" <("$TOOL" tsdb create-ceems-tsdb-updater-queries "${AUTH[@]}" --output=- 2>/dev/null)
ok "a file that cannot be written" fails "/proc/q.yml" "$TOOL" tsdb create-ceems-tsdb-updater-queries "${AUTH[@]}" --output=/proc/q.yml
ok "a full disk on stdout" sh -c "! $TOOL tsdb create-ceems-tsdb-updater-queries --url=$URL --http.config.file=http.yml --output=- >/dev/full 2>$T/err && grep -q 'No space' $T/err"
series
success '[]' >"$S/reply/api_v1_label_provider_values"
ok "nothing recorded and no rules" says "none of the series" "$TOOL" tsdb create-ceems-tsdb-updater-queries "${AUTH[@]}"
success '{"groups":[{"name":"g","rules":[{"type":"recording","name":"uuid:ceems_host_power_watts:pue"},
	{"type":"recording","name":"uuid:ceems_host_emissions_g_s:pue","labels":{"provider":"rte"}}]}]}' >"$S/reply/api_v1_rules"
ok "rules that have not recorded yet count" says "rte_total: " "$TOOL" tsdb create-ceems-tsdb-updater-queries "${AUTH[@]}"

series DCGM_FI_DEV_POWER_USAGE_INSTANT:gpu amd_gpu_power:amd gpu_power_usage:dev
ok "relabel configs" run 0 "$TOOL" tsdb create-relabel-configs "${AUTH[@]}" --output=-
ok "are what they were" diff "$CEEMS_SOURCE/tests/golden/tool/relabel.yml" "$T/out"
ok "and Prometheus takes them" sh -c "promtool check config --syntax-only $T/out"
series
ok "none without GPUs" says "scrape_configs: []" "$TOOL" tsdb create-relabel-configs "${AUTH[@]}"

rm http.yml
echo 'basic_auth: {username: prom, password: wrong}' >http.yml
ok "a wrong password" fails "HTTP status 401" "$TOOL" tsdb create-recording-rules "${AUTH[@]}"
rm "$S/login"
echo '<html>' >"$S/reply/api_v1_series"
ok "an answer that is none" fails "the reply is no JSON" "$TOOL" tsdb create-recording-rules "${AUTH[@]}"
rm "$S/reply/api_v1_status_config"
ok "a server that is something else" fails "HTTP status 404" "$TOOL" tsdb create-recording-rules "${AUTH[@]}"
ok "a server that is down" fails "failed to create the queries: " "$TOOL" tsdb create-ceems-tsdb-updater-queries --url="http://127.0.0.1:$(free_port)"
ok "the server ends" stop server 143
done_testing
