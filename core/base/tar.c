/*
 * tar: walks the headers of an archive.
 *
 * Owns:  nothing.
 * Calls: str.
 */
#include "core/base/tar.h"

#define BLOCK    512u
#define NAME_LEN 100u
#define SIZE_AT  124u
#define SIZE_LEN 12u
#define SUM_AT   148u
#define SUM_LEN  8u
#define TYPE_AT  156u

/* Digits of base 8, ended by a blank or a NUL; leading blanks count for nothing. */
static bool octal(struct kt_str s, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0, digits = 0;
    while (i < s.len && s.at[i] == ' ')
        i++;
    for (; i < s.len && s.at[i] >= '0' && s.at[i] <= '7'; i++, digits++) {
        if (n > UINT64_MAX >> 3)
            return false;
        n = n << 3 | (uint64_t)(s.at[i] - '0');
    }
    if (digits == 0 || (i < s.len && s.at[i] != ' ' && s.at[i] != '\0'))
        return false;
    *ret = n;
    return true;
}

/* The sum of the header's bytes, where those of the sum itself count as blanks. */
static bool is_sound(struct kt_str head)
{
    uint64_t said, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : (unsigned char)head.at[i];
    return octal(kt_str_sub(head, SUM_AT, SUM_LEN), &said) && said == sum;
}

static bool is_end(struct kt_str head)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (head.at[i] != '\0')
            return false;
    return true;
}

enum kt_status kt_tar_find(struct kt_str archive, struct kt_str suffix, struct kt_str *ret,
                           struct kt_error *err)
{
    size_t at = 0;
    while (archive.len - at >= BLOCK) {
        struct kt_str head = kt_str_sub(archive, at, BLOCK), name = kt_str_sub(head, 0, NAME_LEN);
        uint64_t size;
        if (is_end(head))
            break;
        if (!is_sound(head) || !octal(kt_str_sub(head, SIZE_AT, SIZE_LEN), &size))
            return kt_fail(err, KT_E_INPUT, "no tar archive: the header at byte %zu is damaged",
                           at);
        at += BLOCK;
        if (size > archive.len - at)
            return kt_fail(err, KT_E_INPUT, "the tar archive ends in the middle of a file");
        ptrdiff_t end = kt_str_find_byte(name, '\0', 0);
        name = end >= 0 ? kt_str_sub(name, 0, (size_t)end) : name;
        bool file = head.at[TYPE_AT] == '0' || head.at[TYPE_AT] == '\0';
        if (file && kt_str_ends(name, suffix)) {
            *ret = kt_str_sub(archive, at, (size_t)size);
            return KT_OK;
        }
        uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
        at = padded > archive.len - at ? archive.len : at + (size_t)padded;
    }
    return kt_fail(err, KT_E_INPUT, "the tar archive has no file *" KT_STR_FMT, KT_STR_ARG(suffix));
}
