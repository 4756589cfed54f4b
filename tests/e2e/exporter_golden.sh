#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole answer of the exporter for trees in the shape of known machines. --update rewrites the
# expected answers; look at the diff.
#   golden NAME TREE FLAG...    tests/golden/exporter/NAME.txt for tests/fixtures/TREE
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
UPDATE=no
[ "${1:-}" != --update ] || UPDATE=yes
export NODE_NAME=node1
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE

# What differs from run to run; the zeros of the first scrape stay.
stable() {
	grep -vE '^(# (HELP|TYPE) )?(process_|ceems_exporter_|ceems_scrape_collector_(duration|sample_age)_seconds)'
}

same_or_updated() {
	local expected=tests/golden/exporter/$1.txt
	if [ "$UPDATE" = yes ]; then
		mkdir -p tests/golden/exporter
		cp "$T/$1.txt" "$expected"
	else
		diff -u "$expected" "$T/$1.txt"
	fi
}

# Names are given by the reference: the linter's opinion on them (status 3) is no failure.
valid() {
	local status=0
	promtool check metrics <"$1" >"$T/promtool" 2>&1 || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ] || { cat "$T/promtool"; return 1; }
}

golden() {
	local name=$1 tree=tests/fixtures/$2 port
	shift 2
	port=$(free_port)
	# The ledger's values depend on the time since the start; its own tests look at them.
	start "$name" "$BIN/ceems_exporter" --no-security.drop-privileges --no-collector.ledger --web.listen-address="127.0.0.1:$port" \
		--path.procfs="$tree/proc" --path.sysfs="$tree/sys" --path.cgroupfs="$tree/cgroup" "$@"
	wait_until 20 curl -fsS "http://127.0.0.1:$port/health"
	curl -fsS "http://127.0.0.1:$port/metrics" >"$T/answer" && stable <"$T/answer" >"$T/$name.txt"
	ok "$name answers as expected" same_or_updated "$name"
	ok "$name's answer is valid exposition" valid "$T/answer"
	ok "$name stops" stop "$name"
}

golden intel-2s intel-2s
golden intel-2s-all intel-2s --collector.rapl.enable-zone-label --collector.meminfo.all-stats
golden amd-1s amd-1s --collector.empty-hostname-label
golden arm arm --web.disable-exporter-metrics
golden odd odd --collector.disable-defaults --collector.rapl --collector.meminfo
golden sensors sensors --collector.disable-defaults --collector.hwmon
golden cray-ex cray-ex --collector.disable-defaults --collector.cray_pm_counters --collector.netdev \
	--collector.netdev.device-include='^hsn\d$'
golden fabric fabric --collector.disable-defaults --collector.infiniband --collector.netdev
golden fabric-filtered fabric --collector.disable-defaults --collector.netdev --collector.netdev.device-exclude='(?i)LO|ib' \
	--collector.empty-hostname-label
# Trees that have none of it: no data, but for hwmon, which refuses to start.
golden no-sensors amd-1s --collector.disable-defaults --collector.cray_pm_counters --collector.infiniband --collector.netdev
# Nobody listens there: what is left needs nobody.
unset EMAPS_API_TOKEN WT_USERNAME WT_PASSWORD WT_REGION
__RTE_BASE_URL=http://127.0.0.1:1/ golden emissions intel-2s --collector.disable-defaults --collector.emissions
ipmi() { golden "ipmi-$1" intel-2s --collector.disable-defaults --collector.ipmi_dcmi --collector.ipmi_dcmi.test-mode --collector.ipmi_dcmi.cmd="$2"; }
for tool in freeipmi ipmitool ipmiutil; do
	ipmi $tool "cat tests/fixtures/ipmi/$tool.txt"
done
printf '#!/bin/sh\ncat tests/fixtures/ipmi/capmc.json\n' >"$T/capmc"
chmod 755 "$T/capmc"
ipmi capmc "$T/capmc"
# redfish TREE: the BMC of tests/fixtures/redfish/TREE, without a login
redfish() {
	mkdir -p "$T/redfish-$1"
	cp -r "tests/fixtures/redfish/$1" "$T/redfish-$1/tree"
	start "bmc-$1" /usr/bin/python3 tests/lib/fake_redfish.py "$T/redfish-$1"
	wait_until 20 test -s "$T/redfish-$1/port"
	printf 'redfish_collector: {protocol: http, hostname: "127.0.0.1", port: %s}\n' "$(cat "$T/redfish-$1/port")" >"$T/redfish-$1.yml"
	golden "redfish-$1" intel-2s --collector.disable-defaults --collector.redfish --collector.redfish.config.file="$T/redfish-$1.yml"
}
redfish server
redfish enclosure
redfish current
done_testing
