#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power by IPMI DCMI, with the built program and commands that answer well, badly or not at all. The
# kernel's device is played in tests/unit/host/test_ipmi.c; tests/guest/ipmi.sh has a real one.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
export NODE_NAME=node1
# No request of this script may wait for ever.
curl() { command curl -m 20 "$@"; }
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE
# The exporter may become nobody: what it runs must be in reach.
chmod 755 "$T"
FLAGS=(--collector.disable-defaults --collector.ipmi_dcmi)
TOOLS=$PWD/tests/fixtures/ipmi
REAL=
for tool in ipmi-dcmi ipmitool ipmiutil capmc; do
	REAL+=$(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin command -v $tool)
done

# tool DIR/NAME < SCRIPT
tool() {
	mkdir -p "$T/$(dirname "$1")"
	{ echo '#!/bin/sh'; cat; } >"$T/$1"
	chmod 755 "$T/$1"
}
# up NAME FLAG...
up() {
	local name=$1
	shift
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	start "$name" "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address="127.0.0.1:$PORT" "$@"
	wait_until 60 curl -fsS "$URL/health"
}
# watts: "current min max avg", '-' for one that isn't there; 'success' tells the rest
watts() {
	curl -fsS "$URL/metrics" >"$T/answer" || return 1
	local v all=
	for v in current min max avg; do
		all+=" $(sed -n "s/^ceems_ipmi_dcmi_${v}_watts{hostname=\"node1\"} //p" "$T/answer" | grep . || echo -)"
	done
	echo "${all# }"
}
are() { local w; w=$(watts); [ "$w" = "$1" ] || { echo "$w"; return 1; }; }
succeeds() { grep -F "ceems_scrape_collector_success{collector=\"ipmi_dcmi\"} $1" "$T/answer"; }
# is "CURRENT MIN MAX AVG" SUCCESS
is() { are "$1" && succeeds "$2" && { [ "$1" = "- - - -" ] || grep -F 'ceems_scrape_collector_sample_age_seconds{collector="ipmi_dcmi",source=""}' "$T/answer"; }; }
logged() { wait_until 20 grep -F -- "$2" "$T/$1.log" || { cat "$T/$1.log"; return 1; }; }
logged_once() { [ "$(grep -cF -- "$2" "$T/$1.log")" = 1 ] || { cat "$T/$1.log"; return 1; }; }
fails() {
	local text=$1 status=0
	shift
	timeout 60 "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address=127.0.0.1:0 "$@" >"$T/out" 2>&1 || status=$?
	cat "$T/out"
	[ "$status" = 1 ] && tail -n 1 "$T/out" | grep -F -- "$text"
}
TEST_MODE=(--no-security.drop-privileges --collector.ipmi_dcmi.test-mode)

# --- test mode: each tool's output in the first scrape
for case in "freeipmi.txt:312 156 624 298" "ipmitool.txt:332 68 391 333" "ipmiutil.txt:281 190 402 275"; do
	file=${case%%:*}
	up "$file" "${TEST_MODE[@]}" --collector.ipmi_dcmi.cmd="cat $TOOLS/$file"
	ok "$file is in the first scrape" is "${case#*:}" 1
	ok "$file: it stops" stop "$file"
	file=${file%.txt}-inactive.txt
	up "$file" "${TEST_MODE[@]}" --collector.ipmi_dcmi.cmd="cat $TOOLS/$file"
	ok "$file gives nothing" is "- - - -" 0
	ok "$file: it is said" logged_once "$file" "the BMC's power measurement is not active"
	ok "$file: it stops" stop "$file"
done
tool bin/capmc <<-S
	[ "\$*" = "get_system_power -w 600" ] && cat $TOOLS/capmc.json
S
up capmc "${TEST_MODE[@]}" --collector.ipmi_dcmi.cmd="$T/bin/capmc get_system_power -w 600"
ok "capmc's answer is JSON" is "287 150 412.5 287" 1
valid() { promtool check metrics <"$T/answer"; }
ok "the answer is valid" valid
ok "it stops" stop capmc

# --- discovery
tool path/ipmi-dcmi <<-S
	[ "\$*" = --get-system-power-statistics ] && cat $TOOLS/freeipmi.txt
S
tool path/ipmitool <<<'exit 1'
PATH=$T/path:$PATH up found "${TEST_MODE[@]}"
ok "ipmi-dcmi is found in PATH" is "312 156 624 298" 1
ok "and run by its full path" logged_once found "command=$T/path/ipmi-dcmi"
ok "it stops" stop found
PATH=$T/path:$PATH up old "${TEST_MODE[@]}" --collector.ipmi.dcmi.cmd="cat $TOOLS/ipmitool.txt" --collector.ipmi_dcmi.cmd=false
ok "the old flag wins" is "332 68 391 333" 1
ok "and is warned of" logged old 'collector.ipmi.dcmi.cmd'
ok "it stops" stop old
if [ -n "$REAL" ]; then
	skip "without a tool the device is used" "a tool is installed here"
elif [ -e /dev/ipmi0 ]; then
	skip "without a tool the device is used" "there is one here"
else
	ok "without a tool the device is used, and must be there" fails "there is no IPMI device: none of /dev/ipmi0, /dev/ipmi/0"
fi
ok "a device can be wanted" fails "none of /dev/ipmi231, /dev/ipmi/231 and /dev/ipmidev/231" --collector.ipmi_dcmi.cmd=true \
	--collector.ipmi_dcmi.force-native-mode --collector.ipmi_dcmi.dev-num=231
said() { grep -F 'power is read' "$T/out"; }
not_said() { ! said; }
ok "one that cannot be opened is not said to be read" not_said
ok "its number is checked" fails "no IPMI device with number -1" --collector.ipmi_dcmi.force-native-mode --collector.ipmi_dcmi.dev-num=-1
ok "an empty command is none" fails "the command has no word" --collector.ipmi_dcmi.cmd=" "
ok "an interval of 0 is refused" fails "poll-interval: not between 1s and 1h" --collector.ipmi_dcmi.cmd=true --collector.ipmi_dcmi.poll-interval=0s
ok "the age is at least an interval" fails "max-age: not between" --collector.ipmi_dcmi.cmd=true --collector.ipmi_dcmi.max-age=1s

# --- commands that misbehave
tool bin/exit3 <<<'echo "BMC is busy"; exit 3'
tool bin/endless <<<'exec yes "Current Power : 5 Watts"'
tool bin/empty <<<''
tool bin/garbage <<<'head -c 4096 /dev/urandom'
for case in "exit3:ended with status 3: BMC is busy" "endless:wrote more than 65536 bytes" "empty:no state of the power measurement" \
	"garbage:no state of the power measurement" "missing:No such file or directory"; do
	name=${case%%:*}
	up "$name" "${TEST_MODE[@]}" --collector.ipmi_dcmi.cmd="$T/bin/$name"
	ok "$name: nothing is made up" is "- - - -" 0
	ok "$name: the cause is logged" logged "$name" "${case#*:}"
	ok "$name: it is logged once" logged_once "$name" "poll failed"
	ok "$name: it stops" stop "$name"
done
tool bin/hang <<-S
	echo \$\$ >$T/hanging
	exec sleep 1000
S
up hang "${TEST_MODE[@]}" --collector.ipmi_dcmi.cmd="$T/bin/hang"
ok "hang: it is started and answers" is "- - - -" 0
ok "hang: its limit is logged" logged hang "took longer than 5000 ms and was ended"
wait_until 20 test -s "$T/hanging"
ok "hang: it stops" stop hang
gone() { ! kill -0 "$(cat "$T/hanging")" 2>/dev/null; }
ok "hang: the command is gone too" wait_until 20 gone

# --- what was good before, and zeros
tool bin/told <<-S
	cat $T/told || exit 1
S
tell() { printf 'Current Power : %s Watts\nMinimum Power over sampling duration : %s watts\nPower Measurement : %s\n' "$1" "$2" "${3:-Active}" >"$T/told.new" && mv "$T/told.new" "$T/told"; }
tell 0 7
up told "${TEST_MODE[@]}" --collector.ipmi_dcmi.cmd="$T/bin/told"
ok "a power of 0 at first gives no series, and is no failure" is "- - - -" 1
ok "it is said" logged_once told "the BMC tells a power of 0"
rm "$T/told"
ok "a failure is one" is "- - - -" 0
tell 300 0
ok "a value of 0 is left out" is "300 - - -" 1
tell 0 9
ok "what was good stays when the power is 0" is "300 - - -" 1
rm "$T/told"
ok "and when the command fails" is "300 - - -" 1
tell 310 120 "Not Available"
ok "and when nothing is measured" is "300 - - -" 1
tell 310 120
ok "until there is a new one" is "310 120 - -" 1
ok "it stops" stop told

# --- in the background
tell 400 1
up polled --no-security.drop-privileges --collector.ipmi_dcmi.poll-interval=1s --collector.ipmi_dcmi.max-age=2s --collector.ipmi_dcmi.cmd="$T/bin/told"
ok "the first scrape has a value" is "400 1 - -" 1
ok "the way is logged" logged_once polled 'way="as is"'
tell 410 2
ok "a new value comes by itself" wait_until 20 are "410 2 - -"
rm "$T/told"
ok "a value that is too old is dropped" wait_until 20 is "- - - -" 0
tell 420 3
ok "it comes back" wait_until 20 is "420 3 - -" 1
ok "that is logged" logged polled "poll works again"
tool bin/told.new <<-S
	echo \$\$ >$T/hanging
	exec sleep 1000
S
mv "$T/bin/told.new" "$T/bin/told"
dropped() { are "- - - -"; }
ok "a command that hangs costs the value only" wait_until 60 dropped
ok "it stops while it hangs" stop polled
ok "and ends the command" wait_until 20 gone

# --- the ways to run a command
sudo_tests() {
	cat >"$T/ok.txt" <"$TOOLS/freeipmi.txt"
	tool sudo/sudo <<-'S'
		[ ! -t 0 ] && [ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] || exit 9
		BY_SUDO=yes exec "$@"
	S
	tool sudo/power <<-S
		echo "\$BY_SUDO \$*" >>$T/asked
		[ "\$BY_SUDO" = yes ] || { echo "permission denied"; exit 1; }
		cat $T/ok.txt
	S
	: >"$T/asked"
	chmod 666 "$T/asked"
	PATH=$T/sudo:$PATH up sudo --collector.ipmi_dcmi.cmd="power now please"
	ok "by sudo, with the whole command" is "312 156 624 298" 1
	ok "sudo: the way is logged" logged_once sudo "way=sudo"
	ok "sudo: the words are handed on" grep -Fx "yes now please" "$T/asked"
	ok "sudo: it stops" stop sudo
	tool sudo/sudo <<<'exec sleep 1000'
	PATH=$T/sudo:$PATH up nosudo --collector.ipmi_dcmi.cmd="power now"
	ok "no way at all is no failure to start" is "- - - -" 0
	ok "no way: it is said once, with the cause" logged_once nosudo "permission denied"
	ok "no way: it stops" stop nosudo
}
sudo_tests

if [ "$(id -u)" = 0 ]; then
	tool bin/rootonly <<-S
		[ "\$(id -u):\$(id -g)" = 0:0 ] || exit 1
		cat $T/ok.txt
	S
	PORT=0
	up dropped --collector.ipmi_dcmi.cmd="$T/bin/rootonly"
	ok "root's command is run as root after the change of user" is "312 156 624 298" 1
	user() { awk '/^Uid:/ { print $2 }' "/proc/$(cat "$T/dropped.pid")/status"; }
	caps() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$(cat "$T/dropped.pid")/status"; }
	is_nobody() { [ "$(user)" = 65534 ] && [ "$(caps CapEff)" = 0000000000000000 ] && [ "$(caps CapPrm)" = 00000000000000c0 ]; }
	ok "the exporter is nobody, with CAP_SETUID and CAP_SETGID in store" is_nobody
	ok "it stops" stop dropped

	as_user() { # NAME CAPS FLAG...
		local name=$1 caps=$2
		shift 2
		PORT=$(free_port)
		URL=http://127.0.0.1:$PORT
		start "$name" setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="$caps" --ambient-caps="$caps" \
			"$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address="127.0.0.1:$PORT" "$@"
		wait_until 60 curl -fsS "$URL/health"
	}
	if setpriv --reuid=65534 --regid=65534 --clear-groups "$BIN/ceems_exporter" --version >/dev/null 2>&1; then
		chmod 644 "$T/ok.txt"
		as_user plain -all --collector.ipmi_dcmi.cmd="cat $T/ok.txt"
		ok "a user's command is run as that user" is "312 156 624 298" 1
		ok "it stops" stop plain
		tool nosudo/sudo <<<'exit 1'
		PATH=$T/nosudo:$PATH as_user ambient -all,+setuid,+setgid --collector.ipmi_dcmi.cmd="$T/bin/rootonly"
		ok "with the capabilities it is run as root" is "312 156 624 298" 1
		ok "that is logged" logged_once ambient 'way="as root"'
		ok "it stops" stop ambient
		# What sudo runs is root's and can't be ended by the exporter; it doesn't keep it from stopping.
		install -m 4755 "$(command -v setpriv)" "$T/rooted"
		if [ "$(setpriv --reuid=65534 --clear-groups "$T/rooted" --reuid=0 id -ru)" = 0 ]; then
			tool hangsudo/sudo <<-S
				exec $T/rooted --reuid=0 "\$@"
			S
			tool hangsudo/slow <<-S
				[ "\$(id -ru)" = 0 ] || exit 1
				[ -e $T/slow ] || { touch $T/slow; cat $T/ok.txt; exit 0; }
				echo \$\$ >$T/hanging
				exec sleep 1000
			S
			rm -f "$T/hanging"
			PATH=$T/hangsudo:$PATH as_user unkillable -all --collector.ipmi_dcmi.cmd=slow
			ok "sudo that hangs: it is started and answers" is "- - - -" 0
			wait_until 20 test -s "$T/hanging"
			ok "sudo that hangs: it stops" stop unkillable
			ok "sudo that hangs: it couldn't be ended" kill -9 "$(cat "$T/hanging")"
		else
			skip "sudo that hangs" "no set-user-ID here"
		fi
	else
		skip "as a plain user" "the program is out of another user's reach"
	fi
else
	skip "root's command is run as root after the change of user" "needs root"
fi
done_testing
