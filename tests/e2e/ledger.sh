# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The energy ledger in the running exporter: a unit that lives and ends on a copy of a cgroup v2 tree,
# and books that balance to the microjoule in every answer.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

PORT=$(free_port)
JOB=$T/cg/system.slice/slurmstepd.scope/job_7

# put FILE LINE...: as one write, so that no reader sees half of it
put() {
	local file=$1
	shift
	printf '%s\n' "$@" >"$file.new" && mv "$file.new" "$file"
}

# usage MICROSECONDS of CPU time, of the job and so of its parents
usage() {
	local us=$1 dir
	for dir in "$JOB" "${JOB%/*}"; do
		put "$dir/cpu.stat" "usage_usec $us" "user_usec $us" "system_usec 0"
	done
}

make_job() {
	mkdir -p "$JOB"
	usage 0
	put "$JOB/cgroup.procs" $$
	put "$JOB/cgroup.events" "populated 1" "frozen 0"
	put "$JOB/memory.current" 50000000
	put "$JOB/memory.stat" "anon 40000000" "file 10000000" "inactive_file 5000000"
	put "$JOB/memory.max" 100000000
	put "$JOB/cpuset.cpus.effective" 0
}

exporter() {
	start exporter "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:$PORT" --collector.disable-defaults \
		--collector.ledger --ledger.interval=100ms --no-security.drop-privileges "$@"
	wait_until 20 curl -fsS "http://127.0.0.1:$PORT/health"
}

metrics() {
	curl -fsS "http://127.0.0.1:$PORT/metrics"
}

# value REGEX: of the first series that matches; nothing when there is none
value() {
	metrics | awk -v re="^$1" '$0 ~ re { print $NF; exit }'
}

positive() {
	[ "$(value "$1" | awk '{ print ($1 > 0) }')" = 1 ]
}

is_there() {
	[ -n "$(value "$1")" ]
}

# Parties against meter and units against their party, in decimals, several times.
balances() {
	for _ in 1 2 3 4 5 6 7 8; do
		metrics | /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/ledger_books.py" cpu || return
		sleep 0.07
	done
}

refuses() {
	timeout 20 "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:$PORT" "$1" 2>"$T/refusal"
	if [ $? != 1 ] || ! grep -q -e "$2" "$T/refusal"; then
		cat "$T/refusal"
		return 1
	fi
}

UNIT='ceems_energy_unit_joules_total.*uuid="7"'
mkdir -p "$T/cg/system.slice/slurmstepd.scope"
exporter --collector.slurm --collector.cgroups.force-version=v2 --path.cgroupfs="$T/cg" \
	--power-model.idle-watts=10 --power-model.max-watts=50
ok "without a sensor the source is the model, and says so" \
	wait_until 5 positive 'ceems_energy_source_info.*kind="estimated",source="power_model"'
make_job
ok "a new unit has counters" wait_until 5 is_there "$UNIT"
(for i in {1..30}; do usage $((i * 20000)) && sleep 0.1; done) &
ok "what it uses is charged to it" wait_until 5 positive "$UNIT"
ok "the books balance to the microjoule while it runs" balances
wait $!
rm -rf "$JOB"
ended() {
	! is_there 'ceems_compute_unit_cpu_user_seconds_total.*uuid="7"'
}
ok "it ends" wait_until 5 ended
ok "an ended unit keeps its counters" positive "$UNIT"
ok "the books balance after its end" balances
ok "the policy is told" is_there 'ceems_energy_policy_info.*policy="split"'
ok "the exporter stops" stop exporter

exporter --power-model.mode=off
ok "without any source there are no energy series" eval '! is_there ceems_energy_ && is_there ceems_scrape'
ok "and it stops too" stop exporter

ok "a domain that is none is refused" refuses --ledger.static-watts=disk=4 "no domain 'disk'"
ok "static watts need a number" refuses --ledger.static-watts=cpu "is not DOMAIN=WATTS"
ok "negative watts are refused" refuses --power-model.idle-watts=-1 "power-model.idle-watts"
ok "an interval that is too short is refused" refuses --ledger.interval=1ms "between 100ms and 1m"
done_testing
