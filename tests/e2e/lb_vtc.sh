#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The scripts of tests/e2e/lb/ against the load balancer's proxy engine, by varnishtest.
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

run() { # SCRIPT
	local server proxy status=0
	server=$(free_port)
	proxy=$(free_port)
	rm -f "$T/proxy.out"
	start proxy "$BIN/tests/proxy_peer" --listen=127.0.0.1:"$proxy" "http://127.0.0.1:$server"
	wait_until 30 test -s "$T/proxy.out" || return 1
	varnishtest -D server="$server" -D proxy="$proxy" "$1" || status=1
	stop proxy || status=1
	return $status
}

for script in "$CEEMS_SOURCE"/tests/e2e/lb/*.vtc; do
	if command -v varnishtest >/dev/null; then
		ok "$(basename "$script" .vtc)" run "$script"
	else
		skip "$(basename "$script" .vtc)" "varnishtest is not installed"
	fi
done
done_testing
