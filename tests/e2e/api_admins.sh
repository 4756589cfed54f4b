# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Administrators from teams of Grafana: who enters, who leaves, a team that is gone, Grafana that is
# away, denied or not there at the start.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"
G=$T/grafana
mkdir -p "$G/reply"
echo ceems:secret >"$G/login"
start grafana /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_http.py" "$G"
wait_until 10 test -s "$G/port" || exit 1
GRAFANA=127.0.0.1:$(cat "$G/port")

config() { # URL TEAMS
	UPDATE_INTERVAL=1s write_api_config
	sed -i '$d' "$T/config.yml"
	cat >>"$T/config.yml" <<C
  admin:
    users: [boss]
    grafana:
      url: "$1"
      teams_ids: [$2]
      basic_auth: {username: ceems, password: secret}
C
}
is() { [ "$(curl -sS -m 10 -o "$T/body" -w '%{http_code}' -H "X-Grafana-User: $2" "$URL/api/v1/clusters/admin")" = "$1" ]; }
soon() { wait_until 20 is "$@"; }
# Replaced as a whole, as Grafana's answers are.
team() { printf '%s' "$2" >"$T/team" && mv "$T/team" "$G/reply/api_teams_$1_members"; }
asked_again() { # Grafana was asked for every team since
	local n
	n=$(wc -l <"$G/requests")
	wait_until 20 sh -c "[ \$(wc -l <'$G/requests') -ge $((n + 6)) ]"
}
log_has() { wait_until 20 grep -q "$1" "$T/api.log"; }

team 1 '[{"login": "mira"}, {"login": ""}, {"login": "gwen"}]'
team 7 '[{"login": "otto"}]'
config "http://$GRAFANA/" '1, "7"'
start_api
ok "members of a team are administrators" soon 200 mira
ok "of each" soon 200 otto
ok "who is in none is not" is 403 zoe
ok "those of the configuration stay" is 200 boss
team 1 '[{"login": "zoe"}]'
ok "who leaves is none any more" soon 403 mira
ok "who enters is one" soon 200 zoe
echo 500 >"$G/status"
team 1 '{"message": "database is locked"}'
ok "a failure is told" log_has 'members of a Grafana team cannot be had'
asked_again
ok "and takes nobody's rights" is 200 zoe
ok "nor gives any" is 403 mira
rm "$G/status"
team 1 '<html>login</html>'
asked_again
ok "a page instead of a list neither" is 200 zoe
team 7 '[{"login": "eve"}]'
ok "other teams go on meanwhile" soon 200 eve
ok "in both directions" soon 403 otto
team 1 '[{"login": "zoe"}]'
ok "when it is over that is told" log_has 'members of a Grafana team can be had again'
rm "$G/reply/api_teams_7_members"
ok "a team that was removed has no members" soon 403 eve
stop grafana 143
ok "with Grafana away nothing changes" is 200 zoe
ok "it ends well" stop api
config "http://ceems:hidden@127.0.0.1:$(free_port)" 1
ok "a start without Grafana is refused" sh -c "! timeout 20 '$BIN/ceems_api_server' --config.file='$T/config.yml' \
	--web.listen-address='127.0.0.1:$PORT' 2>'$T/err' && grep -q 'Grafana at .* is unreachable' '$T/err'"
ok "without saying a password" sh -c "! grep -q hidden '$T/err'"
write_api_config
start_api
ok "without Grafana in the configuration its administrators are none" is 403 zoe
ok "from the first request on" is 200 boss
ok "it ends well" stop api
done_testing
