/* err: one enum of causes, one struct with context. Libraries fill it, whoever decides logs it. */
#pragma once
#include <stddef.h>

#define KT_MUST_USE          __attribute__((warn_unused_result))
#define KT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define KT_CLEANUP(fn)       __attribute__((cleanup(fn)))
/* Hands a pointer out and forgets it here: `*ret_x = KT_TAKE(x);` */
#define KT_TAKE(p)                                                                                 \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
#define KT_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum kt_status {
    KT_OK = 0,
    KT_E_AGAIN,   /* not now: retry later, nothing was changed */
    KT_E_INPUT,   /* the peer or the file sent something we refuse */
    KT_E_LIMIT,   /* a stated bound was hit */
    KT_E_CONFIG,  /* the configuration is wrong; the text says where and how to mend it */
    KT_E_IO,      /* the system said no; sys_errno says what */
    KT_E_CORRUPT, /* our own data does not verify */
    KT_E_DENIED,  /* the peer is not allowed to do this */
};

struct kt_error {
    enum kt_status code;
    int sys_errno;  /* 0 unless a system call failed */
    char text[400]; /* "outermost: ...: innermost", cut, never overrun */
};

/* Fills err (which may be NULL) and returns code. */
KT_MUST_USE enum kt_status kt_fail(struct kt_error *err, enum kt_status code, const char *fmt, ...)
    KT_PRINTF(3, 4);
/* Same with KT_E_IO, the current errno and its text at the end. */
KT_MUST_USE enum kt_status kt_fail_errno(struct kt_error *err, const char *fmt, ...)
    KT_PRINTF(2, 3);
/* Puts context in front of what err already holds; returns err->code (KT_E_IO if err is NULL). */
KT_MUST_USE enum kt_status kt_wrap(struct kt_error *err, const char *fmt, ...) KT_PRINTF(2, 3);
/* "input", "limit", ...: a word for logs. */
const char *kt_status_word(enum kt_status code);
