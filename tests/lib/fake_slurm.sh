# SPDX-License-Identifier: Apache-2.0
# Sourced after tap.sh: stand-ins for sacct and sacctmgr in $T/bin, which know the jobs that list_jobs told.
#   $NOW                     when the test began, Unix seconds
#   $T/sacct-mode            fail, or hang
#   $T/sacct-calls           a line for each call: ok, or its mode
# shellcheck shell=bash
NOW=$(date +%s)
mkdir -p "$T/bin"
chmod 755 "$T" "$T/bin"
: >"$T/sacct-calls"
: >"$T/jobs"
chmod 666 "$T/sacct-calls"

zdt() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%S+0000; }

# job ID USER START END: a line of sacct; END 0 = running
job() {
	local end=Unknown state=RUNNING
	[ "$4" = 0 ] || { end=$(zdt "$4") state=COMPLETED; }
	printf '%s|batch|normal|astro|staff|501|%s|1207|%s|%s|%s|00:05:00|300|0:0|%s|%s|n[1-2]|%s|/home/%s\n' \
		"$1" "$2" "$(zdt "$3")" "$(zdt "$3")" "$end" "$state" "billing=4,cpu=4,mem=2G,node=1" "a|b" "$2"
}

# The jobs of the file that sacct would list for its times, and what happens besides.
cat >"$T/bin/sacct" <<S
#!/bin/bash
[ "\$1" = --version ] && exit 0
mode=\$(cat "$T/sacct-mode" 2>/dev/null)
echo "\${mode:-ok}" >>"$T/sacct-calls"
[ "\$mode" = fail ] && { echo 'sacct: error: slurmdbd is away' >&2; exit 1; }
[ "\$mode" = hang ] && sleep 100
while [ \$# -gt 0 ]; do
	case \$1 in --starttime) from=\$(date -u -d "\$2" +%s) ;; --endtime) to=\$(date -u -d "\$2" +%s) ;; esac
	shift
done
while IFS='|' read -r start end line; do
	[ "\$start" -lt "\$to" ] && { [ "\$end" = 0 ] || [ "\$end" -ge "\$from" ]; } && echo "\$line"
done <"$T/jobs"
exit 0
S
cat >"$T/bin/sacctmgr" <<'S'
#!/bin/bash
printf '%s\n' 'root|root' 'astro|mira' 'astro|zoe'
S
chmod 755 "$T/bin/sacct" "$T/bin/sacctmgr"

# list_jobs: rows of ID USER START END (from now, negative)
list_jobs() {
	while read -r id user start end; do
		[ "$end" = 0 ] || end=$((NOW + end))
		echo "$((NOW + start))|$end|$(job "$id" "$user" $((NOW + start)) "$end")"
	done >"$T/jobs.new"
	mv "$T/jobs.new" "$T/jobs"
}
