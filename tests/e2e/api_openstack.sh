# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_api_server with an OpenStack cloud (tests/lib/fake_openstack.py): units, users and projects, sums of time
# over windows, resize and deletion, expired tokens, restarts, and failures of each part.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
BEGIN=$((NOW - 1800)) # of the collection
SECRET='pa$s"wörd 7'
C=$T/cloud
D=$T/data/ceems.db
mkdir -p "$C"
chmod 755 "$T" "$C"
PORT=$(free_port)

# cloud FILTER [ARGUMENTS]: changes the cloud at once
cloud() {
	jq --argjson now "$NOW" "$@" "$C/cloud.json" >"$C/cloud.new" && mv "$C/cloud.new" "$C/cloud.json"
}
fault() { printf '%s\n' "$@" >"$C/fault.new" && mv "$C/fault.new" "$C/fault"; }
config() {
	cat <<C
ceems_api_server:
  data:
    path: $T/data
    update_interval: 1s
    settle_delay: 1s
    max_update_interval: 10m
    time_zone: Asia/Kolkata
    update_from: "$(TZ=Asia/Kolkata date -d "@$BEGIN" +%Y-%m-%dT%H:%M:%S)"
  admin: {users: [boss]}
clusters:
  - id: os-0
    manager: openstack
    web:
      http_headers: {X-Auth-Token: {values: [wrong]}}
    extra_config:
      api_service_endpoints:
        compute: http://127.0.0.1:$(cat "$C/port")/v2.1
        identity: http://127.0.0.1:$(cat "$C/port")
      request_timeout: 5s
      auth:
        identity:
          methods: [password]
          password: {user: {name: admin, domain: {id: default}, password: '$SECRET'}}
        scope: {system: {all: true}}
C
}
server() { start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT" --log.level=debug; }
api() { curl -sSf -m 5 -H "X-Grafana-User: $1" "http://127.0.0.1:$PORT/$2"; }
healthy() { curl -sSf -m 5 "http://127.0.0.1:$PORT/health"; }
units() { api "$1" "api/v1/units?from=$((NOW - 3600))&to=$((NOW + 3600))&running" | jq -e "$2"; }
sql() { sqlite3 -cmd '.timeout 5000' "$D" "$1"; }
is() { [ "$(sql "$1")" = "$2" ] || { sql "$1"; echo "instead of: $2"; return 1; }; }
mark() { sql 'select end_ms / 1000 from ceems_watermarks'; }
mark_past() { [ "$(mark)" -gt "$1" ]; }
# until windows that begin now have been stored
windows() { local m; m=$(date +%s); wait_until 90 mark_past "$m"; }
# time UUID: seconds of all its runs
time_of() { sql "select sum(json_extract(total_time_seconds, '\$.walltime')) from units where uuid = '$1'"; }
# A running server that was launched at $2: what it has is the time from then to the last window, in one look.
whole() {
	is "select sum(json_extract(total_time_seconds, '\$.walltime')) = (select end_ms / 1000 from ceems_watermarks) - max($2, $BEGIN)
		from units where uuid = '$1'" 1
}
log_count() { [ "$(grep -c "$2" "$T/api.log")" = "$1" ] || { grep -n "$2" "$T/api.log"; return 1; }; }
new_log() { tail -n "+$((LOG + 1))" "$T/api.log"; }
says() { new_log | grep -q "$1"; }
said() { wait_until 90 says "$1"; } # since LOG
refused() { # TEXT: the program ends with status 1 and the sentence, without the password
	local out status=0
	out=$(timeout 60 "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT" 2>&1) || status=$?
	printf '%s\n' "$out"
	[ "$status" = 1 ] && grep -qF -- "$1" <<<"$out" && ! grep -qF 'pa$s' <<<"$out"
}

# web runs since long, db was launched in the middle, old was stopped, gone was deleted; one of each project.
jq -n --argjson now "$NOW" --arg secret "$SECRET" '{
	password: $secret,
	users: [{id: "u1", name: "mira"}, {id: "u2", name: "zoe"}, {id: "u3", name: "nobody"}],
	projects: [{id: "p1", name: "astro"}, {id: "p2", name: "bio"}],
	members: {u1: ["p1", "p2"], u2: ["p1"]},
	servers: [
		{id: "web", tenant_id: "p1", user_id: "u1", name: "w<1>", "OS-SRV-USG:launched_at": ($now - 90000),
			metadata: {b: "2", a: "\u0000"}, tags: ["x"],
			flavor: {vcpus: 4, ram: 2048, swap: "", extra_specs: {"resources:VGPU": "2"}}},
		{id: "db", tenant_id: "p1", user_id: "u2", created: ($now - 910), "OS-SRV-USG:launched_at": ($now - 900)},
		{id: "old", tenant_id: "p2", user_id: "u1", status: "SHUTOFF", "OS-SRV-USG:launched_at": ($now - 90000),
			updated: ($now - 1500), "OS-EXT-STS:power_state": 4},
		{id: "gone", tenant_id: "p2", user_id: "u1", status: "DELETED", "OS-SRV-USG:launched_at": ($now - 1000),
			updated: ($now - 399), "OS-SRV-USG:terminated_at": ($now - 400)},
		{id: "new", tenant_id: "p1", user_id: "u2", status: "BUILD", created: ($now - 60)}]}' >"$C/cloud.json"
start cloud /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_openstack.py" "$C"
wait_until 90 test -s "$C/port"
config >"$T/config.yml"
chmod 644 "$T/config.yml"

fault token:401 echo
ok "wrong credentials end the start" refused "extra_config.auth has wrong credentials"
fault token:400 echo
ok "and so does a request that Keystone doesn't like, whose words are not repeated" refused "HTTP status 400"
fault users:503
ok "and so does a list of users that can't be had" refused "no users today"
fault none

echo 2 >"$C/page"
server
ok "the server answers" wait_until 90 healthy
ok "it catches up" windows
ok "a running server is a unit" units mira '.data[] | select(.uuid == "web") |
	.name == "w<1>" and .project == "astro" and .username == "mira" and .state == "ACTIVE" and .resource_manager == "openstack"
	and .ended_at == "N/A" and .allocation == {disk: 1, extra_specs: {"resources:VGPU": "2"}, mem: 2048, name: "m1.tiny", swap: 0, vcpus: 4, vgpus: 2}
	and .tags == {az: "nova", metadata: {a: "\u0000", b: "2"}, power_state: "RUNNING", reservation_id: "r-1", tags: ["x"]}
	and (.total_time_seconds | .alloc_cputime == 4 * .walltime and .alloc_cpumemtime == 2048 * .walltime
		and .alloc_gputime == 2 * .walltime and .alloc_gpumemtime == .alloc_gputime)'
ok "its times are in the zone" is "select started_at || ' ' || started_at_ts || ' ' || substr(elapsed, 1, 4) from units where uuid = 'web'" \
	"$(TZ=Asia/Kolkata date -d "@$((NOW - 90000))" +%Y-%m-%dT%H:%M:%S%z) $((NOW - 90000))000 1-01"
ok "it has its time since the collection began" whole web "$BEGIN"
ok "one that was launched later has it from then on" whole db $((NOW - 900))
ok "one that was stopped has it until then" test "$(time_of old)" = 300
ok "one that was deleted has it until then" test "$(time_of gone)" = 600
ok "and its end" is "select ended_at || ' ' || ended_at_ts || ' ' || elapsed || ' ' || state from units where uuid = 'gone'" \
	"$(TZ=Asia/Kolkata date -d "@$((NOW - 400))" +%Y-%m-%dT%H:%M:%S%z) $((NOW - 400))000 00:10:00 DELETED"
ok "one that is being built has no start" is "select started_at || started_at_ts || elapsed from units where uuid = 'new'" N/A0N/A
ok "the token of the configuration is not sent, and nothing else was wrong" test ! -e "$C/violations"
ok "pages are followed, on the configured host" grep -q 'servers/detail all_tenants=true&marker=' "$C/requests"
ok "users have their projects" sh -c "curl -sSf -H 'X-Grafana-User: boss' 'http://127.0.0.1:$PORT/api/v1/users/admin' | jq -ce '
	[.data[] | [.uid, .name, .projects]] == [[\"u1\", \"mira\", [\"astro\", \"bio\"]], [\"u3\", \"nobody\", null], [\"u2\", \"zoe\", [\"astro\"]]]'"
ok "projects have their users" sh -c "curl -sSf -H 'X-Grafana-User: boss' 'http://127.0.0.1:$PORT/api/v1/projects/admin' | jq -ce '
	[.data[] | [.uid, .name, .users]] == [[\"p1\", \"astro\", [\"mira\", \"zoe\"]], [\"p2\", \"bio\", [\"mira\"]]]'"

wc -l <"$C/tokens" >"$C/expired"
ok "an expired token is replaced" windows
ok "without a word" log_count 0 'level=ERROR'
BEFORE=$(wc -l <"$C/requests")
windows
ok "accounts are not asked for again" sh -c "! tail -n +$((BEFORE + 1)) '$C/requests' | grep -q users"

cloud '(.servers[] | select(.id == "new")) += {status: "ACTIVE", "OS-SRV-USG:launched_at": (now | floor), updated: (now | floor)}'
windows
ok "when it is built its row becomes that of its run" is "select count(*) || state || (started_at_ts > 0) from units where uuid = 'new'" 1ACTIVE1

LAUNCHED=$(date +%s)
cloud '(.servers[] | select(.id == "web")) += {"OS-SRV-USG:launched_at": $at, updated: $at, flavor: {vcpus: 8, ram: 4096}}' --argjson at "$LAUNCHED"
windows
ok "a resized server has a row for what it was and one for what it is" is "select (ended_at_ts / 1000) || ' ' ||
	json_extract(allocation, '\$.vcpus') from units where uuid = 'web' order by started_at" "$LAUNCHED 4
0 8"
ok "no second of it is lost or counted twice" whole web "$BEGIN"
ok "each with its flavor" is "select sum(json_extract(total_time_seconds, '\$.alloc_cputime') =
	json_extract(allocation, '\$.vcpus') * json_extract(total_time_seconds, '\$.walltime')) from units where uuid = 'web'" 2

cloud '(.servers[] | select(.id == "db")).updated = (now | floor)'
windows
ok "a server that is only touched keeps its time" whole db $((NOW - 900))
cloud '(.servers[] | select(.id == "db")) += {status: "DELETED", "OS-SRV-USG:terminated_at": (now | floor), updated: (now | floor)}'
ENDED=$(jq '.servers[] | select(.id == "db")."OS-SRV-USG:terminated_at"' "$C/cloud.json")
windows
windows
ok "a deleted server has exactly its time" test "$(time_of db)" = $((ENDED - NOW + 900))

cloud '.users += [{id: "u4", name: "ada"}] | .members.u4 = ["p3"] | .projects += [{id: "p3", name: "chem"}] |
	.servers += [{id: "later", tenant_id: "p3", user_id: "u4", "OS-SRV-USG:launched_at": (now | floor)},
		{id: "orphan", tenant_id: "p9", user_id: "u9", "OS-SRV-USG:launched_at": (now | floor)}]'
windows
ok "users and projects that are new are learnt" is "select username || project from units where uuid = 'later'" adachem
ok "those that Keystone doesn't know have no name" is "select username || project from units where uuid = 'orphan'" ""
BEFORE=$(grep -c '/v3/users ' "$C/requests")
windows
ok "and are asked for once" test "$(grep -c '/v3/users ' "$C/requests")" = "$BEFORE"

# Each fault for a while: it is said once, it passes, and no second is lost.
troubles=0
trouble() { # NAME SENTENCE FAULT...
	local name=$1 sentence=$2
	shift 2
	LOG=$(wc -l <"$T/api.log")
	fault "$@"
	ok "$name is said" said "$sentence"
	fault none
	windows
	troubles=$((troubles + 1))
	ok "and has passed" log_count $troubles 'collection works again'
}
trouble "Nova that is in trouble" 'GET servers/detail: HTTP status 503: no servers today' servers:503
trouble "Nova that fails for deleted servers" 'HTTP status 500: no servers today' deleted:500
trouble "garbage" 'the answer is no JSON' garbage
trouble "an answer that is cut" 'servers/detail: the answer is no JSON: line' cut
trouble "an endless list" 'the pages begin anew' loop
trouble "an old Nova" 'Nova answers in microversion 2.38: .*2.47' old
trouble "a cell that is down" 'a cell of Nova is down' down
trouble "a Nova that hangs" 'openstack service compute is unreachable' hang
fault huge
BEFORE=$(grep -c limit=100 "$C/requests")
ok "pages that are too large are asked for in smaller ones" windows
ok "which is what it did" sh -c "[ \$(grep -c limit=100 '$C/requests') -gt $BEFORE ]"
fault none
LOG=$(wc -l <"$T/api.log")
kill -STOP "$(cat "$T/cloud.pid")"
ok "a cloud that stands still is said" said 'is unreachable.*[Tt]imed\? \?out'
kill -CONT "$(cat "$T/cloud.pid")"
windows
ok "no second is lost by all this" whole web "$BEGIN"
ok "nor of another" whole later "$(sql "select started_at_ts / 1000 from units where uuid = 'later'")"
ok "the password was never logged" sh -c "! grep -q 'pa.s' '$T/api.log'"
ok "no request was wrong" test ! -e "$C/violations"
ok "SIGTERM ends it with status 0" stop api

# While it is stopped: one is resized, one deleted as usual, one is deleted and Nova's database cleaned up.
SEEN=$(mark)
sleep_until() { [ "$(date +%s)" -ge "$1" ]; }
wait_until 20 sleep_until $((SEEN + 3))
AT=$(date +%s)
cloud '(.servers[] | select(.id == "web")) += {"OS-SRV-USG:launched_at": $at, updated: $at, flavor: {vcpus: 16, ram: 4096}} |
	(.servers[] | select(.id == "new")) += {status: "DELETED", "OS-SRV-USG:terminated_at": $at, updated: $at} |
	del(.servers[] | select(.id == "orphan"))' --argjson at "$AT"
fault projects:u1:503
LOG=0
server
wait_until 90 healthy
windows
ok "a restart goes on: the resized one" whole web "$BEGIN"
ok "whose earlier run has an end" is "select group_concat(ended_at_ts / 1000) from (select * from units where uuid = 'web' order by started_at)" "$LAUNCHED,$AT,0"
ok "the deleted one" is "select sum(json_extract(total_time_seconds, '\$.walltime')) from units where uuid = 'new'" $((AT - NOW + 60))
ok "one that Nova has forgotten ended when it was seen last" is "select (ended_at_ts / 1000) || state from units where uuid = 'orphan'" "${SEEN}DELETED"
ok "a user whose projects can't be had keeps them" is "select projects from users where name = 'mira'" '["astro","bio"]'
ok "and the projects keep the user" is "select group_concat(users, ' ') from (select * from projects order by name)" '["mira","zoe"] ["mira"] ["ada"]'
ok "which is said" said 'projects of user .mira.: .*no projects today'
cloud '.members.u1 = ["p2"]'
fault none
windows
windows
ok "when they can be had they are" is "select projects from users where name = 'mira'" '["bio"]'
ok "requests in parallel have a bound" test "$(cat "$C/parallel")" -le 17
ok "it ends well" stop api

fault none
config | sed 's/ACTIVE//; s/        identity: .*/        identity: ftp:\/\/nowhere/' >"$T/config.yml"
ok "an address that is none is refused" refused "identity service is no http or https URL"
config | sed '/scope:/d; /methods/d; /password:/d; /identity:$/d; s/auth:$/auth: {}/' >"$T/config.yml"
ok "a configuration without credentials is refused" refused "auth"
config | sed '/compute:/d' >"$T/config.yml"
ok "one without compute is refused" refused "compute"
config >"$T/config.yml"
stop cloud 143
ok "a cloud that isn't there ends the start" refused "openstack service identity is unreachable"
done_testing
