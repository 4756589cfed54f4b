#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/guest/ipmi.sh [DIR]: the ipmi_dcmi collector with a real /dev/ipmi0: OpenIPMI's BMC simulator with DCMI
# (bmc_dcmi.c) behind QEMU's KCS device and Debian's kernel, under TCG; the device is captured, too, and the exporter
# plays the capture. DIR (/var/tmp/ceems-guest-ipmi) keeps the kernel. CEEMS_BUILD is a build without sanitizers
# (build/release, as 'make' leaves it). Prints TAP. Not part of test.sh: it takes two minutes, and packages of its
# own (tools/install-packages build guest).
set -u
CEEMS_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export CEEMS_SOURCE CEEMS_BUILD=${CEEMS_BUILD:-$CEEMS_SOURCE/build/release}
# shellcheck source=tests/lib/tap.sh
. "$CEEMS_SOURCE/tests/lib/tap.sh"
DIR=$(realpath -m "${1:-/var/tmp/ceems-guest-ipmi}")
for tool in qemu-system-x86_64 ipmi_sim ipmi-dcmi busybox cpio depmod gcc; do
	command -v $tool >/dev/null || { echo "guest: $tool is missing: tools/install-packages build guest" >&2; exit 1; }
done
[ -f /usr/include/OpenIPMI/serv.h ] || { echo "guest: OpenIPMI's headers are missing: tools/install-packages build guest" >&2; exit 1; }
mkdir -p "$DIR"

# --- the BMC
PORT=$(free_port)
cd "$T" || exit 1
mkdir state
gcc -shared -fPIC -o bmc_dcmi.so "$CEEMS_SOURCE/tests/guest/bmc_dcmi.c" -lIPMIlanserv || exit 1
cat >lan.conf <<C
name "guest"
set_working_mc 0x20
loadlib "$T/bmc_dcmi.so" "$T/power"
serial 15 127.0.0.1 $PORT codec VM
user 1 true "" "" user 10 none
C
cat >bmc.emu <<'C'
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
mc_enable 0x20
C
start bmc ipmi_sim -n -c lan.conf -f bmc.emu -s state
wait_until 20 grep -qi ":$(printf %04x "$PORT") 00000000:0000 0A" /proc/net/tcp

# --- the guest: a kernel and an initramfs with busybox, the exporter and ipmi-dcmi
if ! compgen -G "$DIR/kernel/boot/vmlinuz-*" >/dev/null; then
	package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
	(cd "$DIR" && apt-get -qq download "$package" && dpkg -x "$package"_*.deb kernel && rm -f "$package"_*.deb) || exit 1
fi
KERNEL=$(compgen -G "$DIR/kernel/boot/vmlinuz-*" | tail -n 1)
VERSION=${KERNEL##*/vmlinuz-}
mkdir -p root/bin root/usr/sbin root/proc root/sys root/dev root/etc root/tmp "root/lib/modules/$VERSION"
cp "$(command -v busybox)" root/bin/
for program in "$CEEMS_BUILD/ceems_exporter" "$CEEMS_BUILD/ceems_tool" "$(command -v ipmi-dcmi)"; do
	cp "$program" root/usr/sbin/
	ldd "$program" | grep -oE '/[^ ]+' | while read -r library; do
		mkdir -p "root$(dirname "$library")" && cp -L "$library" "root$library"
	done
done
for module in ipmi_msghandler ipmi_devintf ipmi_si acpi_ipmi; do
	find "$DIR/kernel/lib/modules/$VERSION" -name "$module.ko*" -exec cp {} "root/lib/modules/$VERSION/" \;
done
depmod -b root "$VERSION" 2>/dev/null
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >root/etc/passwd
printf 'root:x:0:\nnogroup:x:65534:\n' >root/etc/group
cat >root/init <<'I'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
ip link set lo up
echo
for m in ipmi_msghandler ipmi_devintf ipmi_si; do modprobe $m; done
get() { wget -q -O - http://127.0.0.1:9010/metrics; }
# values: current min max avg success
values() {
	get >/tmp/answer || return 1
	for v in ipmi_dcmi_current ipmi_dcmi_min ipmi_dcmi_max ipmi_dcmi_avg; do
		echo $(sed -n "s/^ceems_${v}_watts{.*} //p" /tmp/answer)
	done | tr '\n' ' '
	sed -n 's/^ceems_scrape_collector_success{collector="ipmi_dcmi"} //p' /tmp/answer
}
up() {
	ceems_exporter --collector.disable-defaults --collector.ipmi_dcmi --collector.ipmi_dcmi.poll-interval=1s --collector.ipmi_dcmi.max-age=5s \
		--web.listen-address=127.0.0.1:9010 "$@" 2>/tmp/log &
	P=$!
	until get >/dev/null 2>&1 || ! kill -0 $P; do usleep 100000; done
}
down() { kill $P; wait $P; echo "GUEST $1 status $?"; }
until_values() { # bounded by the time limit of the guest
	until [ "$(echo $(values))" = "$1" ]; do usleep 200000; done
	echo "GUEST $2"
}
up --collector.ipmi_dcmi.force-native-mode
echo "GUEST native $(values)"
echo "GUEST user $(awk '/^Uid:/ { print $2 }' /proc/$P/status)"
echo "GUEST ask 320 156 624 298 1"
until_values "320 156 624 298 1" "native follows"
echo "GUEST ask 320 156 624 298 0"
until_values "0" "native inactive is dropped"
echo "GUEST ask 330 156 624 298 1"
until_values "330 156 624 298 1" "native is back"
echo "GUEST stop"
until_values "0" "native hanging is dropped"
echo "GUEST cont"
until_values "330 156 624 298 1" "native is back after a hang"
sed 's/^/LOG /' /tmp/log
down native
up
echo "GUEST tool $(values)"
sed 's/^/LOG /' /tmp/log
down tool
# The device is captured, and what it answers changes meanwhile; then the capture is played, and the BMC hangs.
up --collector.ipmi_dcmi.force-native-mode
echo "GUEST ask 340 156 624 298 1"
until_values "340 156 624 298 1" "before the capture"
down before
ceems_tool capture --no-tools --collector.ipmi_dcmi.device=/dev/ipmi0 --duration=15s --output=/tmp/c.tar.gz >/tmp/log 2>&1 &
C=$!
until ls -l /proc/$C/fd | grep -q ipmi0 || ! kill -0 $C; do usleep 100000; done
echo "GUEST ask 345 156 624 298 1"
wait $C
echo "GUEST captured status $?"
sed 's/^/LOG /' /tmp/log
echo "GUEST stop"
ceems_tool replay --speed=0.5 /tmp/c.tar.gz /tmp/n >/tmp/replay 2>/tmp/log &
C=$!
until grep -q ceems_exporter /tmp/replay || ! kill -0 $C; do usleep 100000; done
sed 's/^/LOG /' /tmp/replay /tmp/log
ceems_exporter() {
	command ceems_exporter --collector.disable-defaults --collector.ipmi_dcmi.poll-interval=1s --collector.ipmi_dcmi.max-age=5s \
		--web.listen-address=127.0.0.1:9010 "$@"
}
eval "$(cat /tmp/replay) 2>/tmp/log &"
P=$!
until get >/dev/null 2>&1 || ! kill -0 $P; do usleep 100000; done
echo "GUEST played $(values)"
until_values "345 156 624 298 1" "played what changed"
sed 's/^/LOG /' /tmp/log
kill $P $C
wait
echo "GUEST cont"
poweroff -f
I
chmod 755 root/init
(cd root && find . | cpio -o -H newc 2>/dev/null | gzip -1) >initrd

# --- run: the guest asks for changes of the BMC
echo "312 156 624 298 1" >power
timeout 300 qemu-system-x86_64 -accel tcg -cpu max -M pc -m 1024 -nographic -no-reboot -nic none -kernel "$KERNEL" -initrd initrd \
	-append "console=ttyS0 quiet panic=-1" -chardev "socket,id=ipmi0,host=127.0.0.1,port=$PORT,reconnect=2" \
	-device ipmi-bmc-extern,id=bmc0,chardev=ipmi0 -device isa-ipmi-kcs,bmc=bmc0 </dev/null 2>&1 | sed -u 's|\r$||' | while read -r line; do
	printf '%s\n' "$line" >>console
	case $line in
	"GUEST ask "*) echo "${line#GUEST ask }" >power.new && mv power.new power ;;
	"GUEST stop") kill -STOP "$(cat bmc.pid)" ;;
	"GUEST cont") kill -CONT "$(cat bmc.pid)" ;;
	esac
done
said() { grep -Fx "GUEST $1" console || { tail -n 60 console; return 1; }; }
logged() { grep -F -- "$1" console || { tail -n 60 console; return 1; }; }
ok "the device's values are in the first scrape" said "native 312 156 624 298 1"
ok "the exporter is nobody" said "user 65534"
ok "a new value comes by itself" said "native follows"
ok "a measurement that is not active brings no values" said "native inactive is dropped"
ok "it is said" logged "the BMC's power measurement is not active"
ok "values come back" said "native is back"
ok "a BMC that hangs brings no values" said "native hanging is dropped"
ok "it is said" logged "no answer of the BMC within 1000 ms"
ok "values come back after that" said "native is back after a hang"
ok "it stops" said "native status 0"
ok "FreeIPMI's tool is found and its values are in the first scrape" said "tool 330 156 624 298 1"
ok "it is run as root" logged 'command=/usr/sbin/ipmi-dcmi way="as is" user=root'
ok "it stops" said "tool status 0"
ok "the device is captured" said "captured status 0"
ok "the exporter plays what it answered first, with a BMC that hangs" said "played 340 156 624 298 1"
ok "and what it answered then" said "played what changed"
done_testing
