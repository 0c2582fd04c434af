/* assets_embedded: the table that dashboards/server/embed.sh writes at build. */
#pragma once

struct kt_embedded {
    const char *path, *etag;
    const char *at, *end; /* gzip */
};
extern const struct kt_embedded kt_embedded[]; /* ended by a NULL path */
