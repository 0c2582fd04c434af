/* registry: the inputs that can run. */
#include "agents/input.h"

#define KT_INPUTS(X)                                                                               \
    X(af_unix)                                                                                     \
    X(cloudtrail_lookup)                                                                           \
    X(fanotify)                                                                                    \
    X(files)                                                                                       \
    X(http_listen)                                                                                 \
    X(http_poll)                                                                                   \
    X(inventory)                                                                                   \
    X(pubsub)                                                                                      \
    X(s3)                                                                                          \
    X(socket)                                                                                      \
    X(sqs_s3)                                                                                      \
    X(stdin)                                                                                       \
    X(syslog)                                                                                      \
    X(tail)
#define DECLARE(name) extern const struct kt_input_type kt_input_##name;
#define ENTRY(name)   &kt_input_##name,
KT_INPUTS(DECLARE)
const struct kt_input_type *const kt_inputs[] = { KT_INPUTS(ENTRY) NULL };

const struct kt_input_type *kt_input_find(struct kt_str name)
{
    for (const struct kt_input_type *const *t = kt_inputs; *t != NULL; t++)
        if (kt_str_is(name, (*t)->name))
            return *t;
    return NULL;
}

/* The pages are part of this object; the Makefile says so where no depfile can. */
#define PAGE(name)                                                                                 \
    __asm__(".section .rodata\n"                                                                   \
            ".global kt_input_page_" #name "\n"                                                    \
            ".hidden kt_input_page_" #name "\n"                                                    \
            "kt_input_page_" #name ":\n"                                                           \
            ".incbin \"agents/inputs/" #name ".md\"\n"                                             \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char kt_input_page_##name[];
#define PAGE_ENTRY(name) kt_input_page_##name,
KT_INPUTS(PAGE)
static const char *const pages[] = { KT_INPUTS(PAGE_ENTRY) };

const char *kt_input_page(const struct kt_input_type *type)
{
    size_t i = 0;
    while (kt_inputs[i] != type)
        i++;
    return pages[i];
}
