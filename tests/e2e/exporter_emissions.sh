#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Emission factors, with the built program and services that answer well, badly or not at all.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
export NODE_NAME=node1
# No request of this script may wait for ever.
curl() { command curl -m 20 "$@"; }
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE EMAPS_API_TOKEN WT_USERNAME WT_PASSWORD WT_REGION
unset HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
TREE=tests/fixtures/intel-2s
FLAGS=(--no-security.drop-privileges --collector.disable-defaults --collector.emissions --web.disable-exporter-metrics
	--path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" --path.cgroupfs="$TREE/cgroup")

# service NAME: starts the fake services in $T/NAME; faults go to $T/NAME/fault before it.
service() {
	mkdir -p "$T/$1"
	start "service-$1" /usr/bin/python3 tests/lib/fake_emissions.py "$T/$1"
	wait_until 20 test -s "$T/$1/port"
	BASE=http://127.0.0.1:$(cat "$T/$1/port")
}
# up NAME FLAG...: the exporter, with all that the services need.
up() {
	local name=$1
	shift
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	__RTE_BASE_URL=$BASE/rte __EMAPS_BASE_URL=$BASE/emaps __WT_BASE_URL=$BASE/wt EMAPS_API_TOKEN=emaps-secret \
		WT_USERNAME=alice WT_PASSWORD=wt-secret WT_REGION=CAISO_NORTH \
		start "$name" "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address="127.0.0.1:$PORT" "$@"
	wait_until 20 curl -fsS "$URL/health"
}
factors() { curl -fsS "$URL/metrics" | grep '^ceems_emissions_gCo2_kWh'; }
# of PROVIDER COUNT: so many series.
of() {
	local n
	n=$(factors | grep -c "provider=\"$1\"")
	[ "$n" = "$2" ] || { echo "$n series of $1"; return 1; }
}
has() { curl -fsS "$URL/metrics" | grep -F -- "$1" || { factors | grep -v owid; return 1; }; }
logged() { wait_until 20 grep -F -- "$2" "$T/$1.log" || { cat "$T/$1.log"; return 1; }; }
logged_once() { [ "$(grep -cF -- "$2" "$T/$1.log")" = 1 ] || { cat "$T/$1.log"; return 1; }; }
requested() { grep -F -- "$2" "$T/$1/requests" || { cat "$T/$1/requests"; return 1; }; }
fails() {
	local text=$1 status=0
	shift
	timeout 20 "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address=127.0.0.1:0 "$@" >"$T/out" 2>&1 || status=$?
	cat "$T/out"
	[ "$status" = 1 ] && tail -n 1 "$T/out" | grep -F -- "$text"
}

# --- all services well
service good
up good
ok "the table of countries is in the first scrape" of owid 212
ok "the world's average too" has 'ceems_emissions_gCo2_kWh{country="World",country_code="ZZ",provider="global",provider_name="World Average"} 475'
ok "RTE's value comes" wait_until 20 has '{country="France",country_code="FR",provider="rte",provider_name="RTE eCO2 Mix"} 32'
ok "WattTime's value comes, in g/kWh" wait_until 20 has '{country="CAISO_NORTH",country_code="CAISO_NORTH",provider="wt",provider_name="Watt Time"} 453.592'
ok "Electricity Maps' values come" wait_until 20 of emaps 3
ok "a zone is named by its country and itself" has '{country="India Western India",country_code="IN-WE",provider="emaps",provider_name="Electricity Maps"} 612.5'
ok "a zone without a name has none" has '{country="",country_code="XX",provider="emaps",provider_name="Electricity Maps"} 7'
ok "the age of a live provider's value is shown" has 'ceems_scrape_collector_sample_age_seconds{collector="emissions",source="rte"}'
ok "RTE is asked for today in Paris" requested good "date_heure in [date'$(TZ=CET-1CEST,M3.5.0,M10.5.0/3 date +%F)' TO now()] and taux_co2 is not null"
ok "WattTime is asked in RFC 3339" grep -E '"start": \["20[0-9-]+T[0-9:]+Z"\], "end": \["20[0-9-]+T[0-9:]+Z"\], "region": \["CAISO_NORTH"\], "signal_type": \["co2_moer"\]' "$T/good/requests"
ok "the collector succeeds" has 'ceems_scrape_collector_success{collector="emissions"} 1'
no_token() { ! grep -F '"/emaps/zones"' "$T/good/requests" | grep -i auth-token; }
ok "the list of zones is got without the token" no_token
no_secrets() { ! grep -E 'emaps-secret|wt-secret|wt-token' "$T/good.log"; }
ok "no secret is logged" no_secrets
# The linter dislikes the name (status 3), which is given by the reference.
valid() { curl -fsS "$URL/metrics" | promtool check metrics || [ $? = 3 ]; }
ok "the answer is valid" valid
ok "it stops" stop good

# --- selection
up only --collector.emissions.provider=rte --collector.emissions.provider=owid
ok "those that are named come" wait_until 20 has 'provider="rte"'
ok "owid is there as well" of owid 212
nothing_of() { ! factors | grep -E "provider=\"($1)\""; }
ok "the others are not asked" nothing_of 'global|wt|emaps'
ok "it stops" stop only
ok "an unknown provider is an error" fails "invalid" --collector.emissions.provider=global
ok "Electricity Maps without a token is an error when named" fails "EMAPS_API_TOKEN" --collector.emissions.provider=emaps
ok "WattTime without a user is an error when named" fails "WT_USERNAME" --collector.emissions.provider=wt
WT_USERNAME=alice ok "WattTime without a password too" fails "WT_PASSWORD" --collector.emissions.provider=wt
WT_USERNAME=alice WT_PASSWORD=x ok "WattTime without a region too" fails "WT_REGION" --collector.emissions.provider=wt
PORT=$(free_port)
URL=http://127.0.0.1:$PORT
__RTE_BASE_URL=$BASE/rte start bare "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address="127.0.0.1:$PORT"
wait_until 20 curl -fsS "$URL/health"
ok "without configuration the others work" of owid 212
ok "the one is named that is left out" logged_once bare 'provider=emaps err="provider emaps: the environment variable EMAPS_API_TOKEN is not set"'
ok "the other too" logged_once bare 'provider=wt err="provider wt: the environment variable WT_USERNAME is not set"'
ok "it stops" stop bare

# --- through a proxy, which the fake service plays as well
BASE=http://emissions.invalid
HTTP_PROXY=http://127.0.0.1:$(cat "$T/good/port") up proxied --collector.emissions.provider=rte
ok "a proxy is used" wait_until 20 has 'provider="rte"'
ok "it sees the whole address" requested good '"http://emissions.invalid/rte"'
ok "it stops" stop proxied
BASE=http://127.0.0.1:$(cat "$T/good/port")
HTTP_PROXY=http://127.0.0.1:1 up direct --collector.emissions.provider=rte
ok "this machine is not asked through the proxy" wait_until 20 has 'provider="rte"'
ok "it stops" stop direct

# --- each fault of each service
for fault in status-500 status-429 empty garbage huge nothing; do
	mkdir -p "$T/$fault"
	echo "/ $fault" >"$T/$fault/fault"
	service "$fault"
	up "with-$fault"
	ok "$fault: the static ones are in the first scrape" of owid 212
	for provider in rte emaps wt; do
		ok "$fault: the failure of $provider is logged" logged "with-$fault" "msg=\"poll failed\" name=emissions/$provider"
	done
	ok "$fault: nothing is made up" nothing_of 'rte|wt|emaps'
	ok "$fault: the collector succeeds" has 'ceems_scrape_collector_success{collector="emissions"} 1'
	ok "$fault: a failure is logged once" logged_once "with-$fault" "name=emissions/rte"
	ok "$fault: it stops" stop "with-$fault"
	ok "$fault: the service stops" stop "service-$fault" 143
done

mkdir -p "$T/hang"
echo "/ hang" >"$T/hang/fault"
service hang
up with-hang
all_asked() { [ "$(wc -l <"$T/hang/requests")" = 3 ]; }
ok "hang: all three wait for an answer" wait_until 20 all_asked
ok "hang: a scrape doesn't" of owid 212
ok "hang: it stops all the same" stop with-hang

# --- zones: many, and some of them bad
mkdir -p "$T/many"
echo 400 >"$T/many/zones"
service many
up many --collector.emissions.provider=emaps
ok "many zones come" wait_until 60 of emaps 403
few_at_a_time() { [ "$(cat "$T/many/parallel")" -le 8 ] || { cat "$T/many/parallel"; return 1; }; }
ok "at most 8 are asked at a time" few_at_a_time
ok "it stops" stop many
mkdir -p "$T/toomany"
echo 3000 >"$T/toomany/zones"
service toomany
up toomany --collector.emissions.provider=emaps
ok "too many zones are refused" logged toomany "the reply has more than 2048 zones"
ok "it stops" stop toomany
# The token is good for nothing: zones are listed, and each is refused.
EMAPS_API_TOKEN=wrong __EMAPS_BASE_URL=http://127.0.0.1:$(cat "$T/good/port")/emaps \
	start refused "$BIN/ceems_exporter" "${FLAGS[@]}" --web.listen-address="127.0.0.1:$(free_port)" --collector.emissions.provider=emaps
ok "a refused token is logged" logged refused "HTTP status 401"
ok "it stops" stop refused
done_testing
