/*
 * completion: what bash, zsh and fish read to complete our programs. Each asks the program itself
 * (`__complete`), so a completion never is older than the program.
 *
 * Owns:  the three texts.
 * Calls: cli/flags; stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/complete.h"

/* Bash parts words at '=' and ':' too, and replaces the last part alone: words are cut anew at
 * blanks, and what stands before the last part is taken off the candidates. Files are left to
 * readline where nothing else can stand: it knows quotes and `~`. */
static const char bash[] =
    "# bash completion of PROGRAM: PROGRAM completion bash > "
    "/usr/share/bash-completion/completions/PROGRAM\n"
    "_NAME_complete() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cur=${COMP_WORDS[COMP_CWORD]} value rest paths=\n"
    "    local -a words\n"
    "    read -a words <<<\"$line\"\n"
    "    case $line in *[[:space:]]) words+=('') ;; esac\n"
    "    local word=${words[${#words[@]}-1]}\n"
    "    case $cur in = | :) cur= ;; esac\n"
    "    local before=${word%\"$cur\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r value rest; do\n"
    "        case $value in\n"
    "        :file) paths=default ;;\n"
    "        :folder) paths=${paths:-dirnames} ;;\n"
    "        *) COMPREPLY+=(\"${value#\"$before\"}\") ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete \"${words[@]:1}\" 2>/dev/null)\n"
    "    if [[ -n $paths && ${#COMPREPLY[@]} -eq 0 ]]; then\n"
    "        compopt -o $paths\n"
    "    elif [[ -n $paths ]]; then\n"
    "        compopt -o filenames\n"
    "        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "    fi\n"
    "    case ${COMPREPLY[0]} in *:) compopt -o nospace ;; esac\n"
    "}\n"
    "complete -F _NAME_complete PROGRAM\n";

static const char zsh[] =
    "#compdef PROGRAM\n"
    "# zsh completion of PROGRAM: PROGRAM completion zsh > "
    "/usr/share/zsh/vendor-completions/_PROGRAM\n"
    "_PROGRAM() {\n"
    "    local value about\n"
    "    local -a values lines\n"
    "    while IFS=$'\\t' read -r value about; do\n"
    "        case $value in\n"
    "        :file) compset -P '--*='; _files; continue ;;\n"
    "        :folder) compset -P '--*='; _files -/; continue ;;\n"
    "        esac\n"
    "        values+=(\"$value\")\n"
    "        lines+=(\"$value${about:+  -- $about}\")\n"
    "    done < <(\"${words[1]}\" __complete \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    (( ${#values} )) && compadd -l -d lines -a values\n"
    "}\n"
    "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then\n"
    "    _PROGRAM \"$@\"\n"
    "else\n"
    "    compdef _PROGRAM PROGRAM\n"
    "fi\n";

static const char fish[] = "# fish completion of PROGRAM: PROGRAM completion fish > "
                           "~/.config/fish/completions/PROGRAM.fish\n"
                           "function __NAME_complete\n"
                           "    set -l words (commandline -opc) (commandline -ct)\n"
                           "    command -q -- $words[1]; or return\n"
                           "    for line in ($words[1] __complete $words[2..-1] 2>/dev/null)\n"
                           "        switch $line\n"
                           "            case :file\n"
                           "                __fish_complete_path (commandline -ct)\n"
                           "            case :folder\n"
                           "                __fish_complete_directories (commandline -ct)\n"
                           "            case '*'\n"
                           "                echo -- $line\n"
                           "        end\n"
                           "    end\n"
                           "end\n"
                           "complete -c PROGRAM -f -a '(__NAME_complete)'\n";

/* PROGRAM as it is called, NAME as part of a function's name. */
static void print(const char *text, const char *program)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_str rest = kt_str_of(text);
    for (;;) {
        ptrdiff_t p = kt_str_find(rest, KT_STR("PROGRAM"), 0),
                  n = kt_str_find(rest, KT_STR("_NAME_"), 0);
        bool name = n >= 0 && (p < 0 || n < p);
        ptrdiff_t at = name ? n : p;
        if (at < 0)
            break;
        kt_buf_add(&out, kt_str_sub(rest, 0, (size_t)at));
        if (name)
            kt_buf_byte(&out, '_');
        for (const char *c = program; *c != '\0'; c++)
            kt_buf_byte(&out, name && *c == '-' ? '_' : *c);
        if (name)
            kt_buf_byte(&out, '_');
        rest = kt_str_from_index(rest, (size_t)at + (name ? 6 : 7));
    }
    kt_buf_add(&out, rest);
    (void)fwrite(out.at, 1, out.len, stdout);
}

int kt_completion_main(const char *program, int argc, char **argv)
{
    static const struct kt_verb shells[] = {
        { "bash", "", "source it, or put it where bash-completion looks", NULL, NULL },
        { "zsh", "", "as _NAME into a folder of $fpath", NULL, NULL },
        { "fish", "", "into ~/.config/fish/completions", NULL, NULL },
        { 0 },
    };
    static const char *const text[] = { bash, zsh, fish };
    char example[80];
    (void)snprintf(example, sizeof example, "source <(%s completion bash)", program);
    const struct kt_command cmd = {
        .program = program,
        .name = "completion",
        .args = "SHELL",
        .summary = "what a shell reads to complete commands, options and values",
        .example = example,
        .verbs = shells,
    };
    static const struct kt_flag flags[] = { { 0 } };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    for (size_t i = 0; n == 1 && i < KT_ARRAY_LEN(text); i++) {
        if (strcmp(argv[1], shells[i].name) != 0)
            continue;
        print(text[i], program);
        return KT_EXIT_OK;
    }
    return kt_flags_usage(&cmd);
}
