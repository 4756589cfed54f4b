#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench/lb.sh [ROUNDS [SECONDS [REQUESTS]]] (5 3 1000000): what the load balancer's proxy engine costs beside
# nginx's proxy_pass with kept connections, and beside a proxy that libmicrohttpd and libcurl make. Each runs
# on one core, the server (nginx) and the load (wrk) on another; they take turns, and the medians count:
#   requests per second of the proxy's own CPU time, which a busy machine disturbs least, and their ratio;
#   p99 of 8 connections; errors of 1,000; system calls a request; memory of an idle connection and after
#   REQUESTS requests. Exit status 1 when an aim is missed. On other programs than the engine:
#   PROXY_COMMAND='ceems_lb ...' PROXY_PORT=9030 WRK_HEADERS='-H ...' (the server is 127.0.0.1:$SERVER_PORT).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
ROUNDS=${1:-5} SECONDS_EACH=${2:-3} REQUESTS=${3:-1000000}
for tool in nginx wrk strace taskset meson ninja; do
	PATH=$PATH:/usr/sbin command -v $tool >/dev/null || { echo "bench: $tool is needed (tools/install-packages bench test)" >&2; exit 2; }
done
PATH=$PATH:/usr/sbin
B=${BENCH_BUILD:-build/bench}
[ -f "$B/build.ninja" ] || meson setup "$B" --buildtype=release -Dbench=true -Dtests=false >/dev/null
ninja -C "$B" bench/bench_proxy bench/bench_library >/dev/null
T=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/ceems-bench.XXXXXX")
PIDS=()
trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}" 2>/dev/null; rm -rf "$T"' EXIT
chmod 755 "$T" # nginx's worker is another user when root starts it
ulimit -n "$(ulimit -Hn)" || true
LOAD_CORE=0 PROXY_CORE=1
[ "$(nproc)" -gt 1 ] || PROXY_CORE=0

free_port() { /usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
nginx_config() { # NAME HTTP: a worker on its own
	local d=$T/$1
	mkdir -p "$d/tmp"
	cat >"$d/nginx.conf" <<-END
		daemon off; master_process off; worker_processes 1; pid $d/pid; error_log $d/log warn; worker_rlimit_nofile 8192;
		events { worker_connections 4096; }
		http { access_log off; client_body_temp_path $d/tmp; proxy_temp_path $d/tmp; fastcgi_temp_path $d/tmp;
		uwsgi_temp_path $d/tmp; scgi_temp_path $d/tmp; keepalive_requests 100000000; sendfile on; tcp_nopush on;
		$2 }
	END
}
launch() { # NAME CORE COMMAND...: its pid in $T/NAME.pid, its output in $T/NAME.out
	local name=$1 core=$2
	shift 2
	taskset -c "$core" "$@" >"$T/$name.out" 2>"$T/$name.err" &
	PIDS+=($!)
	echo $! >"$T/$name.pid"
}
wait_port() { # PORT
	for _ in $(seq 200); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
		sleep 0.05
	done
	cat "$T"/*.err >&2
	exit 2
}
wait_out() { # NAME: the port that it prints
	for _ in $(seq 200); do
		[ -s "$T/$1.out" ] && cat "$T/$1.out" && return
		sleep 0.05
	done
	cat "$T/$1.err" >&2
	exit 2
}
SERVER_PORT=${SERVER_PORT:-$(free_port)} NGINX_PORT=$(free_port)
mkdir -p "$T/www"
head -c 2048 /dev/zero | tr '\0' a >"$T/www/2k"
head -c 65536 /dev/zero | tr '\0' b >"$T/www/64k"
nginx_config server "server { listen 127.0.0.1:$SERVER_PORT backlog=4096; root $T/www; error_page 405 =200 \$uri; }"
nginx_config nginx "upstream s { server 127.0.0.1:$SERVER_PORT; keepalive 1024; keepalive_requests 100000000; }
	server { listen 127.0.0.1:$NGINX_PORT backlog=4096; location / { proxy_pass http://s; proxy_http_version 1.1;
	proxy_set_header Connection ''; proxy_set_header Host \$host; } }"
launch server $LOAD_CORE nginx -p "$T/server" -c "$T/server/nginx.conf"
launch nginx $PROXY_CORE nginx -p "$T/nginx" -c "$T/nginx/nginx.conf"
wait_port "$SERVER_PORT"
wait_port "$NGINX_PORT"
if [ -n "${PROXY_COMMAND:-}" ]; then
	# shellcheck disable=SC2086
	launch ours $PROXY_CORE $PROXY_COMMAND
	wait_port "${PROXY_PORT:?}"
	OUR_PORT=$PROXY_PORT
else
	launch ours $PROXY_CORE "$B/bench/bench_proxy" --quiet "http://127.0.0.1:$SERVER_PORT"
	OUR_PORT=$(wait_out ours)
fi
launch library $PROXY_CORE "$B/bench/bench_library" "http://127.0.0.1:$SERVER_PORT"
LIBRARY_PORT=$(wait_out library)

cat >"$T/post.lua" <<'END'
wrk.method = "POST"
wrk.body = "query=" .. string.rep("x", 200)
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
END
pid_of() { cat "$T/$1.pid"; }
port_of() { case $1 in nginx) echo "$NGINX_PORT" ;; library) echo "$LIBRARY_PORT" ;; *) echo "$OUR_PORT" ;; esac; }
cpu_us() { awk '{ s += $1 } END { printf "%d\n", s / 1000 }' /proc/"$(pid_of "$1")"/task/*/schedstat; }
rss_kb() { awk '/VmRSS/ { print $2 }' /proc/"$(pid_of "$1")"/status; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
load() { # NAME CONNECTIONS FILE GET|POST SECONDS: what wrk says, in $T/wrk
	local script=()
	[ "$4" = GET ] || script=(-s "$T/post.lua")
	# shellcheck disable=SC2086
	taskset -c $LOAD_CORE wrk -t1 -c"$2" -d"$5"s --timeout 30s --latency "${script[@]}" ${WRK_HEADERS:-} \
		"http://127.0.0.1:$(port_of "$1")/$3${WRK_QUERY:-}" >"$T/wrk"
}
requests() { awk '/requests in/ { print $1 }' "$T/wrk"; }
p99_us() { awk '$1 == "99%" { v = $2; u = v; sub(/[0-9.]+/, "", u); sub(/[a-z]+/, "", v)
	print int(v * (u == "us" ? 1 : u == "ms" ? 1000 : 1000000)) }' "$T/wrk"; }
complain() { grep -E 'Socket errors|Non-2xx' "$T/wrk" && FAILED=1 || true; }
# Before the memory of others can be used again.
FAILED=0
/usr/bin/python3 - "$OUR_PORT" "$(pid_of ours)" "$NGINX_PORT" "$(pid_of nginx)" "${WRK_QUERY:-}" "${WRK_HEADERS:-}" <<'END' || FAILED=1
import re, socket, sys
def rss(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status').read())[1])
extra = ''.join(h + '\r\n' for h in re.findall(r"-H *'?([^']+?)'?(?= -H|$)", sys.argv[6]))
failed = 0
for name, port, pid in (('ours', sys.argv[1], sys.argv[2]), ('nginx', sys.argv[3], sys.argv[4])):
    n, before, socks = 1900, rss(pid), []
    for _ in range(n):
        s = socket.create_connection(('127.0.0.1', int(port)))
        s.sendall(f'GET /2k{sys.argv[5]} HTTP/1.1\r\nHost: h\r\n{extra}\r\n'.encode())
        got = b''
        while len(got) < 2048:
            got += s.recv(65536)
        socks.append(s)
    per = (rss(pid) - before) * 1024 / n
    print(f'Memory of an idle connection, {name}: {per:.0f} bytes ({n} connections after a request each)')
    failed |= name == 'ours' and per > 50 * 1024
sys.exit(failed)
END

echo "Requests per second of CPU time, 32 connections (median of $ROUNDS rounds of $SECONDS_EACH s), p99 of 8:"
printf '%-10s %9s %9s %9s  %-12s %s\n' case ours nginx libraries ours/nginx 'p99 ours, nginx (ms)'
for method in GET POST; do
	for file in 2k 64k; do
		declare -A rate=([ours]='' [nginx]='' [library]='') p99=([ours]='' [nginx]='' [library]='')
		for _ in $(seq "$ROUNDS"); do
			for who in nginx ours library; do
				a=$(cpu_us $who)
				load $who 32 $file $method "$SECONDS_EACH"
				b=$(cpu_us $who)
				complain
				rate[$who]+=" $(($(requests) * 1000000 / (b - a + 1)))"
				load $who 8 $file $method 1
				p99[$who]+=" $(p99_us)"
			done
		done
		# shellcheck disable=SC2086
		o=$(median ${rate[ours]}) n=$(median ${rate[nginx]}) l=$(median ${rate[library]})
		# shellcheck disable=SC2086
		po=$(median ${p99[ours]}) pn=$(median ${p99[nginx]})
		awk -v c="$method $file" -v o="$o" -v n="$n" -v l="$l" -v po="$po" -v pn="$pn" 'BEGIN {
			printf "%-10s %9d %9d %9d  %-12.2f %.2f, %.2f\n", c, o, n, l, o / n, po / 1000, pn / 1000
			exit o / n < 0.9 || po > pn + 1000 }' || FAILED=1
	done
done

echo
echo "1,000 connections, 2 KB, 3 s:"
for who in nginx ours; do
	load $who 1000 2k GET 3
	echo "$who: $(requests) requests, p99 $(($(p99_us) / 1000)) ms, errors: $(grep -E 'Socket errors|Non-2xx' "$T/wrk" || echo none)"
	[ $who = nginx ] || complain >/dev/null
done

echo
echo "System calls a request (GET 2k, 8 connections):"
for who in nginx ours; do
	timeout -s INT 4 strace -f -c -o "$T/strace" -p "$(pid_of $who)" 2>/dev/null &
	tracer=$!
	sleep 0.5
	load $who 8 2k GET 2
	wait $tracer || true
	awk -v w=$who -v n="$(requests)" '$NF != "total" && $4 ~ /^[0-9]+$/ && $4 > n / 20 { s = s sprintf(" %s %.2f", $NF, $4 / n); t += $4 }
		END { printf "%s: %.2f:%s\n", w, t / n, s }' "$T/strace"
done

echo
load ours 64 2k GET 3
BEFORE=$(rss_kb ours) DONE=0
while [ "$DONE" -lt "$REQUESTS" ]; do
	load ours 64 2k GET 10
	DONE=$((DONE + $(requests)))
	complain
done
AFTER=$(rss_kb ours)
echo "Memory: $BEFORE KiB, after $DONE requests $AFTER KiB"
[ $((AFTER - BEFORE)) -lt 1024 ] || FAILED=1
[ $FAILED = 0 ] || echo "an aim is missed"
exit $FAILED
