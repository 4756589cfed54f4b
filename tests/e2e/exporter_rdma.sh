#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# RDMA counters of ports and units, with a program that stands for the rdma command.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
export NODE_NAME=n1
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE
chmod 0755 "$T"
TREE=$T/tree
CG=$TREE/cgroup/system.slice/slurmstepd.scope
cp -r tests/fixtures/fabric "$TREE"
cp tests/fixtures/intel-2s/proc/{stat,meminfo,cpuinfo} "$TREE/proc/"
mkdir -p "$TREE/proc/880" "$TREE/proc/881" "$CG/job_77/step_0/user/task_0" "$CG/job_78/step_0"
echo "cpuset cpu memory" | tee "$TREE/cgroup/cgroup.controllers" "$CG/job_77/cgroup.controllers" >/dev/null
echo 880 >"$CG/job_77/step_0/user/task_0/cgroup.procs"
echo 881 >"$CG/job_78/step_0/cgroup.procs"
mkdir "$T/bin"
cat >"$T/bin/rdma" <<END
#!/bin/sh
echo "\$*" >>"$T/calls"
case "\$*" in
"statistic qp mode") echo "1/1: mlx5_0/1: qp auto off"; echo "2/1: mlx5_1/1: qp auto type,pid on" ;;
"resource show mr")
	echo "dev mlx5_2 mrn 7 mrlen 4096 pdn 3 pid 880 comm app"
	echo "dev mlx5_2 mrn 8 mrlen 8192 pdn 3 pid 880 comm app"
	echo "dev mlx5_0 mrn 9 mrlen 1 pid 880 comm app"
	echo "dev mlx5_0 mrn 9 pid 880 comm app"
	echo "dev mlx5_0 mrn 9 mrlen 5 comm [kernel]"
	echo "dev mlx5_0 mrn 9 mrlen 5 pid 999 comm other" ;;
"resource show cq") echo "dev mlx5_0 cqn 1 cqe 4095 users 2 pid 881 comm app" ;;
"resource show qp")
	echo "link mlx5_0/1 lqpn 1 type RC state RTS pid 880 comm app"
	echo "link mlx5_0/1 lqpn 2 type RC state RTS pid 880 comm app"
	echo "link mlx5_1/1 lqpn 2 type RC state RTS pid 880 comm app" ;;
"statistic qp show")
	echo "link mlx5_0/1 cntn 4 type RC pid 880 comm app"
	echo "    rx_write_requests 5 rx_read_requests 0"
	echo "link mlx5_0/1 cntn 5 type RC pid 880 comm app rx_write_requests 6"
	echo "link mlx5_3/2 cntn 5 type RC pid 881 comm app resp_cqe_error 3" ;;
esac
END
chmod 0755 "$T/bin/rdma"
PORT=$(free_port)
URL=http://127.0.0.1:$PORT
chmod 0666 "$T"/calls 2>/dev/null
start rdma "$BIN/ceems_exporter" --no-security.drop-privileges --path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" \
	--path.cgroupfs="$TREE/cgroup" --web.listen-address="127.0.0.1:$PORT" --collector.disable-defaults --collector.slurm \
	--collector.cgroups.force-version=v2 --collector.rdma.stats --collector.rdma.cmd="$T/bin/rdma"
wait_until 20 curl -fsS "$URL/health"
filled() { curl -fsS "$URL/metrics" >"$T/answer" && grep -q '^ceems_rdma_mrs_active' "$T/answer"; }
ok "what units hold is there" wait_until 20 filled
has() { grep -Fx -- "$1" "$T/answer" || { grep rdma "$T/answer"; return 1; }; }
unit() { has "ceems_rdma_$1{device=\"$2\",hostname=\"n1\",manager=\"slurm\",port=\"$3\",uuid=\"$4\"} $5"; }
ok "memory regions are summed by device" unit mrs_active mlx5_2 "" 77 2
ok "their length too" unit mrs_len_active mlx5_2 "" 77 12288
ok "another device is another series" unit mrs_len_active mlx5_0 "" 77 1
ok "completion queues" unit cqe_len_active mlx5_0 "" 78 4095
ok "queue pairs by port" unit qps_active mlx5_0 1 77 2
ok "those that only the statistics know" unit qps_active mlx5_3 2 78 1
ok "counters are summed" unit rx_write_requests mlx5_0 1 77 11
ok "one of zero has no series" test -z "$(grep rx_read_requests "$T/answer")"
ok "others' and the kernel's count for nobody" test "$(grep -c '^ceems_rdma_mrs_active' "$T/answer")" = 2
ok "ports" has 'ceems_rdma_port_data_received_bytes_total{device="mlx5_0",hostname="n1",manager="slurm",port="1"} 4028'
ok "and their state" has 'ceems_rdma_state_id{device="mlx5_1",hostname="n1",manager="slurm",port="1"} 1'
ok "its duration" grep -F 'ceems_scrape_collector_duration_seconds{collector="slurm",subcollector="rdma"}' "$T/answer"
if [ "$(id -u)" = 0 ]; then
	ok "a link that is off is switched on" grep -Fx "statistic qp set link mlx5_0/1 auto type,pid on" "$T/calls"
	ok "one that is on is left alone" test -z "$(grep -F "link mlx5_1/1 auto type" "$T/calls")"
	ok "it ends" stop rdma
	ok "and links are off again" grep -Fx "statistic qp set link mlx5_0/1 auto off" "$T/calls"
	ok "all that were on" grep -Fx "statistic qp set link mlx5_1/1 auto off" "$T/calls"
else
	skip "switching links" "only root may"
	ok "it ends" stop rdma
fi
done_testing
