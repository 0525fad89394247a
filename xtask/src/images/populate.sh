#!/bin/sh
# Turns a copy of a base system into the file system of a test image.
#
#     populate.sh ROOTFS RECIPE SOURCES SETTINGS [PACKAGE...]
#
# Runs in a mount namespace of its own, so that nothing stays mounted whatever happens. Starts no
# service: packages that want to are told no. Leaves no trace of the machine it ran on: its package
# sources, proxies and name servers are taken out again.
set -eu
rootfs=$1 recipe=$2 sources=$3 settings=$4
shift 4
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

inside() { chroot "$rootfs" "$@"; }

# Documentation and translations are half of a small system, and no test reads them.
cat >"$rootfs/etc/dpkg/dpkg.cfg.d/small" <<'EOF'
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
force-unsafe-io
EOF
rm -rf "$rootfs"/usr/share/doc/* "$rootfs"/usr/share/man/* "$rootfs"/usr/share/info/* "$rootfs"/usr/share/locale/*

mount -t proc proc "$rootfs/proc"
mount --rbind /dev "$rootfs/dev"

if [ -e "$recipe/before.sh" ]; then
    inside /bin/sh -eu <"$recipe/before.sh"
fi

if [ $# -gt 0 ]; then
    printf '#!/bin/sh\nexit 101\n' >"$rootfs/usr/sbin/policy-rc.d"
    chmod 755 "$rootfs/usr/sbin/policy-rc.d"
    rm -f "$rootfs/etc/resolv.conf"
    cp -L /etc/resolv.conf "$rootfs/etc/resolv.conf"
    cp "$rootfs/etc/hosts" "$rootfs/etc/hosts.image" 2>/dev/null || : >"$rootfs/etc/hosts.image"
    cp -L /etc/hosts "$rootfs/etc/hosts"
    cp "$sources" "$rootfs/etc/apt/sources.list"
    cp "$settings" "$rootfs/etc/apt/apt.conf.d/00build"
    inside apt-get update
    inside apt-get install --yes --no-install-recommends "$@"
    inside apt-get clean
    mv "$rootfs/etc/hosts.image" "$rootfs/etc/hosts"
    rm -f "$rootfs/usr/sbin/policy-rc.d" "$rootfs/etc/apt/apt.conf.d/00build" "$rootfs/etc/resolv.conf"
fi

if [ -d "$recipe/files" ]; then
    (cd "$recipe/files" && tar --create --owner=0 --group=0 --mode=u=rwX,go=rX .) | tar --extract --directory "$rootfs"
fi
if [ -e "$recipe/setup.sh" ]; then
    inside /bin/sh -eu <"$recipe/setup.sh"
fi

: >"$rootfs/etc/apt/sources.list"
rm -rf "$rootfs"/var/lib/apt/lists/* "$rootfs"/var/cache/apt/* "$rootfs"/var/cache/debconf/*-old
find "$rootfs/var/log" -type f -delete
