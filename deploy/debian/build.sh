#!/bin/sh
# build.sh BUILD VERSION EPOCH: keytrail_VERSION_ARCH.deb and keytrail-agent_VERSION_ARCH.deb in BUILD/deb, of what was built.
# dpkg-deb alone; what the programs link against is asked of dpkg-shlibdeps. The same sources give the same bytes.
set -eu
build=$1 version=$2 epoch=$3
here=$(pwd) out=$build/deb
arch=$(dpkg --print-architecture)
export SOURCE_DATE_EPOCH="$epoch"
rm -rf "$out"
mkdir -p "$out"

depends() { # program...: the packages of its libraries
    scratch=$(mktemp -d)
    mkdir -p "$scratch/debian"
    printf 'Source: keytrail\n\nPackage: keytrail\nArchitecture: any\nDescription: x\n' >"$scratch/debian/control"
    (cd "$scratch" && dpkg-shlibdeps -O "$@" 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
    rm -rf "$scratch"
}
changelog() {
    printf 'keytrail (%s) stable; urgency=medium\n\n  * See /usr/share/doc/%s/CHANGELOG.md.\n\n -- keytrail maintainers <maintainers@keytrail.invalid>  %s\n' \
        "$version" keytrail "$(date -u -R -d @"$epoch")"
}
package() { # name part summary long extra-depends program
    root=$out/$1
    mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$1"
    DESTDIR=$here/$root PREFIX=/usr sh deploy/install.sh install "$build" "$2"
    rm -f "$root/usr/share/doc/$1/LICENSE"
    strip --strip-unneeded "$root/usr/bin/$1"
    cp deploy/debian/copyright "$root/usr/share/doc/$1/copyright"
    changelog | gzip -9n >"$root/usr/share/doc/$1/changelog.gz"
    find "$root/usr/share/man" -type f -exec gzip -9n {} +
    for s in postinst prerm postrm; do install -m 0755 "deploy/debian/$1.$s" "$root/DEBIAN/$s"; done
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$1" "$version" "$arch"
        sed -n '/^Section:/p;/^Priority:/p;/^Maintainer:/p' deploy/debian/control
        printf 'Installed-Size: %s\nDepends: %s, systemd%s\n' "$(du -sk "$root/usr" | cut -f1)" "$(depends "$here/$root/usr/bin/$1")" "$5"
        printf 'Description: %s\n' "$3"
        printf '%s\n' "$4" | fold -s -w 76 | sed 's/ *$//; s/^/ /'
    } >"$root/DEBIAN/control"
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    find "$root" -exec touch -h -d "@$epoch" {} +
    dpkg-deb --root-owner-group -Zxz --build "$root" "$out/$1_${version}_$arch.deb" >/dev/null
    rm -rf "$root"
    echo "$out/$1_${version}_$arch.deb"
}
package keytrail collector 'who touched which secret, when, from where, and was it normal' \
    "The collector stores audit events of secret stores in one tamper-evident log, judges each against its actor's own past, alerts, and answers questions; with all commands and the page." ''
package keytrail-agent agent 'reads audit logs of secret stores for keytrail' \
    "The agent follows files, APIs and buckets, takes secret values out before anything is written, and sends what is left to a collector, once and signed." ''
