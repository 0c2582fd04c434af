#!/bin/sh
# Installs the Debian packages that are missing: `deps.sh build` for the programs, `deps.sh build test` for the tests too,
# `deps.sh bench` for the other tools that `make bench-store` measures beside ours. `deps.sh peers` fetches what tests speak to; it
# needs nothing of the build and may run beside it.
set -eu
build="gcc g++ make pkg-config libzmq3-dev libsqlite3-dev libjansson-dev libsimdjson-dev libcurl4-openssl-dev
libmicrohttpd-dev libmaxminddb-dev libsodium-dev libssl-dev libzstd-dev zlib1g-dev libfyaml-dev libre2-dev libpq-dev"
test="python3 procps util-linux libcmocka-dev libauparse-dev clang clang-format clang-tidy libclang-rt-14-dev cppcheck sqlite3 binutils strace openssl zstd
python3-aiosmtpd libjemalloc2 libpocofoundation80 libpoconet80 libpoconetssl80 libpocoutil80 libpocoxml80 libre2-9 libxml2 libldap-2.5-0 liblz4-1 libicu72
python3-prometheus-client
zsh fish mandoc debootstrap dpkg-dev minisign chromium poppler-utils fonts-noto-core fonts-noto-cjk"
# jq: asks the files. wrk: asks the page. nodejs, npm: DuckDB comes by npm, into a folder of the bench (left out where the commands are there, as
# other packages of Node.js conflict with Debian's npm). libdbd-sqlite3: syslog-ng's way to SQLite, looked up in one fixed folder.
# Not installed: postgresql-15 would start a server, and syslog-ng-core and rsyslog replace the machine's own logging and each
# other. The bench takes them where they are installed; where not, it fetches the packages and unpacks them in its own folder.
bench="jq libdbd-sqlite3 wrk"
command -v node >/dev/null 2>&1 || bench="$bench nodejs"
command -v npm >/dev/null 2>&1 || bench="$bench npm"
command -v node >/dev/null 2>&1 || test="$test nodejs"
command -v npm >/dev/null 2>&1 || test="$test npm"
want=
for part in "$@"; do
    case $part in
    build) want="$want $build" ;;
    test) want="$want $test" ;;
    peers) ;;
    bench) want="$want $bench" ;;
    *) echo "usage: deps.sh build|test|peers|bench ..." >&2; exit 2 ;;
    esac
done
missing=
for p in $want; do
    [ "$(dpkg-query -W -f='${Status}' "$p" 2>/dev/null)" = "install ok installed" ] || missing="$missing $p"
done

# Daemons that would start, or take the place of the machine's own: fetched and unpacked for the tests, not installed.
# unpack FILE PACKAGE...: FILE is below /usr and says whether it is there; it may be a pattern.
is_there() {
    for f in /usr/$1 build/peers/usr/$1; do
        [ ! -e "$f" ] || return 0
    done
    return 1
}
unpack() {
    file=$1
    shift
    is_there "$file" || ! command -v apt-get >/dev/null 2>&1 || (
        mkdir -p "build/peers/debs/$1" && cd "build/peers/debs/$1" &&
            apt-get download -qq "$@" >/dev/null 2>&1 &&
            for d in *.deb; do dpkg-deb -x "$d" ../..; done
    ) || echo "keytrail: $1 could not be fetched; the tests go without it" >&2
}
# What checks our messages as their receivers do and our files against their schemas, a server of S3, and what drives chromium and looks for what a page keeps from people.
fetch_npm() {
    lacking=
    for p in standardwebhooks@1.1.1 adaptivecards@3.0.6 s3rver@3.7.1 playwright-core@1.65.1 axe-core@4.14.1 ajv@8.17.1; do
        [ -d "build/peers/npm/node_modules/${p%@*}" ] || lacking="$lacking $p"
    done
    [ -z "$lacking" ] || (
        mkdir -p build/peers/npm && cd build/peers/npm && npm install --silent --no-audit --no-fund --prefix . $lacking >/dev/null 2>&1
    ) || echo "keytrail: not all of these could be fetched by npm:$lacking" >&2
    # what builds the page, so that a test can build it again; a build that runs beside this is not looked at
    make -s BUILD=none dashboards/web/node_modules/.package-lock.json >/dev/null 2>&1 || echo "keytrail: what builds the page could not be fetched by npm" >&2
}
fetch_peers() {
    unpack sbin/rsyslogd rsyslog libestr0 libfastjson4
    unpack 'lib/*/rsyslog/lmnsd_ossl.so' rsyslog-openssl
    unpack sbin/syslog-ng syslog-ng-core libivykis0 libnet1 libjson-c5 libwrap0
    unpack bin/prometheus-alertmanager prometheus-alertmanager
    unpack bin/promtool prometheus
    unpack lib/postgresql/15/bin/postgres postgresql-15 postgresql-client-15
    unpack sbin/clickhouse-server clickhouse-server clickhouse-common libboost-filesystem1.74.0 libboost-program-options1.74.0 libcapnp-0.9.2 \
        libcctz2 libcpuinfo0 libdouble-conversion3 libfarmhash0 libmariadb3 libmetrohash1 libodbc2 libodbcinst2 libpocodata80 libpocodataodbc80 \
        libpocomongodb80 libltdl7 librdkafka1
    fetch_npm
}
case " $* " in *" peers "*) trap fetch_peers EXIT ;; esac
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "keytrail: these packages are missing and apt-get is not here to install them:$missing" >&2
    exit 1
fi
echo "keytrail: installing Debian packages that are missing:$missing"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
