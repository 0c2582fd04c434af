#!/bin/sh
# Packs the files of a folder and writes the C table of them, for assets.c: embed.sh FOLDER WORK TABLE.c
# The same files give the same bytes: gzip -9 without name and time, in the order of their names.
set -eu
from=$1 work=$2 table=$3
mkdir -p "$work"
rm -f "$work"/*.gz
{
    echo '/* Made by dashboards/server/embed.sh. */'
    echo '#include "dashboards/server/assets_embedded.h"'
    n=0
    rows=
    if [ -d "$from" ]; then
        for f in $(cd "$from" && find . -type f | LC_ALL=C sort); do
            path=${f#.}
            gzip -9 -n -c "$from$path" >"$work/$n.gz"
            sum=$(sha256sum "$from$path" | cut -d' ' -f1)
            printf '__asm__(".section .rodata\\n.hidden kt_dist_%s, kt_dist_%s_end\\n.global kt_dist_%s, kt_dist_%s_end\\n"\n' $n $n $n $n
            printf '        "kt_dist_%s:\\n.incbin \\"%s/%s.gz\\"\\nkt_dist_%s_end:\\n.previous\\n");\n' $n "$work" $n $n
            printf 'extern const char kt_dist_%s[], kt_dist_%s_end[];\n' $n $n
            rows="$rows    { \"$path\", \"\\\\\"$sum\\\\\"\", kt_dist_$n, kt_dist_${n}_end },
"
            n=$((n + 1))
        done
    fi
    printf 'const struct kt_embedded kt_embedded[] = {\n'
    printf '%b' "$rows"
    printf '    { 0, 0, 0, 0 },\n};\n'
} >"$table"
