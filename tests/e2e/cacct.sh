# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# cacct against an API server with canned answers: what it asks, what it prints, what it says when
# something is wrong, and that its set-group-ID rights give nothing away.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# The program keeps debuggers out, and with them the leak checker of sanitizer builds.
export ASAN_OPTIONS=detect_leaks=0
S=$T/server
FIXTURES=$CEEMS_SOURCE/tests/fixtures/cacct
chmod 755 "$T"
mkdir -p "$S/reply" "$T/conf" "$T/home"
cp "$FIXTURES/one-unit.json" "$S/reply/api_v1_units"
cp "$FIXTURES/one-usage.json" "$S/reply/api_v1_usage_current"
cp "$FIXTURES/units.json" "$S/reply/api_v1_units_admin"
cp "$FIXTURES/usage.json" "$S/reply/api_v1_usage_current_admin"
echo ceems:secret >"$S/login"
start server /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_http.py" "$S"
wait_until 10 test -s "$S/port" || exit 1
URL=http://127.0.0.1:$(cat "$S/port")
[ ! -e /etc/ceems ] || { skip "cacct" "/etc/ceems is there: its configuration would be used"; done_testing; exit; }

write_conf() { # FILE URL [password line]
	cat >"$1" <<C
ceems_api_server:
  cluster_id: hpc-a
  something_else: [1, 2]
  web:
    url: $2
    basic_auth: {username: ceems, ${3:-password: secret}}
clusters: []
C
}
write_conf "$T/conf/config.yml" "$URL"

test_cacct() { env HOME="$T/home" XDG_CONFIG_HOME= "$BIN/tests/cacct" --current-user=mira --config-path="$T/conf" "$@"; }

is() { # WANTED COMMAND...
	local wanted=$1
	shift
	diff <(printf '%s' "$wanted") <("$@") && return
	return 1
}

fails_with() { # TEXT COMMAND...: status 1, nothing on stdout, a line on stderr that holds the text
	local text=$1 out status=0
	shift
	out=$("$@" 2>"$T/stderr") || status=$?
	cat "$T/stderr"
	[ $status = 1 ] && [ -z "$out" ] && [ "$(wc -l <"$T/stderr")" = 1 ] && grep -qF -- "$text" "$T/stderr"
}

asked() { # PYTHON EXPRESSION over the list r of requests (method, path, params, headers)
	/usr/bin/python3 -c "
import json, sys
r = [json.loads(line) for line in open('$S/requests')]
sys.exit(not ($1))" || { cat "$S/requests"; return 1; }
}

CSV='Job ID,Account,Elapsed,CPU Usage(%),Host Emissions(gms),Host Emissions(gms)
,,,,emaps_total,owid_total
900001,projx,01:02:03,55.10,1.250000,0.750000
Summary,,,,,
1,projx,01:02:03,55.10,1.250000,0.750000
'
ok "one's jobs as CSV" is "$CSV" test_cacct --csv
rm -f "$S/requests"
ok "one's jobs as a table" is "$(cat "$CEEMS_SOURCE/tests/golden/cacct/one.txt")"$'\n' test_cacct
ok "the caller's name goes in the header" asked "all(q[3]['X-Grafana-User'] == 'mira' for q in r)"
ok "two questions are asked, none of them for administrators" asked \
	"[q[1] for q in r] == ['/api/v1/units', '/api/v1/usage/current']"
ok "the default fields are asked for" asked "r[0][2]['field'] == ['uuid', 'project', 'elapsed', 'avg_cpu_usage',
	'avg_cpu_mem_usage', 'total_cpu_energy_usage_kwh', 'total_cpu_emissions_gms', 'avg_gpu_usage',
	'avg_gpu_mem_usage', 'total_gpu_energy_usage_kwh', 'total_gpu_emissions_gms', 'started_at_ts', 'ended_at_ts']
	and r[1][2]['field'][-3:] == ['username', 'num_units', 'total_time_seconds']
	and r[0][2]['cluster_id'] == ['hpc-a']"
rm -f "$S/requests"
ok "times are local, lists are split" env TZ=CET-1 HOME="$T/home" "$BIN/tests/cacct" --current-user=mira --config-path="$T/conf" \
	--starttime=2023-11-14T23:13:20 --endtime=2023-11-15 --account=a,b --job=1,,2 --format=jobid,CPUUSAGE --csv
ok "they are asked for so" asked "r[0][2] == {'cluster_id': ['hpc-a'], 'from': ['1700000000'], 'to': ['1700002800'],
	'project': ['a', 'b'], 'uuid': ['1', '2'], 'field': ['uuid', 'avg_cpu_usage', 'started_at_ts', 'ended_at_ts']}"
rm -f "$S/requests"
ok "others' jobs are asked for at the administrators' place" test_cacct --user=mira,bob --html
ok "with their names" asked "[q[1] for q in r] == ['/api/v1/units/admin', '/api/v1/usage/current/admin']
	and r[0][2]['user'] == ['mira', 'bob']"
rm -f "$S/requests"
ok "naming oneself needs no administrator" test_cacct --user=mira --markdown
ok "and asks for nothing else" asked "r[0][1] == '/api/v1/units' and 'user' not in r[0][2]"
ok "the fields are listed" is "$(cat "$CEEMS_SOURCE/tests/golden/cacct/helpformat.txt")"$'\n' "$BIN/cacct" --helpformat

# The same server stands for the TSDB. One query gives two series, one of them of no unit; the other
# one is refused.
ts() { test_cacct --ts --job=900001 --csv --ts.out-dir="${1:-$T/dump/series}" 2>"$T/stderr"; }
ok "--ts without queries says so and prints the table" is "$CSV" ts
ok "and nothing is saved" grep -q '^time series data is not available' "$T/stderr"
cat >>"$T/conf/config.yml" <<C
tsdb:
  web: {url: "$URL/tsdb", basic_auth: {username: ceems, password_file: $T/pw}}
  queries:
    power: 'uuid:ceems_host_power_watts:pue{uuid=~"%s"}'
C
echo secret >"$T/pw"
cp "$FIXTURES/one-series.json" "$S/reply/tsdb_api_v1_query_range"
sed 's/"uuid"/"started_at_ts":1700000000000,"ended_at_ts":1700003600500,"uuid"/' "$FIXTURES/one-unit.json" >"$S/reply/api_v1_units"
rm -f "$S/requests"
ok "--ts prints the table" is "$CSV" ts
ok "tells the folder" grep -qx "time series are saved in $T/dump/series" "$T/stderr"
ok "and asks for the time of the unit" asked "r[-1][1] == '/tsdb/api/v1/query_range' and r[-1][2] == {
	'query': ['uuid:ceems_host_power_watts:pue{uuid=~\"900001\"}'], 'start': ['1700000000.000'],
	'end': ['1700003600.500'], 'step': ['10.000'], 'lookback_delta': ['60000ms']}"
ok "a file for the series" is 'timestamp,value
1700000000,0.00001
1700000010.5,12000000
1700000020,NaN
' cat "$T/dump/series/30272b5eb4c5a1be.csv"
ok "what its name means" is '[
	{
		"fingerprint": "30272b5eb4c5a1be",
		"labels": {
			"__name__": "uuid:ceems_host_power_watts:pue",
			"uuid": "900001"
		}
	}
]' cat "$T/dump/series/metadata.json"
ok "nothing else, and nobody else reads it" is "700 600 2" printf %s "$(stat -c %a "$T/dump/series" "$T/dump/series/metadata.json" | tr '\n' ' ')$(find "$T/dump/series" -type f | wc -l)"
rm "$S/reply/tsdb_api_v1_query_range"
ok "a query that fails costs its files only" is "$CSV" ts
ok "and is told" grep -q "^no time series 'power' of '900001': .*404" "$T/stderr"
ok "the list is empty then" is null cat "$T/dump/series/metadata.json"
ok "a folder that can't be made costs no table" is "$CSV" ts /proc/no/way
ok "and is told, too" grep -q "^time series could not be saved: " "$T/stderr"
rm "$T/pw"
ok "secrets of the TSDB are read for --ts only" is "$CSV" test_cacct --csv
ok "but then they are" fails_with "$T/pw" test_cacct --ts --job=900001
write_conf "$T/conf/config.yml" "$URL"
cp "$FIXTURES/one-unit.json" "$S/reply/api_v1_units"

ok "an unknown field is named" fails_with "unknown field 'speed'" test_cacct --format=jobid,speed
ok "a bad time is named" fails_with "cacct: error: --endtime '2023-02-30' is not a time" test_cacct --endtime=2023-02-30
ok "--ts needs --job" fails_with "cacct: error: --ts needs --job" test_cacct --ts
ok "an unknown flag" fails_with "cacct: error: failed to parse CLI flags: " test_cacct --nope
ok "the installed program knows no other caller" fails_with "current-user" "$BIN/cacct" --current-user=root

echo 403 >"$S/status"
ok "others' jobs are refused to users" fails_with "forbidden. statistics of other users" test_cacct --user=bob
rm "$S/status"
write_conf "$T/conf/config.yml" "$URL" "password: wrong"
ok "a wrong password" fails_with "forbidden. the API server does not accept the credentials in $T/conf/config.yml" test_cacct
write_conf "$T/conf/config.yml" "$URL"
echo '<html>hello' >"$S/reply/api_v1_units"
ok "an answer that is none" fails_with "the answer of the API server (HTTP status 200) makes no sense" test_cacct
echo '{"status":"error","data":null,"errorType":"internal","error":"database is locked"}' >"$S/reply/api_v1_units"
ok "an answer that tells of an error" fails_with "the API server returned no data: database is locked" test_cacct
rm "$S/reply/api_v1_units"
ok "a server that is something else" fails_with "(HTTP status 404) makes no sense" test_cacct
cp "$FIXTURES/one-unit.json" "$S/reply/api_v1_units"
write_conf "$T/conf/config.yml" "http://127.0.0.1:$(free_port)"
ok "a server that is down" fails_with "asking the API server: " test_cacct
printf 'ceems_api_server: {web: {url: ""}}\n' >"$T/conf/config.yml"
ok "a configuration without an address" fails_with "'ceems_api_server.web.url' is missing" test_cacct
printf 'ceems_api_server: [\n' >"$T/conf/config.yml"
ok "a broken configuration" fails_with "$T/conf/config.yml:" test_cacct
rm "$T/conf/config.yml"
ok "no configuration" fails_with "no configuration found" test_cacct
ok "no home" fails_with "neither XDG_CONFIG_HOME nor HOME is set" env -u HOME -u XDG_CONFIG_HOME "$BIN/cacct"
ok "a relative folder" fails_with "XDG_CONFIG_HOME must be an absolute path" env XDG_CONFIG_HOME=x "$BIN/cacct"

# The installed program as another user, set-group-ID to a group that may read /etc/ceems.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env -i ASAN_OPTIONS="$ASAN_OPTIONS" "$@"; }
cannot() { ! "$@"; }
setgid_tests() {
	local E=$T/etc
	mkdir -p "$E/ceems" "$T/user/ceems"
	cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts /etc/ld.so.cache "$E/"
	install -m 2755 -o root -g 12345 "$BIN/cacct" "$T/cacct"
	chgrp 12345 "$T/cacct" && chmod 2755 "$T/cacct"
	write_conf "$E/ceems/config.yml" "$URL" "password_file: pw"
	echo secret >"$E/ceems/pw"
	chgrp -R 12345 "$E/ceems"
	chmod 0660 "$E/ceems"/*
	mount --bind "$E" /etc
	rm -f "$S/requests"
	ok "users without rights read nothing" cannot as_nobody cat /etc/ceems/pw
	ok "set-group-ID reads the system's configuration" as_nobody USER=root LOGNAME=root "$T/cacct" --csv
	ok "the caller is who the kernel says" asked "r[0][3]['X-Grafana-User'] == 'nobody'"
	ok "the environment does not redirect it" as_nobody http_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 \
		SSLKEYLOGFILE="$T/user/keys" "$T/cacct" --csv
	mv "$E/ceems/config.yml" "$E/ceems/hidden.yml"
	write_conf "$T/user/ceems/config.yml" "$URL" "password_file: /etc/ceems/pw"
	ok "a user's configuration cannot name files that the user may not read" fails_with "/etc/ceems/pw': Permission denied" \
		as_nobody XDG_CONFIG_HOME="$T/user" "$T/cacct"
	ln -sf /etc/ceems/hidden.yml "$T/user/ceems/config.yml"
	ok "nor be a link to one" fails_with "Permission denied" as_nobody XDG_CONFIG_HOME="$T/user" "$T/cacct"
	chmod g-s "$T/cacct"
	mv "$E/ceems/hidden.yml" "$E/ceems/config.yml"
	ok "an unreadable configuration ends the search" fails_with "Permission denied" as_nobody XDG_CONFIG_HOME="$T/user" "$T/cacct"
	umount /etc
}
if [ "$(id -u)" != 0 ]; then
	skip "set-group-ID" "needs root"
elif ! unshare --mount true 2>/dev/null; then
	skip "set-group-ID" "needs a mount namespace"
else
	export -f setgid_tests as_nobody cannot ok fails_with asked write_conf
	export T S BIN URL CEEMS_SOURCE TAP_N TAP_FAILED
	# shellcheck disable=SC2016
	unshare --mount --propagation private bash -c 'set -u; setgid_tests; echo "$TAP_N $TAP_FAILED" >"$T/counts"'
	read -r TAP_N TAP_FAILED <"$T/counts" || { echo "Bail out! the set-group-ID cases did not end"; exit 1; }
fi
ok "the server ends" stop server 143
done_testing
