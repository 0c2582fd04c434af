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
    X(inventory)                                                                                   \
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

/* The pages are part of this object; the Makefile says so where no depfile can. */
#define PAGE(name)                                                                                 \
    __asm__(".section .rodata\n"                                                                   \
            ".global kt_source_page_" #name "\n"                                                   \
            ".hidden kt_source_page_" #name "\n"                                                   \
            "kt_source_page_" #name ":\n"                                                          \
            ".incbin \"agents/sources/" #name ".md\"\n"                                            \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char kt_source_page_##name[];
#define PAGE_ENTRY(name) kt_source_page_##name,
SOURCES(PAGE)
static const char *const pages[] = { SOURCES(PAGE_ENTRY) };

const char *kt_source_page(struct kt_str name)
{
    for (size_t i = 0; kt_sources[i] != NULL; i++)
        if (kt_str_is(name, kt_sources[i]->name))
            return pages[i];
    return NULL;
}
