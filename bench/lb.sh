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
ninja -C "$B" bench/bench_proxy bench/bench_library ceems_lb >/dev/null
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
nginx_config server "server { listen 127.0.0.1:$SERVER_PORT backlog=4096; root $T/www; error_page 405 =200 \$uri;
	location = /api/v1/query { rewrite ^ /2k; } location = /api/v1/query_range { rewrite ^ /64k; } }"
nginx_config nginx "upstream s { server 127.0.0.1:$SERVER_PORT; keepalive 1024; keepalive_requests 100000000; }
	server { listen 127.0.0.1:$NGINX_PORT backlog=4096; location / { proxy_pass http://s; proxy_http_version 1.1;
	proxy_set_header Connection ''; proxy_set_header Host \$host; } }"
launch server $LOAD_CORE nginx -p "$T/server" -c "$T/server/nginx.conf"
launch nginx $PROXY_CORE nginx -p "$T/nginx" -c "$T/nginx/nginx.conf"
wait_port "$SERVER_PORT"
wait_port "$NGINX_PORT"
launch ours $PROXY_CORE "$B/bench/bench_proxy" --quiet "http://127.0.0.1:$SERVER_PORT"
OUR_PORT=$(wait_out ours)
launch library $PROXY_CORE "$B/bench/bench_library" "http://127.0.0.1:$SERVER_PORT"
LIBRARY_PORT=$(wait_out library)
LB_PORT=$(free_port)
mkdir "$T/data"
NOW=$(date +%s)
awk -v now="$NOW" 'BEGIN {
	for (p = 0; p < 1000; p++) print "project alpha p" p " u" p
	for (u = 0; u < 100000; u++) print "unit alpha " u " p" u % 1000 " " now - 3600 }' |
	/usr/bin/python3 tests/lib/owners_database.py src/api/sql "$T/data/ceems.db"
printf 'ceems_lb: {backends: [{id: alpha, tsdb: [{web: {url: "http://127.0.0.1:%s"}}]}]}\nceems_api_server: {data: {path: %s}}\n' \
	"$SERVER_PORT" "$T/data" >"$T/lb.yml"
chmod -R a+rX "$T/data" "$T/lb.yml"
launch lb $PROXY_CORE "$B/ceems_lb" --config.file="$T/lb.yml" --web.listen-address=127.0.0.1:"$LB_PORT" --log.level=warn
wait_port "$LB_PORT"

# Eight users, so that none has more requests under way than limits.requests_per_user.
cat >"$T/load.lua" <<'END'
local now = tonumber(os.getenv("WRK_NOW"))
local requests, at = {}, 0
function init()
	for i = 1, 8 do
		local unit = 7000 + i
		local body = 'query=rate%28ceems_compute_unit_cpu_user_seconds_total%7Buuid%3D%22' .. unit ..
			'%22%2Cinstance%3D~%22node.%2A%22%7D%5B5m%5D%29'
		local headers = { ["X-Grafana-User"] = "u" .. i, ["X-Ceems-Cluster-Id"] = "alpha" }
		if os.getenv("WRK_FILE") == "64k" then
			body = body .. "&start=" .. now - 1800 .. "&end=" .. now .. "&step=15"
		end
		if os.getenv("WRK_METHOD") == "POST" then
			headers["Content-Type"] = "application/x-www-form-urlencoded"
			requests[i] = wrk.format("POST", nil, headers, body)
		else
			requests[i] = wrk.format("GET", wrk.path .. "?" .. body, headers)
		end
	end
end
function request()
	at = at % 8 + 1
	return requests[at]
end
END
pid_of() { cat "$T/$1.pid"; }
port_of() { case $1 in nginx) echo "$NGINX_PORT" ;; library) echo "$LIBRARY_PORT" ;; lb) echo "$LB_PORT" ;; *) echo "$OUR_PORT" ;; esac; }
cpu_us() { awk '{ s += $1 } END { printf "%d\n", s / 1000 }' /proc/"$(pid_of "$1")"/task/*/schedstat; }
rss_kb() { awk '/VmRSS/ { print $2 }' /proc/"$(pid_of "$1")"/status; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
load() { # NAME CONNECTIONS FILE GET|POST SECONDS: what wrk says, in $T/wrk
	local path=/api/v1/query
	[ "$3" = 2k ] || path=/api/v1/query_range
	WRK_NOW=$NOW WRK_METHOD=$4 WRK_FILE=$3 taskset -c $LOAD_CORE wrk -t1 -c"$2" -d"$5"s --timeout 30s --latency -s "$T/load.lua" \
		"http://127.0.0.1:$(port_of "$1")$path" >"$T/wrk"
}
requests() { awk '/requests in/ { print $1 }' "$T/wrk"; }
p99_us() { awk '$1 == "99%" { v = $2; u = v; sub(/[0-9.]+/, "", u); sub(/[a-z]+/, "", v)
	print int(v * (u == "us" ? 1 : u == "ms" ? 1000 : 1000000)) }' "$T/wrk"; }
complain() { grep -E 'Socket errors|Non-2xx' "$T/wrk" && FAILED=1 || true; }
# Before the memory of others can be used again.
FAILED=0
/usr/bin/python3 - "$OUR_PORT" "$(pid_of ours)" "$NGINX_PORT" "$(pid_of nginx)" <<'END' || FAILED=1
import re, socket, sys
def rss(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status').read())[1])
failed = 0
for name, port, pid in (('ours', sys.argv[1], sys.argv[2]), ('nginx', sys.argv[3], sys.argv[4])):
    n, before, socks = 1900, rss(pid), []
    for _ in range(n):
        s = socket.create_connection(('127.0.0.1', int(port)))
        s.sendall(b'GET /2k HTTP/1.1\r\nHost: h\r\n\r\n')
        got = b''
        while len(got) < 2048:
            got += s.recv(65536)
        socks.append(s)
    per = (rss(pid) - before) * 1024 / n
    print(f'Memory of an idle connection, {name}: {per:.0f} bytes ({n} connections after a request each)')
    failed |= name == 'ours' and per > 50 * 1024
sys.exit(failed)
END

echo "Requests per second of CPU time, 32 connections (median of $ROUNDS rounds of $SECONDS_EACH s), p99 of 8 (ms):"
printf '%-10s %9s %9s %9s %9s  %8s %8s  %s\n' case nginx engine ceems_lb libraries engine ceems_lb 'p99 nginx, engine, ceems_lb'
declare -A rate p99
for method in GET POST; do
	for file in 2k 64k; do
		for who in nginx ours lb library; do rate[$who]='' p99[$who]=''; done
		for _ in $(seq "$ROUNDS"); do
			for who in nginx ours lb library; do
				a=$(cpu_us $who)
				load $who 32 $file $method "$SECONDS_EACH"
				b=$(cpu_us $who)
				complain
				rate[$who]+=" $(($(requests) * 1000000 / (b - a + 1)))"
				load $who 8 $file $method 1
				p99[$who]+=" $(p99_us)"
			done
		done
		for who in nginx ours lb library; do
			# shellcheck disable=SC2086
			rate[$who]=$(median ${rate[$who]}) p99[$who]=$(median ${p99[$who]})
		done
		awk -v c="$method $file" -v n="${rate[nginx]}" -v o="${rate[ours]}" -v g="${rate[lb]}" -v l="${rate[library]}" \
			-v pn="${p99[nginx]}" -v po="${p99[ours]}" -v pg="${p99[lb]}" 'BEGIN {
			printf "%-10s %9d %9d %9d %9d  %8.2f %8.2f  %.2f, %.2f, %.2f\n", c, n, o, g, l, o / n, g / n, pn / 1000, po / 1000, pg / 1000
			exit o / n < 0.9 || g / n < 0.9 || po > pn + 1000 || pg > pn + 1000 }' || FAILED=1
	done
done

echo
echo "1,000 connections, 2 KB, 3 s:"
for who in nginx ours lb; do
	load $who 1000 2k GET 3
	echo "$who: $(requests) requests, p99 $(($(p99_us) / 1000)) ms, errors: $(grep -E 'Socket errors|Non-2xx' "$T/wrk" || echo none)"
	[ $who = nginx ] || complain >/dev/null
done

echo
echo "System calls a request (GET 2k, 8 connections):"
for who in nginx ours lb; do
	timeout -s INT 4 strace -f -c -o "$T/strace" -p "$(pid_of $who)" 2>/dev/null &
	tracer=$!
	sleep 0.5
	load $who 8 2k GET 2
	wait $tracer || true
	awk -v w=$who -v n="$(requests)" '$NF != "total" && $4 ~ /^[0-9]+$/ && $4 > n / 20 { s = s sprintf(" %s %.2f", $NF, $4 / n); t += $4 }
		END { printf "%s: %.2f:%s\n", w, t / n, s }' "$T/strace"
done

echo
for who in ours lb; do
	load $who 64 2k GET 3
	before=$(rss_kb $who) done=0
	while [ "$done" -lt "$REQUESTS" ]; do
		load $who 64 2k GET 10
		done=$((done + $(requests)))
		complain
	done
	after=$(rss_kb $who)
	echo "Memory of $who: $before KiB, after $done requests $after KiB"
	[ $((after - before)) -lt 1024 ] || FAILED=1
done
[ $FAILED = 0 ] || echo "an aim is missed"
exit $FAILED
