#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/openstack/run.sh: ceems_api_server with a real Keystone and the real API of Nova, on SQLite, without a
# hypervisor (servers are written into Nova's database by seed.py). Not part of test.sh; needs the packages of the
# group 'openstack' in tools/packages (tried: Keystone 22, Nova 26 of Debian 12) and takes two to five minutes.
# CEEMS_BUILD names the build folder (build/dev).
CEEMS_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export CEEMS_SOURCE CEEMS_BUILD=${CEEMS_BUILD:-$CEEMS_SOURCE/build/dev}
# Debian's Python, whatever else there is.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck source=tests/lib/tap.sh
. "$CEEMS_SOURCE/tests/lib/tap.sh"
for p in keystone-manage nova-manage uwsgi_python3 sqlite3 jq curl; do
	command -v $p >/dev/null || { echo "1..0 # SKIP $p is missing: tools/install-packages openstack"; exit 0; }
done
HERE=$CEEMS_SOURCE/tests/openstack
PATIENCE=${PATIENCE:-180}
TOKEN_LIFE=60 # of Keystone, seconds
K=$T/keystone
N=$T/nova
chmod 755 "$T" # a server that was started as root gives that up
umask 022
mkdir -p "$K/fernet" "$K/credential" "$N"
chmod 700 "$K/fernet" "$K/credential"
KEYSTONE=$(free_port)
NOVA=$(free_port)
NETWORK=$(free_port)
PORT=$(free_port)
ID=http://127.0.0.1:$KEYSTONE
DB=$T/data/ceems.db

# One process and one thread, because of SQLite; uwsgi closes each connection without saying so.
wsgi() { # NAME PORT SCRIPT MORE...
	local name=$1 port=$2 script=$3
	shift 3
	start "$name" uwsgi_python3 --master --die-on-term --lazy-apps --no-orphans --buffer-size 65535 --add-header 'Connection: close' \
		--http-socket "127.0.0.1:$port" --wsgi-file "$script" --processes 1 --threads 1 "$@"
	wait_until "$PATIENCE" curl -sf -m 5 -o "$T/probe" "http://127.0.0.1:$port/"
}
start_nova() { OS_NOVA_CONFIG_DIR=$N wsgi nova "$NOVA" /usr/bin/nova-api-wsgi; }
credentials() {
	printf '%s\n' 'auth_type = password' "auth_url = $ID/v3" 'project_domain_name = Default' 'user_domain_name = Default' \
		'project_name = admin' 'username = admin' 'password = admin-pw'
}
keystone_conf() {
	cat <<-C
		[DEFAULT]
		log_file = $K/keystone.log
		[database]
		connection = sqlite:///$K/keystone.db
		[token]
		expiration = $TOKEN_LIFE
		[fernet_tokens]
		key_repository = $K/fernet
		[credential]
		key_repository = $K/credential
		[cache]
		enabled = false
	C
}
nova_conf() {
	cat <<-C
		[DEFAULT]
		log_file = $N/nova.log
		state_path = $N
		transport_url = fake:/
		enabled_apis = osapi_compute
		my_ip = 127.0.0.1
		[api]
		auth_strategy = keystone
		max_limit = 2
		[api_database]
		connection = sqlite:///$N/api.db
		[database]
		connection = sqlite:///$N/cell1.db
		[keystone_authtoken]
		www_authenticate_uri = $ID/v3
		$(credentials)
		[placement]
		region_name = RegionOne
		$(credentials)
		[neutron]
		region_name = RegionOne
		$(credentials)
		[oslo_concurrency]
		lock_path = $N/lock
	C
}
km() { timeout "$PATIENCE" keystone-manage --config-file "$K/keystone.conf" "$@" >>"$K/manage.log" 2>&1; }
nm() { timeout "$PATIENCE" nova-manage --config-file "$N/nova.conf" "$@" >>"$N/manage.log" 2>&1; }
seed() { timeout "$PATIENCE" /usr/bin/python3 "$HERE/seed.py" "$N/nova.conf" "$@" 2>>"$N/manage.log"; }
# Writers must not wait for readers ("database is locked").
wal() { for f in "$@"; do sqlite3 "$f" 'pragma journal_mode = wal' >/dev/null; done; }
token() {
	curl -s -m 20 -D - -o "$T/catalog" -H 'Content-Type: application/json' "$ID/v3/auth/tokens" -d '{"auth": {"identity": {"methods": ["password"],
		"password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "admin-pw"}}},
		"scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}' | tr -d '\r' | sed -n 's/^[Xx]-[Ss]ubject-[Tt]oken: //p'
}
identity() { curl -sf -m 20 -H "X-Auth-Token: $(token)" -H 'Content-Type: application/json' "$@"; }
make() { # KIND JSON: its id
	identity "$ID/v3/${1}s" -d "{\"$1\": $2}" | jq -r ".$1.id"
}
cloud_up() {
	keystone_conf >"$K/keystone.conf"
	km db_sync
	km fernet_setup --keystone-user root --keystone-group root
	km credential_setup --keystone-user root --keystone-group root
	km bootstrap --bootstrap-password admin-pw --bootstrap-admin-url "$ID/v3" --bootstrap-public-url "$ID/v3" \
		--bootstrap-internal-url "$ID/v3" --bootstrap-region-id RegionOne
	wal "$K/keystone.db"
	wsgi keystone "$KEYSTONE" /usr/bin/keystone-wsgi-public --pyargv "--config-file $K/keystone.conf"
	start network /usr/bin/python3 "$HERE/network_stub.py" "$NETWORK"
	ASTRO=$(make project '{"name": "astro", "domain_id": "default"}')
	BIO=$(make project '{"name": "bio", "domain_id": "default"}')
	MIRA=$(make user '{"name": "mira", "password": "mira-pw", "domain_id": "default"}')
	ZOE=$(make user '{"name": "zoe", "password": "zoe-pw", "domain_id": "default"}')
	role=$(identity "$ID/v3/roles?name=member" | jq -r '.roles[0].id')
	for pair in "$ASTRO/users/$MIRA" "$BIO/users/$MIRA" "$ASTRO/users/$ZOE"; do
		identity -X PUT "$ID/v3/projects/$pair/roles/$role"
	done
	for pair in "compute http://127.0.0.1:$NOVA/v2.1" "network http://127.0.0.1:$NETWORK"; do
		service=$(make service "{\"type\": \"${pair% *}\", \"name\": \"${pair% *}\"}")
		for interface in public internal admin; do
			make endpoint "{\"service_id\": \"$service\", \"interface\": \"$interface\", \"region_id\": \"RegionOne\",
				\"url\": \"${pair#* }\"}" >/dev/null
		done
	done
	nova_conf >"$N/nova.conf"
	cp /etc/nova/api-paste.ini "$N/"
	nm api_db sync
	nm cell_v2 map_cell0 --database_connection "sqlite:///$N/cell0.db"
	nm db sync
	nm cell_v2 create_cell --name cell1 --database_connection "sqlite:///$N/cell1.db" --transport-url fake:/
	wal "$N/api.db" "$N/cell0.db" "$N/cell1.db"
	WEB=$(seed add "$ASTRO" "$MIRA" web 90000)
	DBS=$(seed add "$ASTRO" "$ZOE" db 600)
	OFF=$(seed add "$BIO" "$MIRA" off 5000 stopped)
	GONE=$(seed add "$BIO" "$MIRA" gone 500)
	GONE_AT=$(seed delete "$GONE")
	start_nova
	# Of a server that was never updated Nova tells that it is updated just now.
	sqlite3 "$N/cell1.db" 'update instances set created_at = launched_at, updated_at = launched_at where updated_at is null'
	[ -n "$ASTRO" ] && [ -n "$ZOE" ] && [ -n "$WEB" ] && [ -n "$GONE_AT" ]
}
config() { # USER PROJECT [HEADER]
	cat <<-C
		ceems_api_server:
		  data:
		    path: $T/data
		    update_interval: 1s
		    settle_delay: 1s
		    max_update_interval: 10m
		    time_zone: UTC
		    update_from: "$(date -u -d "@$BEGIN" +%Y-%m-%dT%H:%M:%S)"
		clusters:
		  - id: cloud
		    manager: openstack
		    ${3:-web: {\}}
		    extra_config:
		      api_service_endpoints: {compute: "http://127.0.0.1:$NOVA/v2.1", identity: "$ID"}
		      auth:
		        identity:
		          methods: [password]
		          password: {user: {name: $1, domain: {id: default}, password: $1-pw}}
		        scope: {project: {name: $2, domain: {id: default}}}
	C
}
healthy() { curl -sSf -m 5 "http://127.0.0.1:$PORT/health"; }
server() { start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"; }
refused() { # TEXT: the program ends with status 1 and the sentence, without the password
	local out status=0
	out=$(timeout "$PATIENCE" "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT" 2>&1) || status=$?
	printf '%s\n' "$out"
	[ "$status" = 1 ] && grep -q -- "$1" <<<"$out" && ! grep -q -e '-pw' <<<"$out"
}
sql() { sqlite3 -cmd '.timeout 5000' "$DB" "$1"; }
is() { [ "$(sql "$1")" = "$2" ] || { sql "$1"; echo "instead of: $2"; tail -n 5 "$T/api.log"; return 1; }; }
mark() { sql 'select end_ms / 1000 from ceems_watermarks'; }
mark_past() { [ "$(mark)" -gt "$1" ]; }
windows() { local now; now=$(date +%s); wait_until "$PATIENCE" mark_past "$now"; }
log_count() { [ "$(grep -c "$2" "$T/api.log")" = "$1" ] || { grep -n "$2" "$T/api.log"; return 1; }; }
sum_of() { sql "select sum(json_extract(total_time_seconds, '\$.$2')) from units where uuid = '$1'"; }
whole() { # ID FROM: it has run from then until the last window
	is "select sum(json_extract(total_time_seconds, '\$.walltime')) = (select end_ms / 1000 from ceems_watermarks) - max($2, $BEGIN)
		from units where uuid = '$1'" 1
}

ok "Keystone and Nova are up" cloud_up
BEGIN=$(($(date +%s) - 1800))
config admin wrong >"$T/config.yml"
ok "a project that isn't there is refused" refused 'wrong credentials'
config mira astro >"$T/config.yml"
ok "an account without rights is told so" refused 'GET users: HTTP status 403: You are not authorized'
config admin admin 'web: {http_headers: {X-OpenStack-Nova-API-Version: {values: ["2.30"]}}}' >"$T/config.yml"
server
ok "an old microversion is told" wait_until "$PATIENCE" grep -q 'Nova answers in microversion 2.30: .*2.47' "$T/api.log"
stop api
config admin admin 'web: {http_headers: {X-OpenStack-Nova-API-Version: {values: ["2.999"]}}}' >"$T/config.yml"
server
ok "and one that Nova doesn't have" wait_until "$PATIENCE" grep -q 'HTTP status 406: Version 2.999 is not supported by the API' "$T/api.log"
stop api

config admin admin >"$T/config.yml"
rm -rf "$T/data" # what was tried until now left no unit
STARTED=$(date +%s)
server
wait_until "$PATIENCE" healthy
ok "all is fetched" windows
ok "users have their names and projects" is "select group_concat(name || ' ' || projects, ', ') from (select * from users where name in ('mira', 'zoe')
	order by name)" 'mira ["astro","bio"], zoe ["astro"]'
ok "projects have theirs, and their ids" is "select group_concat(uid || ' ' || users, ', ') from (select * from projects where name in ('astro', 'bio')
	order by name)" "$ASTRO [\"mira\",\"zoe\"], $BIO [\"mira\"]"
ok "four servers came on pages of two" is "select count(*) from units" 4
ok "a server is as Nova tells it" is "select name, project, username, state, ended_at, json_extract(allocation, '\$.vcpus'),
	json_extract(allocation, '\$.mem'), json_extract(allocation, '\$.swap'), json_extract(allocation, '\$.name'),
	tags from units where uuid = '$WEB'" \
	'web|astro|mira|ACTIVE|N/A|2|1024|64|c2|{"az":"nova","metadata":{"k":"v"},"power_state":"RUNNING","reservation_id":"r-1","tags":[]}'
ok "it has run all the time" whole "$WEB" "$BEGIN"
ok "one that was launched later from then on" whole "$DBS" "$(sql "select started_at_ts / 1000 from units where uuid = '$DBS'")"
ok "one that was deleted has its end and its time" is "select (ended_at_ts / 1000) || ' ' || (json_extract(total_time_seconds, '\$.walltime')
	= ended_at_ts / 1000 - started_at_ts / 1000) || state from units where uuid = '$GONE'" "$GONE_AT 1DELETED"
ok "one that was stopped before has not run" test "$(sum_of "$OFF" walltime)" = 0

seed touch "$WEB" >/dev/null
windows
ok "also when it is renamed" whole "$WEB" "$BEGIN"
RESIZED=$(seed resize "$WEB" 8)
windows
ok "a resized server has two runs" is "select group_concat((ended_at_ts / 1000) || ' ' || json_extract(allocation, '\$.vcpus'), ', ') from
	(select * from units where uuid = '$WEB' order by started_at)" "$RESIZED 2, 0 8"
ok "that lack no second" whole "$WEB" "$BEGIN"
ok "each with its flavor, the new one with a vGPU" is "select group_concat((json_extract(total_time_seconds, '\$.alloc_cputime') /
	json_extract(total_time_seconds, '\$.walltime')) || ' ' || (json_extract(total_time_seconds, '\$.alloc_gputime') /
	json_extract(total_time_seconds, '\$.walltime')), ', ') from (select * from units where uuid = '$WEB' order by started_at)" '2 0, 8 1'
is_time() { [ "$(date +%s)" -ge "$1" ]; }
wait_until $((2 * TOKEN_LIFE)) is_time $((STARTED + TOKEN_LIFE + 1))
windows
ok "tokens that have expired are replaced without a word" log_count 0 'level=ERROR'

stop nova
ok "Nova that is away is told" wait_until "$PATIENCE" grep -q 'openstack service compute is unreachable' "$T/api.log"
DELETED=$(seed delete "$DBS")
start_nova
windows
ok "and forgiven" log_count 1 'collection works again'
ok "a server that was deleted meanwhile ends when it did" is "select ended_at_ts / 1000 from units where uuid = '$DBS'" "$DELETED"
ok "and nothing is lost of another" whole "$WEB" "$BEGIN"
ok "it ends well" stop api

SEEN=$(mark)
seed delete "$OFF" >/dev/null
nm db archive_deleted_rows --all-cells --until-complete
server
wait_until "$PATIENCE" healthy
windows
ok "a server that is gone from Nova's database ended when it was seen last" is "select (ended_at_ts / 1000) || state from units where uuid = '$OFF'" \
	"${SEEN}DELETED"
ok "a restart loses nothing" whole "$WEB" "$BEGIN"
ok "it ends well again" stop api
stop nova
stop keystone
stop network 143
done_testing
