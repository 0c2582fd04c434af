#!/bin/sh
# Installs what was built, or takes it away again: install.sh install|uninstall|list BUILD [agent|collector|all]
# PREFIX (/usr/local) is where it will run, DESTDIR the folder that it is staged in; nothing is written outside of it, no user is
# made, nothing is started: deploy/debian does that for the package, docs/operations.md says it for the rest.
set -eu
PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
what=${1:-} build=${2:-build} part=${3:-all}
lib=$PREFIX/lib share=$PREFIX/share
zsh=$share/zsh/site-functions
[ "$PREFIX" != /usr ] || zsh=$share/zsh/vendor-completions # what Debian leaves to packages

# One line a file: its mode, where it comes from, where it goes. Both ways read the same list.
agent_files() {
    echo "0755 $build/keytrail-agent $PREFIX/bin/keytrail-agent"
    for f in "$build"/man/keytrail-agent.1 "$build"/man/keytrail-agent-*.1; do echo "0644 $f $share/man/man1/${f##*/}"; done
    echo "0644 $build/man/keytrail-agent.yaml.5 $share/man/man5/keytrail-agent.yaml.5"
    completions keytrail-agent
    for f in agents/sources/mappings/*.yaml; do echo "0644 $f $share/keytrail/mappings/${f##*/}"; done
    for u in keytrail-agent keytrail-agent-fanotify; do echo "0644 deploy/systemd/$u.service $lib/systemd/system/$u.service"; done
    echo "0644 deploy/sysusers/keytrail-agent.conf $lib/sysusers.d/keytrail-agent.conf"
    echo "0644 deploy/tmpfiles/keytrail-agent.conf $lib/tmpfiles.d/keytrail-agent.conf"
}
collector_files() {
    echo "0755 $build/keytrail $PREFIX/bin/keytrail"
    for f in "$build"/man/*.[157]; do
        case ${f##*/} in keytrail-agent.* | keytrail-agent-*) continue ;; esac
        echo "0644 $f $share/man/man${f##*.}/${f##*/}"
    done
    completions keytrail
    for f in detectors/rules/*.yml; do echo "0644 $f $share/keytrail/rules/${f##*/}"; done
    [ ! -f "$build/share/ip-country.mmdb" ] || echo "0644 $build/share/ip-country.mmdb $share/keytrail/ip-country.mmdb"
    echo "0644 deploy/geoip/NOTICE $share/keytrail/ip-country.NOTICE"
    for f in dashboards/prometheus/*.rules.yml; do echo "0644 $f $share/keytrail/prometheus/${f##*/}"; done
    for f in dashboards/grafana/dashboards/*.json dashboards/grafana/provisioning/*/*.yaml; do echo "0644 $f $share/keytrail/${f#dashboards/}"; done
    echo "0755 exporters/reports/verify_bundle.py $share/keytrail/verify_bundle.py"
    for u in keytrail-collector keytrail-dashboard; do echo "0644 deploy/systemd/$u.service $lib/systemd/system/$u.service"; done
    echo "0644 deploy/sysusers/keytrail.conf $lib/sysusers.d/keytrail.conf"
    echo "0644 deploy/tmpfiles/keytrail.conf $lib/tmpfiles.d/keytrail.conf"
    for f in README.md CHANGELOG.md LICENSE SECURITY.md docs/*.md; do echo "0644 $f $share/doc/keytrail/${f##*/}"; done
}
completions() {
    echo "0644 $build/completion/$1.bash $share/bash-completion/completions/$1"
    echo "0644 $build/completion/_$1 $zsh/_$1"
    echo "0644 $build/completion/$1.fish $share/fish/vendor_completions.d/$1.fish"
}
files() {
    [ "$part" = collector ] || agent_files
    [ "$part" = agent ] || collector_files
}
put() { # mode from to; units and completions name the place that the programs will have
    mkdir -p "$DESTDIR${3%/*}"
    case $3 in
    *.service) sed "s|/usr/bin/keytrail|$PREFIX/bin/keytrail|" "$2" >"$DESTDIR$3.tmp" ;;
    *) cp "$2" "$DESTDIR$3.tmp" ;;
    esac
    chmod "$1" "$DESTDIR$3.tmp"
    mv -f "$DESTDIR$3.tmp" "$DESTDIR$3" # a running program keeps the file that it has
}
case $what in
list) files | while read -r mode from to; do echo "$DESTDIR$to"; done ;;
install)
    files | while read -r mode from to; do
        [ -f "$from" ] || { echo "install.sh: there is no $from: make all man first" >&2; exit 1; }
    done
    files | while read -r mode from to; do put "$mode" "$from" "$to"; done
    [ -f "$build/share/ip-country.mmdb" ] || [ "$part" = agent ] ||
        echo "installed without a table of countries: make geoip, then install again, or keytrail geoip update" >&2
    ;;
uninstall)
    files | while read -r mode from to; do
        rm -f "$DESTDIR$to"
        # Folders of ours that are empty now; what others share stays.
        d=$DESTDIR${to%/*}
        case $d in */keytrail | */keytrail/*) rmdir -p --ignore-fail-on-non-empty "$d" 2>/dev/null || : ;; esac
    done
    ;;
*) echo "usage: install.sh install|uninstall|list BUILD [agent|collector|all]" >&2; exit 2 ;;
esac
