/* registry: every source there is. A source is complete with its .c, its .md and its cases. */
#include "agents/source.h"

#define SOURCES(X)                                                                                 \
    X(auditd)                                                                                      \
    X(azure)                                                                                       \
    X(cloudtrail)                                                                                  \
    X(doppler)                                                                                     \
    X(fanotify)                                                                                    \
    X(gcp)                                                                                         \
    X(github)                                                                                      \
    X(gitlab)                                                                                      \
    X(kubernetes)                                                                                  \
    X(leaks)                                                                                       \
    X(mapping)                                                                                     \
    X(onepassword)                                                                                 \
    X(vault)
#define DECLARE(name) extern const struct kt_source kt_source_##name;
#define ENTRY(name)   &kt_source_##name,
SOURCES(DECLARE)
const struct kt_source *const kt_sources[] = { SOURCES(ENTRY) NULL };

const struct kt_source *kt_source_find(struct kt_str name)
{
    for (const struct kt_source *const *s = kt_sources; *s != NULL; s++)
        if (kt_str_is(name, (*s)->name))
            return *s;
    return NULL;
}
