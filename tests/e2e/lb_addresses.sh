# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Where ceems_lb listens: IPv6, both families, one address for each kind of servers, vsock, sockets of systemd; and
# the web config there: TLS with passwords, client certificates, files that change while it runs.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
C=$T/web
mkdir -p "$T/data" "$T/prom" "$C"
chmod 755 "$T" "$T/data" "$C"
start prom /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_upstream.py" "$T/prom"
wait_until 20 test -s "$T/prom/port"
SERVER=http://127.0.0.1:$(cat "$T/prom/port")
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
unit alpha 7001 p1 $((NOW - 3600))
R
cat >"$T/config.yml" <<Y
ceems_lb: {backends: [{id: alpha, tsdb: [{web: {url: "$SERVER"}}], pyroscope: [{web: {url: "$SERVER"}}]}]}
ceems_api_server: {data: {path: $T/data}}
Y
cat >"$T/one.yml" <<Y
ceems_lb: {backends: [{id: alpha, tsdb: [{web: {url: "$SERVER"}}]}]}
ceems_api_server: {data: {path: $T/data}}
Y
chmod 644 "$T"/*.yml "$T/data/ceems.db"
Q='/api/v1/query?query=m%7Buuid%3D%227001%22%7D'
asks() { # STATUS URL [CURL...]
	local status=$1 got
	shift
	got=$(curl -sS -m 10 -g -o "$T/body" -w '%{http_code}' -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "$@")
	[ "$got" = "$status" ] || { echo "status $got"; cat "$T/body"; return 1; }
}
refused_by() { # TEXT COMMAND...
	local text=$1 status=0
	shift
	timeout 20 "$@" >"$T/refused" 2>&1 || status=$?
	[ "$status" = 1 ] && grep -qF -- "$text" "$T/refused" || { echo "status $status"; cat "$T/refused"; return 1; }
}

# Addresses.
PORT=$(free_port)
PPORT=$(free_port)
THIRD=$(free_port)
if (exec 3<>"/dev/tcp/::1/$(cat "$T/prom/port")") 2>&1 | grep -q 'refused'; then
	start six "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="[::1]:$PORT" \
		--web.listen-address="localhost:$PPORT" --web.listen-address="127.0.0.1:$THIRD"
	ok "IPv6 is listened on" wait_until 20 asks 200 "http://[::1]:$PORT$Q"
	ok "and told to the server" jq -e '.[4]."X-Forwarded-For" == "::1"' "$T/body"
	ok "and to the log" grep -q 'msg=request.*peer=::1' "$T/six.log"
	ok "it is named when it begins" grep -q "address=\"\?\[::1\]:$PORT" "$T/six.log"
	ok "IPv4 isn't, then" sh -c "! curl -s -m 5 'http://127.0.0.1:$PORT/health'"
	ok "the second address is Pyroscope's" asks 403 "http://localhost:$PPORT/querier.v1.QuerierService/ProfileTypes" -X POST -d ''
	ok "a third one has no use" sh -c "! curl -s -m 5 'http://127.0.0.1:$THIRD/health'"
	ok "this one ends well" stop six
else
	skip "IPv6" "this host has none"
fi
ok "an address too few is said" refused_by 'insufficient --web.listen-address. Expected 2 got 1' "$BIN/ceems_lb" \
	--config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
ok "an address that is taken, too" refused_by 'Address already in use' "$BIN/ceems_lb" --config.file="$T/one.yml" \
	--web.listen-address="127.0.0.1:$(cat "$T/prom/port")"
ok "nonsense, too" refused_by 'is no port number' "$BIN/ceems_lb" --config.file="$T/one.yml" --web.listen-address=127.0.0.1:http

# Passwords and certificates.
cd "$C" || exit 1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.crt 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other -keyout other.key -out other.crt 2>/dev/null
certificate() { # NAME AUTHORITY SAN
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -days 2 -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -out "$1.crt" \
		-extfile <(echo "subjectAltName=$3") 2>/dev/null
}
certificate first ca IP:127.0.0.1,IP:::1
certificate second ca IP:127.0.0.1,IP:::1
certificate grafana ca DNS:grafana.internal
certificate guest ca DNS:guest.internal
certificate stranger other DNS:grafana.internal
cp first.crt server.crt
cp first.key server.key
hash_of() { /usr/bin/python3 -W ignore -c 'import crypt, sys; print(crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' "$1"; }
PW=$(hash_of pw)
web() { # TLS [PASSWORDS]
	printf 'tls_server_config: {cert_file: server.crt, key_file: server.key%s}\n%s\n' "$1" "${2:-}" >"$C/web.new"
	chmod 644 "$C/web.new"
	mv "$C/web.new" "$C/web.yml"
}
web ', min_version: TLS13' "basic_auth_users: {grafana: \"$PW\"}"
chmod a+r ./*
PORT=$(free_port)
B=https://127.0.0.1:$PORT
start tls "$BIN/ceems_lb" --config.file="$T/one.yml" --web.config.file="$C/web.yml" --web.listen-address=":$PORT"
CA=(--cacert "$C/ca.crt")
ok "TLS and a password" wait_until 20 asks 200 "${CA[@]}" -u grafana:pw "$B$Q"
ok "which is asked for" asks 401 "${CA[@]}" "$B$Q"
ok "and checked" asks 401 "${CA[@]}" -u grafana:wrong "$B$Q"
ok "on both families" asks 200 "${CA[@]}" -u grafana:pw "https://[::1]:$PORT$Q"
ok "plain HTTP is told so" asks 400 "http://127.0.0.1:$PORT$Q"
ok "in the words of the other programs" grep -qx 'Client sent an HTTP request to an HTTPS server.' "$T/body"
ok "versions that are too old are refused" sh -c "! curl -s -m 10 --cacert ca.crt --tls-max 1.2 -u grafana:pw '$B/health'"
version_of() { [ "$(curl -sS -m 10 -o "$T/body" -w '%{http_version}' "$@")" = 1.1 ]; }
ok "who would speak HTTP/2 speaks 1.1" version_of "${CA[@]}" --http2 -u grafana:pw "$B$Q"
no_h2() { # the preface of HTTP/2 is no request
	printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' | timeout 10 openssl s_client -quiet -connect "127.0.0.1:$PORT" 2>/dev/null | head -n 1 |
		tee "$T/first" | grep -E '^HTTP/1.1 (400|505) '
}
ok "and without asking it gets no further" no_h2
many() { # keeps connections with TLS and passwords
	local i
	for i in $(seq 200); do echo "url = $B$Q"; echo "output = $T/parallel.$((i % 7))"; done >"$T/curl"
	[ "$(curl -sS -m 60 --parallel --parallel-max 20 -K "$T/curl" -w '%{http_code}\n' "${CA[@]}" -u grafana:pw -H 'X-Grafana-User: ines' \
		-H 'X-Ceems-Cluster-Id: alpha' | sort | uniq -c | awk '{ print $1, $2 }')" = "200 200" ]
}
ok "two hundred requests over twenty connections" many

# Files that change.
web ', min_version: TLS13' "basic_auth_users: {grafana: \"$(hash_of new)\"}"
ok "another password counts" asks 200 "${CA[@]}" -u grafana:new "$B$Q"
ok "and the old one doesn't" asks 401 "${CA[@]}" -u grafana:pw "$B$Q"
shown() { echo | timeout 10 openssl s_client -connect "127.0.0.1:$PORT" 2>/dev/null | openssl x509 -noout -subject | tee "$T/subject" | grep -qF "$1"; }
ok "the certificate" shown 'CN = first'
cp second.crt server.crt && cp second.key server.key
ok "is another one" wait_until 20 shown 'CN = second'
echo 'nonsense: true' >"$C/web.yml"
broken() { ! curl -s -m 10 "${CA[@]}" -u grafana:new "$B/health" || ! curl -sf -m 10 "${CA[@]}" "$B/health"; }
ok "a file with an error lets nobody in" broken
ok "nor does it without a password" sh -c "! curl -sf -m 10 --cacert ca.crt '$B/health'"
web '' "basic_auth_users: {grafana: \"$PW\"}"
ok "until it is good" wait_until 20 asks 200 "${CA[@]}" -u grafana:pw "$B$Q"
web ', client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [grafana.internal]'
ok "who shows a certificate needs no password" wait_until 20 asks 200 "${CA[@]}" --cert grafana.crt --key grafana.key "$B$Q"
ok "this one ends well" stop tls

# Client certificates, as they are given at the start; nobody else is believed.
start mutual "$BIN/ceems_lb" --config.file="$T/one.yml" --web.config.file="$C/web.yml" --web.listen-address=":$PORT" \
	--web.trusted-proxies=192.0.2.1
ok "a certificate is enough" wait_until 20 asks 200 "${CA[@]}" --cert grafana.crt --key grafana.key "$B$Q"
for name in guest stranger; do
	ok "not that of $name" sh -c "! curl -s -m 10 --cacert ca.crt --cert $name.crt --key $name.key '$B/health'"
done
ok "none is not" sh -c "! curl -s -m 10 --cacert ca.crt '$B/health'"
ok "it ends well, too" stop mutual

# Sockets of systemd: as many as there are kinds of servers, of any family.
web '' "basic_auth_users: {grafana: \"$PW\"}"
printf 'basic_auth_users: {grafana: "%s"}\n' "$PW" >"$C/users.yml"
chmod 644 "$C/users.yml"
cat >"$T/pass.py" <<'P'
"""pass.py ADDRESS... -- COMMAND: passes a listening socket for each address (a path, PORT of [::1], or v:PORT)."""
import os, socket, sys
at = sys.argv.index("--")
sockets = []
for address in sys.argv[1:at]:
    if address.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.bind(address)
        os.chmod(address, 0o777)
    elif address.startswith("v:"):
        s = socket.socket(socket.AF_VSOCK)
        s.bind((socket.VMADDR_CID_ANY, int(address[2:])))
    else:
        s = socket.socket(socket.AF_INET6)
        s.bind(("::1", int(address)))
    s.listen()
    sockets.append(s)
high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
    os.set_inheritable(3 + i, True)
    os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)))
os.execv(sys.argv[at + 1], sys.argv[at + 1:])
P
PORT=$(free_port)
start unix /usr/bin/python3 "$T/pass.py" "$T/socket" "$PORT" -- "$BIN/ceems_lb" --config.file="$T/config.yml" --web.systemd-socket \
	--web.config.file="$C/users.yml" --web.trusted-proxies=192.0.2.1
ok "a socket of this machine with a password" wait_until 20 asks 200 --unix-socket "$T/socket" -u grafana:pw "http://lb$Q"
ok "and not without" asks 401 --unix-socket "$T/socket" "http://lb$Q"
ok "its peer has no address" sh -c "tail -n 40 '$T/unix.log' | grep 'msg=request' | grep -q 'peer=local'"
ok "the second one is Pyroscope's" asks 403 -u grafana:pw "http://[::1]:$PORT/querier.v1.QuerierService/ProfileTypes" -X POST -d ''
ok "systemd is named" grep -q 'listening=systemd' "$T/unix.log"
ok "in a line of its own" grep -q 'msg="Listening on systemd activated listeners instead of port listeners."' "$T/unix.log"
ok "that one ends well" stop unix
rm -f "$T/socket"
ok "a socket too few is said" refused_by 'systemd passed 1 sockets, and 2 are needed' /usr/bin/python3 "$T/pass.py" "$PORT" -- "$BIN/ceems_lb" \
	--config.file="$T/config.yml" --web.systemd-socket
ok "a socket whose peers have no address needs a password" refused_by '--web.trusted-proxies=CIDR' /usr/bin/python3 "$T/pass.py" "$T/socket" -- "$BIN/ceems_lb" \
	--config.file="$T/one.yml" --web.systemd-socket
ok "none at all is said, too" refused_by 'systemd passed no socket' "$BIN/ceems_lb" --config.file="$T/one.yml" --web.systemd-socket \
	--web.config.file="$C/users.yml"

# vsock: guests of this machine, which have no address either.
VPORT=$((20000 + RANDOM))
vsock() { # USER:PASSWORD: prints the answer
	timeout 20 /usr/bin/python3 - "$VPORT" "$Q" "$1" <<'P'
import base64, socket, sys
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
s.settimeout(2)
s.connect((1, int(sys.argv[1])))
login = base64.b64encode(sys.argv[3].encode()).decode()
s.sendall(f"GET {sys.argv[2]} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Grafana-User: ines\r\nX-Ceems-Cluster-Id: alpha\r\n"
          f"Authorization: Basic {login}\r\n\r\n".encode())
while data := s.recv(65536):
    sys.stdout.write(data.decode())
P
}
if /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_VSOCK).bind((socket.VMADDR_CID_ANY, 0xffffffff))' 2>/dev/null; then
	ok "vsock without a password is refused" refused_by '--web.trusted-proxies=CIDR' "$BIN/ceems_lb" --config.file="$T/one.yml" \
		--web.listen-address="vsock://:$VPORT"
	start vsock "$BIN/ceems_lb" --config.file="$T/one.yml" --web.listen-address="vsock://:$VPORT" --web.config.file="$C/users.yml"
	ok "with one it is listened on" wait_until 20 grep -q "address=\"\?vsock://:$VPORT" "$T/vsock.log"
	if vsock grafana:pw >"$T/answer" 2>"$T/vsock.err"; then
		ok "and answered" grep -q '^HTTP/1.1 200' "$T/answer"
		denied() { vsock grafana:wrong | grep -q '^HTTP/1.1 401'; }
		ok "or not" denied
	else
		skip "and answered" "$(tail -n 1 "$T/vsock.err"): needs the module vsock_loopback"
	fi
	ok "it ends as well" stop vsock
else
	skip "vsock" "this kernel has none"
fi
done_testing
