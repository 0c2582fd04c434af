/*
 * complete: walks the words of a command line through the tables, and prints what may follow.
 *
 * Owns:  the walk; a timer that ends it.
 * Calls: cli/flags (descriptions of commands), core/base; stdout.
 */
#include "cli/complete.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/log.h"

#define OFFERS_MAX 500u
#define PATIENCE_S 1

struct kt_complete {
    const struct kt_values *values;
    struct kt_str typed;  /* what a candidate begins with */
    struct kt_str before; /* "--output=" where the value stands in the same word */
    const char *config, *db;
    char at_home[2][4096]; /* what these two are where they began with ~ */
    unsigned offered;
};
struct line { /* the words behind a command's name; the last is being typed */
    struct kt_complete *c;
    char **word;
    int n;
};

struct kt_str kt_complete_typed(const struct kt_complete *c)
{
    return c->typed;
}

const char *kt_complete_config(const struct kt_complete *c)
{
    return c->config;
}

const char *kt_complete_db(const struct kt_complete *c)
{
    return c->db;
}

/* ---- candidates ---- */

/* No shell and no option parser takes it for anything but a word: an attacker who calls a source
 * `$(…)` or `--help` gets nothing typed. */
static bool is_plain(struct kt_str s)
{
    static const char fine[] = "._:/@+-,=%";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && memchr(fine, c, sizeof fine - 1) == NULL)
            return false;
    }
    return s.len > 0 && s.len <= 256 && memchr("-=%", s.at[0], 3) == NULL;
}

static bool offer(struct kt_complete *c, struct kt_str value, struct kt_str about)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (c->offered >= OFFERS_MAX)
        return false;
    if (!kt_str_starts(value, c->typed))
        return true;
    kt_tty_add(&text, kt_str_sub(about, 0, about.len < 120 ? about.len : 120));
    printf(KT_STR_FMT KT_STR_FMT "%s%s\n", KT_STR_ARG(c->before), KT_STR_ARG(value),
           text.len > 0 ? "\t" : "", kt_buf_z(&text));
    (void)fflush(stdout); /* the timer ends us with what is out */
    c->offered++;
    return true;
}

bool kt_complete_offer(struct kt_complete *c, struct kt_str value, struct kt_str about)
{
    return is_plain(value) ? offer(c, value, about) : c->offered < OFFERS_MAX;
}

static void offer_fixed(struct kt_complete *c, const char *words)
{
    struct kt_str rest = kt_str_of(words), word;
    while (kt_str_split(&rest, ' ', &word))
        if (word.len > 0)
            (void)kt_complete_offer(c, word, KT_STR_NONE);
}

static void offer_values(struct kt_complete *c, struct kt_str name)
{
    for (const struct kt_values *v = c->values; v->word != NULL; v++) {
        if (!kt_str_is(name, v->word))
            continue;
        if (v->fixed != NULL)
            offer_fixed(c, v->fixed);
        else if (v->offer != NULL)
            v->offer(c);
        else
            printf(v->folders ? ":folder\n" : ":file\n");
        return;
    }
}

/* "A|B": either; a word in small letters stands for itself. */
static void offer_either(struct kt_complete *c, struct kt_str token)
{
    struct kt_str part;
    while (kt_str_split(&token, '|', &part)) {
        bool value = part.len > 0 && part.at[0] >= 'A' && part.at[0] <= 'Z';
        if (value)
            offer_values(c, part);
        else if (part.len > 0)
            (void)kt_complete_offer(c, part, KT_STR_NONE);
    }
}

/* ---- arguments ---- */

struct token {          /* `[options]` is none: it stands for all of them */
    struct kt_str text; /* without brackets and dots */
    bool many, option;
};

static struct kt_str without_end(struct kt_str s, struct kt_str end)
{
    bool has = s.len >= end.len && memcmp(s.at + s.len - end.len, end.at, end.len) == 0;
    return has ? kt_str_sub(s, 0, s.len - end.len) : s;
}

/* "[FILE|DIR…]", "ALERT...", "--note": the word alone, and what its marks say. */
static bool next_token(struct kt_str *rest, struct token *ret)
{
    struct kt_str s;
    do {
        if (!kt_str_split(rest, ' ', &s))
            return false;
    } while (s.len == 0 || kt_str_is(s, "[options]"));
    if (s.at[0] == '[')
        s = kt_str_from_index(s, 1);
    s = without_end(s, KT_STR("]"));
    struct kt_str one = without_end(without_end(s, KT_STR("…")), KT_STR("..."));
    *ret = (struct token){ .text = without_end(one, KT_STR("]")),
                           .many = one.len<s.len, .option = s.len> 0 && s.at[0] == '-' };
    return true;
}

/* One way to write the arguments: offers what stands at place n when the words before it fit. */
static void offer_way(struct kt_complete *c, struct kt_str way, char **before, int n)
{
    struct token t, last = { 0 };
    int at = 0;
    bool value_of_option = false;
    while (next_token(&way, &t)) {
        if (t.option || value_of_option) {
            value_of_option = t.option && way.len > 0 && way.at[0] != '[' && way.at[0] != '-';
            continue;
        }
        last = t;
        if (at == n) {
            offer_either(c, t.text);
            return;
        }
        bool literal = t.text.len > 0 && t.text.at[0] >= 'a' && t.text.at[0] <= 'z';
        if (literal && kt_str_find_byte(t.text, '|', 0) < 0 && !kt_str_is(t.text, before[at]))
            return;
        at++;
    }
    if (last.many && at <= n)
        offer_either(c, last.text);
}

static void offer_argument(struct kt_complete *c, const char *args, char **before, int n)
{
    struct kt_str rest = kt_str_of(args), bar = KT_STR(" | ");
    for (;;) {
        ptrdiff_t at = kt_str_find(rest, bar, 0);
        offer_way(c, at < 0 ? rest : kt_str_sub(rest, 0, (size_t)at), before, n);
        if (at < 0)
            return;
        rest = kt_str_from_index(rest, (size_t)at + bar.len);
    }
}

/* ---- one command ---- */

static const struct kt_flag *flag_named(const struct kt_flag *flags, struct kt_str name)
{
    for (const struct kt_flag *f = flags; f->name != NULL; f++)
        if (kt_str_is(name, f->name) || (f->alias != NULL && kt_str_is(name, f->alias)) ||
            (f->letter != 0 && name.len == 2 && name.at[1] == f->letter))
            return f;
    return NULL;
}

static const struct kt_verb *verb_named(const struct kt_command *cmd, const char *name)
{
    for (const struct kt_verb *v = cmd->verbs; v != NULL && v->name != NULL; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

/* A shell hands the words over as they are typed; it will make a folder of `~` only when it runs
 * them. */
static const char *path_of(const char *value, char buf[4096])
{
    const char *home = getenv("HOME");
    if (home == NULL || strncmp(value, "~/", 2) != 0)
        return value;
    (void)snprintf(buf, 4096, "%s%s", home, value + 1);
    return buf;
}

static void remember(struct kt_complete *c, const struct kt_flag *f, const char *value)
{
    if (strcmp(f->name, "--config") == 0)
        c->config = path_of(value, c->at_home[0]);
    if (strcmp(f->name, "--db") == 0)
        c->db = path_of(value, c->at_home[1]);
}

static void offer_flags(struct kt_complete *c, const struct kt_flag *flags)
{
    for (const struct kt_flag *f = flags; f->name != NULL; f++)
        (void)offer(c, kt_str_of(f->name), kt_str_of(f->help));
    (void)offer(c, KT_STR("--help"), KT_STR("what it takes"));
}

static void offer_verbs(struct kt_complete *c, const struct kt_command *cmd)
{
    for (const struct kt_verb *v = cmd->verbs; v->name != NULL; v++)
        (void)kt_complete_offer(c, kt_str_of(v->name), kt_str_of(v->summary));
}

/* "--output=js": the value alone is completed, the candidates are whole words. */
static bool value_in_word(struct kt_complete *c, const struct kt_flag *flags, char *word)
{
    char *eq = strchr(word, '=');
    if (eq == NULL || word[0] != '-' || word[1] != '-')
        return false;
    const struct kt_flag *f = flag_named(flags, kt_str_from(word, (size_t)(eq - word)));
    c->before = kt_str_from(word, (size_t)(eq + 1 - word));
    c->typed = kt_str_of(eq + 1);
    if (f != NULL && f->value != NULL)
        offer_values(c, kt_str_of(f->value));
    return true;
}

struct said {                    /* what the words before the last one are */
    const struct kt_flag *wants; /* an option whose value comes next */
    const struct kt_verb *verb;
    char *arg[16];
    int n;
    bool only_words;
};

/* false: the rest belongs to a verb with options of its own. */
static bool read_word(struct said *s, struct kt_complete *c, const struct kt_command *cmd,
                      const struct kt_flag *flags, char *word, int place)
{
    const struct kt_flag *f = NULL;
    bool option = !s->only_words && word[0] == '-' &&
                  (word[1] == '-' || (word[1] != '\0' && word[2] == '\0'));
    char *eq = option ? strchr(word, '=') : NULL;
    if (s->wants != NULL) {
        remember(c, s->wants, word);
        s->wants = NULL;
        return true;
    }
    if (option) {
        s->only_words = strcmp(word, "--") == 0;
        f = flag_named(flags,
                       eq != NULL ? kt_str_from(word, (size_t)(eq - word)) : kt_str_of(word));
        if (f != NULL && eq != NULL)
            remember(c, f, eq + 1);
        else if (f != NULL && f->type != KT_FLAG_BOOL)
            s->wants = f;
        return true;
    }
    if (s->n == 0 && s->verb == NULL && (s->verb = verb_named(cmd, word)) != NULL)
        return s->verb->run == NULL || place > 0;
    if (s->n < (int)KT_ARRAY_LEN(s->arg))
        s->arg[s->n++] = word;
    return true;
}

static void at_command(void *self, const struct kt_command *cmd, const struct kt_flag *flags)
{
    const struct line *l = self;
    struct said s = { 0 };
    for (int i = 0; i + 1 < l->n; i++) {
        if (read_word(&s, l->c, cmd, flags, l->word[i], i))
            continue;
        struct line rest = { l->c, l->word + i + 1, l->n - i - 1 };
        kt_flags_describe(s.verb->run, s.verb->name, at_command, &rest);
        return;
    }
    char *last = l->word[l->n - 1];
    l->c->typed = kt_str_of(last);
    if (s.wants != NULL) {
        if (s.wants->value != NULL)
            offer_values(l->c, kt_str_of(s.wants->value));
    } else if (!s.only_words && value_in_word(l->c, flags, last)) {
        return;
    } else if (!s.only_words && last[0] == '-') {
        offer_flags(l->c, flags);
    } else if (s.verb == NULL && s.n == 0 && cmd->verbs != NULL) {
        offer_verbs(l->c, cmd);
    } else {
        offer_argument(l->c, s.verb != NULL && s.verb->args != NULL ? s.verb->args : cmd->args,
                       s.arg, s.n);
    }
}

/* ---- the call ---- */

static void on_timer(int signal)
{
    (void)signal;
    _exit(KT_EXIT_OK);
}

int kt_complete_main(int (*program)(int argc, char **argv), const struct kt_values *values,
                     int argc, char **argv)
{
    static char nothing[] = "";
    char *none[] = { nothing, NULL };
    struct kt_complete c = { .values = values };
    struct line l = { &c, argc > 1 ? argv + 1 : none, argc > 1 ? argc - 1 : 1 };
    const struct itimerval patience = { .it_value = { .tv_sec = PATIENCE_S } };
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        (void)dup2(null, STDERR_FILENO); /* a prompt is no place for messages */
    (void)signal(SIGALRM, on_timer);
    (void)setitimer(ITIMER_REAL, &patience, NULL);
    kt_flags_describe(program, "", at_command, &l);
    (void)fflush(stdout);
    return KT_EXIT_OK;
}
