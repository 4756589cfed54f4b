# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# tools/install-services: the files it lays out, that what a site has changed stays, and that the programs
# take the shipped configuration with the units' own command lines.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

D=$T/root
install_services() { DESTDIR=$D "$CEEMS_SOURCE/tools/install-services" "$@"; }
mode_is() { [ "$(stat -c %a "$D/$2")" = "$1" ]; }

# command_line NAME: the arguments of its unit, below $D, without the variable
command_line() {
	sed -n '/^ExecStart=/,/[^\\]$/p' "$D/usr/lib/systemd/system/$1.service" | tr -d '\\\n' |
		sed -e 's/^ExecStart=[^ ]*//' -e 's/\$[A-Z_]*//' -e "s|=/etc/|=$D/etc/|g"
}

ok "services are laid out" install_services ceems_exporter ceems_api_server ceems_lb cacct
ok "with the unit's mode" mode_is 640 usr/lib/systemd/system/ceems_exporter.service
ok "a configuration that others cannot read" mode_is 660 etc/ceems_api_server/config.yml
ok "and a data directory for one user" mode_is 700 var/lib/ceems

echo '# mine' >"$D/etc/ceems_exporter/web-config.yml"
ok "a second run" install_services ceems_exporter
ok "keeps what was changed" grep -qx '# mine' "$D/etc/ceems_exporter/web-config.yml"
rm "$D/etc/ceems_exporter/web-config.yml"
ok "and brings back what was removed" install_services ceems_exporter
ok "from the template" test -s "$D/etc/ceems_exporter/web-config.yml"

unknown() { ! install_services ceems_exporter nonsense 2>&1 && [ ! -e "$D/etc/nonsense" ]; }
ok "an unknown name is refused" unknown

chmod -R a+rX "$T"
chmod 644 "$D"/etc/ceems_exporter/*
PORT=$(free_port)
# shellcheck disable=SC2046 # words on purpose
start exporter "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:$PORT" $(command_line ceems_exporter)
ok "ceems_exporter runs with its unit's arguments" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"
ok "and ends well" stop exporter

# The example in the template is a good one.
sed -n -e '/^#ceems_api_server:/,$s/^#//p' "$CEEMS_SOURCE/packaging/etc/ceems_api_server/config.yml" |
	sed -e "s|/var/lib/ceems|$T/data|; s|path: /usr/bin|path: $T/bin|" >"$T/config.yml"
mkdir -p "$T/bin" "$T/data"
chmod 777 "$T/data"
printf '#!/bin/sh\nexit 0\n' >"$T/bin/sacct"
cp "$T/bin/sacct" "$T/bin/sacctmgr"
chmod 755 "$T" "$T/bin" "$T"/bin/*
chmod 644 "$T/config.yml"
PORT=$(free_port)
start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
ok "ceems_api_server runs with its template" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"
ok "in its data directory" test -s "$T/data/ceems.db"
ok "and ends well, too" stop api

chmod 644 "$D"/etc/ceems_lb/*
PORT=$(free_port)
# shellcheck disable=SC2046 # words on purpose
start lb "$BIN/ceems_lb" $(command_line ceems_lb) --web.listen-address="127.0.0.1:$PORT" --web.listen-address="127.0.0.1:$(free_port)"
ok "ceems_lb runs with its unit's arguments and templates" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"
ok "and ends as well" stop lb
done_testing
