# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Whom ceems_lb believes, by listener: passwords, client certificates, networks, inherited sockets. What it gives up
# when it was started as root. A reload under load.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
mkdir -p "$T/data" "$T/prom"
chmod 755 "$T"
start prom /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_upstream.py" "$T/prom"
wait_until 20 test -s "$T/prom/port"
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
unit alpha 7001 p1 $((NOW - 3600))
R
cat >"$T/config.yml" <<C
ceems_lb: {backends: [{id: alpha, tsdb: [{web: {url: "http://127.0.0.1:$(cat "$T/prom/port")"}}]}]}
ceems_api_server: {data: {path: $T/data}}
C
Q='/api/v1/query?query=m%7Buuid%3D%227001%22%7D'
asks() { # STATUS URL [CURL...]
	local status=$1 got
	shift
	got=$(curl -sS -m 10 -g -o "$T/body" -w '%{http_code}' -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "$@")
	[ "$got" = "$status" ] || { echo "status $got"; cat "$T/body"; return 1; }
}
# An address of this host that isn't the loopback's.
OTHER=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m 1 '^[0-9.]*$')

# Started as root it becomes nobody, who can't read any of this but for the entries that it makes.
chmod 700 "$T/data"
chmod 600 "$T/config.yml" "$T/data/ceems.db"
modes() { stat -c '%a %n' "$T/data" "$T/config.yml" "$T/data/ceems.db"; }
modes >"$T/modes"
PORT=$(free_port)
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
ok "files that are closed to others are read" wait_until 20 asks 200 "http://127.0.0.1:$PORT$Q"
unprivileged() { # the process has another user and no capabilities
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$(cat "$T/lb.pid")/status")" != 0 ] &&
		[ "$(awk '/^CapEff:/ { print $2 }' "/proc/$(cat "$T/lb.pid")/status")" = 0000000000000000 ]
}
if [ "$(id -u)" = 0 ]; then
	ok "without being root" unprivileged
else
	skip "without being root" "the test doesn't run as root"
fi

# Nothing is lost while the configuration is loaded again and again.
hammer() { # COUNT FILE
	for _ in $(seq "$1"); do
		curl -s -m 10 -o /dev/null -o /dev/null -o /dev/null -w '%{http_code}\n' -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' \
			"http://127.0.0.1:$PORT$Q" "http://127.0.0.1:$PORT$Q" "http://127.0.0.1:$PORT$Q"
	done >"$2"
}
for i in 1 2 3; do
	hammer 25 "$T/hammer.$i" &
	echo $! >"$T/hammer.$i.pid"
done
loaded() { [ "$(grep -c 'was loaded again' "$T/lb.log")" -ge "$1" ]; }
reloads() {
	for i in $(seq 10); do
		kill -HUP "$(cat "$T/lb.pid")"
		wait_until 20 loaded "$i" || return 1
	done
}
ok "ten reloads" reloads
for i in 1 2 3; do
	wait "$(cat "$T/hammer.$i.pid")"
	rm "$T/hammer.$i.pid"
done
all_well() { # 200, 225 times, and nothing else
	sort "$T"/hammer.? | uniq -c | tee "$T/codes"
	[ "$(awk '{ print $1, $2 }' "$T/codes")" = "225 200" ]
}
ok "lose none of many requests" all_well
ok "it ends well" stop lb
as_before() { modes | diff "$T/modes" -; }
ok "and leaves files as they were" as_before
chmod 755 "$T/data"
chmod 644 "$T/config.yml" "$T/data/ceems.db"

# Passwords.
mkdir "$T/web"
HASH=$(/usr/bin/python3 -W ignore -c 'import crypt; print(crypt.crypt("pw", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))')
printf 'basic_auth_users: {grafana: "%s"}\n' "$HASH" >"$T/web/users.yml"
chmod -R a+rX "$T/web"
PORT=$(free_port)
start auth "$BIN/ceems_lb" --config.file="$T/config.yml" --web.config.file="$T/web/users.yml" --web.listen-address=":$PORT"
ok "with a password any address may be listened on" wait_until 20 asks 200 "http://127.0.0.1:$PORT$Q" -u grafana:pw
ok "who has none is asked for it" asks 401 "http://127.0.0.1:$PORT$Q"
ok "in the words of the other programs" grep -qx Unauthorized "$T/body"
ok "also for /health" asks 401 "http://127.0.0.1:$PORT/health"
ok "the server doesn't see the password" sh -c "! grep -q '\"Authorization\"' '$T/prom/requests'"
if [ -n "$OTHER" ]; then
	ok "a password counts from elsewhere" asks 200 "http://$OTHER:$PORT$Q" --interface "$OTHER" -u grafana:pw
else
	skip "a password counts from elsewhere" "this host has no other address"
fi
ok "that one ends well" stop auth

# Networks.
PORT=$(free_port)
start nets "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address=":$PORT" --web.trusted-proxies=192.0.2.0/24
ok "with a network any address may be listened on" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"
ok "and it alone is believed" asks 401 "http://127.0.0.1:$PORT$Q"
ok "which is said" grep -q 'X-Grafana-User of this address is not believed' "$T/body"
ok "others don't see the metrics either" sh -c "[ \$(curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1:$PORT/metrics') = 403 ]"
ok "nor does X-Forwarded-For help" asks 401 "http://127.0.0.1:$PORT$Q" -H 'X-Forwarded-For: 192.0.2.1'
ok "that one ends well, too" stop nets
PORT=$(free_port)
start v4 "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address=":$PORT" --web.trusted-proxies=127.0.0.1,192.0.2.0/24
ok "addresses of both families' sockets are those of IPv4" wait_until 20 asks 200 "http://127.0.0.1:$PORT$Q"
ok "as said" stop v4

# A client certificate.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout "$T/web/ca.key" -out "$T/web/ca.crt" 2>/dev/null
for name in server client; do
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$T/web/$name.key" -out "$T/web/$name.csr" 2>/dev/null
	openssl x509 -req -days 2 -in "$T/web/$name.csr" -CA "$T/web/ca.crt" -CAkey "$T/web/ca.key" -CAcreateserial -out "$T/web/$name.crt" \
		-extfile <(echo subjectAltName=IP:127.0.0.1,DNS:localhost) 2>/dev/null
done
chmod -R a+rX "$T/web"
chmod a+r "$T"/web/*
cat >"$T/web/certs.yml" <<C
tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt, client_auth_type: VerifyClientCertIfGiven}
C
chmod 644 "$T/web/certs.yml"
PORT=$(free_port)
start certs "$BIN/ceems_lb" --config.file="$T/config.yml" --web.config.file="$T/web/certs.yml" --web.listen-address=":$PORT" \
	--web.trusted-proxies=192.0.2.1
CERT=(--cacert "$T/web/ca.crt")
ok "over TLS /health answers" wait_until 20 curl -sf "${CERT[@]}" "https://127.0.0.1:$PORT/health"
ok "without a certificate nobody is believed" asks 401 "${CERT[@]}" "https://127.0.0.1:$PORT$Q"
ok "with one they are" asks 200 "${CERT[@]}" --cert "$T/web/client.crt" --key "$T/web/client.key" "https://127.0.0.1:$PORT$Q"
ok "this one ends well" stop certs

# Sockets of systemd.
cat >"$T/pass.py" <<'P'
import os, socket, sys
s = socket.socket()
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[3], sys.argv[3:])
P
PORT=$(free_port)
start socket /usr/bin/python3 "$T/pass.py" 127.0.0.1 "$PORT" "$BIN/ceems_lb" --config.file="$T/config.yml" --web.systemd-socket
ok "an inherited socket is used" wait_until 20 asks 200 "http://127.0.0.1:$PORT$Q"
ok "which ends well" stop socket
open_socket() {
	local status=0
	timeout 20 /usr/bin/python3 "$T/pass.py" 0.0.0.0 "$PORT" "$BIN/ceems_lb" --config.file="$T/config.yml" --web.systemd-socket 2>"$T/err" || status=$?
	[ "$status" = 1 ] && grep -q -- '--web.trusted-proxies=CIDR' "$T/err"
}
ok "one that is open to all is refused with access control" open_socket
done_testing
