#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/guest/run.sh [DIR]: the quickstart's chain and the exporter's service in a Debian 12 guest with systemd as pid 1 and cgroup v2,
# under QEMU's TCG (no KVM needed; code runs some 20 times slower there, so the programs are built
# outside, in the guest's own root file system). DIR (/var/tmp/ceems-guest) keeps the root file system
# and the image; a second call uses them again. Needs root, about 6 GB, and packages of its own
# (tools/install-packages guest). Not part of test.sh: it takes 10 to 20 minutes.
set -euo pipefail
SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
DIR=$(realpath -m "${1:-/var/tmp/ceems-guest}")
ROOT=$DIR/rootfs
MIRROR=${MIRROR:-http://deb.debian.org/debian}
TIMEOUT=${TIMEOUT:-1800}

[ "$(id -u)" = 0 ] || { echo "guest: needs root" >&2; exit 1; }
for tool in debootstrap qemu-system-x86_64 mke2fs; do
	command -v $tool >/dev/null || { echo "guest: $tool is missing: tools/install-packages guest" >&2; exit 1; }
done
mkdir -p "$DIR"

in_root() { # COMMAND... in the guest's file system, with /proc
	mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
	local status=0
	chroot "$ROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@" || status=$?
	umount "$ROOT/proc"
	return $status
}

if [ ! -f "$DIR/rootfs.ready" ]; then
	echo "guest: making the root file system"
	rm -rf "$ROOT"
	debootstrap --variant=minbase --include=systemd,systemd-sysv,linux-image-amd64,udev,dbus,iproute2 \
		bookworm "$ROOT" "$MIRROR" >"$DIR/debootstrap.log" 2>&1
	echo guest >"$ROOT/etc/hostname"
	echo '127.0.0.1 localhost guest' >"$ROOT/etc/hosts"
	touch "$DIR/rootfs.ready"
fi

echo "guest: building the programs in the guest's root file system"
rm -rf "$ROOT/usr/local/src/ceems"
git clone -q "$SOURCE" "$ROOT/usr/local/src/ceems"
in_root /usr/local/src/ceems/tools/install-packages build run
in_root bash -c 'cd /usr/local/src/ceems && meson setup build/quickstart --buildtype=release -Dtests=false >/dev/null &&
	ninja -C build/quickstart >/dev/null'

cat >"$ROOT/usr/local/bin/ceems-chain" <<'S'
#!/bin/bash
# Runs once after boot, prints to the console, then powers the machine off.
exec >/dev/ttyS0 2>&1
echo "guest: $(cat /proc/1/comm) is pid 1, $(stat -fc %T /sys/fs/cgroup) on /sys/fs/cgroup, kernel $(uname -r)"
cd /usr/local/src/ceems
CEEMS_QUICKSTART_PATIENCE=10 ./quickstart.sh --once --jobs 4
echo "guest: quickstart ended with status $?"
install -m 755 build/quickstart/ceems_exporter build/quickstart/ceems_api_server /usr/local/bin/
tools/install-services ceems_exporter
for _ in $(seq 120); do curl -sf -o /dev/null http://127.0.0.1:9010/health && break; sleep 0.5; done
systemctl --no-pager --lines=5 status ceems_exporter
curl -sS http://127.0.0.1:9010/metrics | grep -c ^ceems_
grep -E '^(Uid|Cap|NoNewPrivs)' /proc/"$(systemctl show -p MainPID --value ceems_exporter)"/status
systemctl stop ceems_exporter
echo "guest: the service ended with status $(systemctl show -p ExecMainStatus --value ceems_exporter)"
systemctl poweroff
S
chmod 755 "$ROOT/usr/local/bin/ceems-chain"
cat >"$ROOT/etc/systemd/system/ceems-chain.service" <<'U'
[Unit]
Description=CEEMS quickstart in a guest
After=multi-user.target
[Service]
Type=oneshot
Delegate=yes
ExecStart=/usr/local/bin/ceems-chain
TimeoutStartSec=infinity
U
mkdir -p "$ROOT/etc/systemd/system/graphical.target.wants"
ln -sf ../ceems-chain.service "$ROOT/etc/systemd/system/graphical.target.wants/ceems-chain.service"

echo "guest: making the image and booting it (time limit $TIMEOUT s)"
rm -f "$DIR/image"
mke2fs -q -t ext4 -d "$ROOT" "$DIR/image" 5G
kernel=$(compgen -G "$ROOT/boot/vmlinuz-*" | tail -n 1)
timeout "$TIMEOUT" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -M pc -m 3072 -smp 2 -nographic -no-reboot -nic none \
	-kernel "$kernel" -initrd "${kernel/vmlinuz/initrd.img}" -append "root=/dev/vda rw console=ttyS0 quiet psi=1" \
	-drive "file=$DIR/image,format=raw,if=virtio,cache=unsafe" </dev/null | tee "$DIR/console" | sed -u 's/\r$//'
grep -q 'quickstart ended with status 0' "$DIR/console"
grep -q 'the service ended with status 0' "$DIR/console"
