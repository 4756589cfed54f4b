# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_api_server with a stand-in for slurmrestd instead of sacct: jobs, accounts, tokens that change,
# answers that are too long.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

chmod 755 "$T"
mkdir "$T/rest"
NOW=$(date +%s)
BEGIN=$((NOW - 3600))
PORT=$(free_port)
echo secret-1 >"$T/rest/token"
cp "$T/rest/token" "$T/token"
chmod 644 "$T/token"

job() { # ID USER CLUSTER STATE START END NAME
	printf '{"job_id":%d,"user":"%s","account":"astro","group":"staff","partition":"gpu","qos":"normal","cluster":"%s",
"name":"%s","nodes":"n[1-2]","working_directory":"/home","kill_request_user":"","state":{"current":["%s"]},
"exit_code":{"return_code":{"set":true,"number":0},"signal":{"id":{"set":false}}},
"time":{"elapsed":%d,"submission":%d,"start":%d,"end":%d},
"tres":{"allocated":[{"type":"cpu","name":"","count":4},{"type":"mem","name":"","count":2048},
{"type":"node","name":"","count":2},{"type":"gres","name":"gpu","count":2}]}}' \
		"$1" "$2" "$3" "$7" "$4" $(($6 ? $6 - $5 : 60)) "$5" "$5" "$6"
}
{
	printf '['
	job 11 mira main OUT_OF_MEMORY $((NOW - 3000)) $((NOW - 2400)) $'we|ird\xff'
	printf ','
	job 11 mira main RUNNING $((NOW - 2000)) 0 'again'
	printf ','
	job 12 eve far COMPLETED $((NOW - 3000)) $((NOW - 2400)) 'elsewhere'
	printf ']'
} >"$T/rest/jobs"

start rest /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_slurmrestd.py" "$T/rest"
wait_until 20 test -s "$T/rest/port"
cat >"$T/config.yml" <<C
ceems_api_server:
  data:
    path: $T/data
    update_interval: 1s
    max_update_interval: 30m
    catch_up_pause: 0s
    settle_delay: 1s
    time_zone: UTC
    update_from: "$(date -u -d "@$BEGIN" +%Y-%m-%dT%H:%M:%S)"
  admin: {users: [boss]}
clusters:
  - id: slurm-0
    manager: slurm
    web:
      url: http://127.0.0.1:$(cat "$T/rest/port")
      http_headers:
        X-SLURM-USER-TOKEN: {files: [token]}
    extra_config: {slurm_cluster: main}
C
chmod 644 "$T/config.yml"
api() { curl -sSf -m 5 -H "X-Grafana-User: $1" "http://127.0.0.1:$PORT/api/v1/$2"; }
server() { start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"; }
units() { api "$1" "units?from=$BEGIN&to=$((NOW + 3600))&running" | jq -e "$2"; }
stored() { grep -c 'units stored' "$T/api.log"; }
more_stored() { [ "$(stored)" -ge "$1" ]; }

echo huge >"$T/rest/mode"
server
ok "jobs become units, each run once, though answers are too long for a window" wait_until 60 units mira \
	'[.data[] | [.uuid, .state, .name]] == [["11", "OUT_OF_MEMORY", "we|ird?"], ["11", "RUNNING", "again"]]'
ok "with their times" wait_until 30 units mira '.data[0].total_time_seconds.walltime == 600
	and .data[0].total_time_seconds.alloc_gputime == 1200 and .data[0].allocation.mem == 2147483648
	and .data[0].ended_at_ts == '"$(((NOW - 2400) * 1000))"
ok "tags that the API doesn't tell are absent" units mira '.data[0].tags | has("uid") == false and .qos == "normal"'
ok "users are those of the cluster" sh -c \
	"curl -sSf -H 'X-Grafana-User: boss' 'http://127.0.0.1:$PORT/api/v1/users/admin' |
	jq -e '[.data[] | [.name, .projects[0]]] == [[\"mira\", \"astro\"], [\"zoe\", \"bio\"]]'"
ok "other clusters' jobs are not asked for" test -z "$(sqlite3 "$T/data/ceems.db" "select 1 from units where uuid = '12'")"
rm "$T/rest/mode"

echo secret-2 >"$T/rest/token"
ok "a token that is refused is said" wait_until 20 grep -q 'collection fails.*HTTP status 401' "$T/api.log"
echo secret-2 >"$T/token"
ok "and the new one is taken without a restart" wait_until 20 grep -q 'collection works again' "$T/api.log"
echo down >"$T/rest/mode"
ok "what Slurm says of a failure is said" wait_until 20 grep -q 'Unable to contact slurm database' "$T/api.log"
rm "$T/rest/mode"
ok "and forgiven" wait_until 20 more_stored $(($(stored) + 2))
ok "nothing secret is logged" sh -c "! grep -q secret- '$T/api.log'"
ok "SIGTERM ends it with status 0" stop api
ok "no time is lost or counted twice" test "$(sqlite3 "$T/data/ceems.db" \
	"select json_extract(total_time_seconds, '\$.walltime') - (end_ms / 1000 - $((NOW - 2000))) from units, ceems_watermarks
	where state = 'RUNNING'")" = 0
done_testing
