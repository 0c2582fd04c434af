/* kt_geo_open and kt_geo_find over any file. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/sys/geo.h"

/* libmaxminddb 1.7.1 loses a few KB when the metadata of a file that it refuses are broken. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const asked[] = { "203.0.113.65", "9.9.9.9", "2001:db8:1::1", "2a00::1" };
    struct kt_geo *g = NULL;
    char path[32];

    int fd = memfd_create("geo", MFD_CLOEXEC);
    if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
        return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const char *paths[] = { path };
    enum kt_status st = kt_geo_open(paths, 1, true, &g, NULL);
    assert(st == KT_OK || st == KT_E_CORRUPT);
    for (size_t i = 0; g != NULL && i < KT_ARRAY_LEN(asked); i++) {
        struct kt_ip ip;
        struct kt_geo_fact fact;
        if (kt_ip_parse(kt_str_of(asked[i]), &ip))
            kt_geo_find(g, ip, &fact);
        assert(strlen(fact.country) == 0 || strlen(fact.country) == 2);
    }
    kt_geo_free(g);
    (void)close(fd);
    return 0;
}
