/*
 * identity_names: keys of names.
 *
 * Owns:  the words that name no person.
 * Calls: core/base.
 */
#include "cli/identity_names.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (unsigned char)c >= 0x80;
}

static void make_key(struct kt_str s, char *ret, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len && n + 1 < room; i++)
        if (is_letter(s.at[i]) || is_digit(s.at[i]))
            ret[n++] = lower(s.at[i]);
    ret[n] = '\0';
}

struct kt_name kt_name_of(struct kt_str actor)
{
    ptrdiff_t at = kt_str_rfind_byte(actor, '@');
    struct kt_name n = { .local = at < 0 ? actor : kt_str_sub(actor, 0, (size_t)at) };
    if (at >= 0)
        n.where = kt_str_from_index(actor, (size_t)at + 1);
    ptrdiff_t dot = kt_str_rfind_byte(n.where, '.');
    n.email = at > 0 && dot > 0 && (size_t)dot + 1 < n.where.len &&
              !is_digit(n.where.at[n.where.len - 1]) && kt_str_find_byte(n.local, '/', 0) < 0 &&
              kt_str_find_byte(n.local, '@', 0) < 0;
    /* what has a '/' is an entity or a service account: an id, no name */
    if (kt_str_find_byte(n.local, '/', 0) < 0)
        make_key(n.local, n.key, sizeof n.key);
    return n;
}

/* The next run of letters; empty at the end. */
static struct kt_str next_word(struct kt_str *rest)
{
    size_t from = 0, end;
    while (from < rest->len && !is_letter(rest->at[from]))
        from++;
    for (end = from; end < rest->len && is_letter(rest->at[end]);)
        end++;
    struct kt_str word = kt_str_sub(*rest, from, end - from);
    *rest = kt_str_from_index(*rest, end);
    return word;
}

static bool has_digit(struct kt_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (is_digit(s.at[i]))
            return true;
    return false;
}

void kt_name_initial(struct kt_str local, char ret[KT_NAME_KEY_MAX])
{
    struct kt_str rest = local, first = next_word(&rest), last = { NULL, 0 }, word;
    while ((word = next_word(&rest)).len > 0)
        last = word;
    ret[0] = '\0';
    if (first.len < 2 || last.len < 2 || has_digit(local))
        return;
    make_key(last, ret + 1, KT_NAME_KEY_MAX - 1);
    ret[0] = lower(first.at[0]);
    if ((unsigned char)ret[0] >= 0x80) /* half a character is no initial */
        ret[0] = '\0';
}

void kt_name_of_display(struct kt_str display, char ret_full[KT_NAME_KEY_MAX],
                        char ret_initial[KT_NAME_KEY_MAX])
{
    struct kt_str rest = display;
    unsigned words = 0;
    while (next_word(&rest).len > 0)
        words++;
    ret_full[0] = ret_initial[0] = '\0';
    if (words < 2 || words > 3 || has_digit(display) || kt_str_find_byte(display, '@', 0) >= 0 ||
        kt_str_find_byte(display, ' ', 0) < 0)
        return;
    make_key(display, ret_full, KT_NAME_KEY_MAX);
    kt_name_initial(display, ret_initial);
}

bool kt_name_is_generic(const char *key)
{
    static const char *const words[] = {
        "admin",   "administrator", "root",   "ubuntu",   "debian",   "centos",   "fedora",
        "ec2user", "core",          "deploy", "deployer", "ci",       "cd",       "build",
        "builder", "jenkins",       "runner", "test",     "tester",   "user",     "guest",
        "backup",  "service",       "svc",    "system",   "nobody",   "postgres", "mysql",
        "www",     "wwwdata",       "web",    "git",      "ansible",  "vagrant",  "oracle",
        "app",     "bot",           "info",   "support",  "help",     "ops",      "devops",
        "sre",     "security",      "team",   "noreply",  "dev",      "prod",     "staging",
        "default", "anonymous",     "token",  "api",      "operator", "monitor",  "me",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(key, words[i]) == 0)
            return true;
    return strlen(key) < 3;
}

/* Words that make a second account of the first one. */
static bool is_purpose(struct kt_str word)
{
    static const char *const words[] = { "admin", "adm",   "root", "priv", "privileged", "super",
                                         "su",    "sudo",  "test", "bot",  "svc",        "service",
                                         "break", "glass", "ext",  "ops",  "prod",       "dev" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (kt_str_eq_nocase(word, kt_str_of(words[i])))
            return true;
    return false;
}

static unsigned purposes(struct kt_str local)
{
    struct kt_str rest = local, word;
    unsigned n = 0;
    while ((word = next_word(&rest)).len > 0)
        n += is_purpose(word);
    return n;
}

static struct kt_str digits_at_end(struct kt_str s)
{
    size_t n = s.len;
    while (n > 0 && is_digit(s.at[n - 1]))
        n--;
    return kt_str_from_index(s, n);
}

bool kt_name_is_second(struct kt_str a, struct kt_str b)
{
    return purposes(a) != purposes(b) || !kt_str_eq(digits_at_end(a), digits_at_end(b));
}
