#include "master/docs/completion.h"

#include <string.h>

/* --- what a value may be ------------------------------------------------------------------- */

/* "soft|reserve" are the words themselves; "TIME|Nd" and "USER" stand for something. */
static bool is_choice(const char *metavar)
{
    bool several = false;
    for (; *metavar; metavar++) {
        if (*metavar >= 'A' && *metavar <= 'Z') {
            return false;
        }
        several = several || *metavar == '|';
    }
    return several;
}

static bool is_file(const char *metavar)
{
    return strcmp(metavar, "FILE") == 0;
}

/* The next word that stands for itself in "[PATTERN] | import FILE | diff FILE"; file: a file follows
 * it. False: there is none. */
static bool next_word(struct str *arguments, struct str *word_out, bool *file_out)
{
    struct str ahead, next;
    while (text_split(arguments, ' ', word_out)) {
        ahead = *arguments;
        *file_out = text_split(&ahead, ' ', &next) && text_eq(next, STR("FILE"));
        size_t lower = 0;
        while (lower < word_out->n && word_out->p[lower] >= 'a' && word_out->p[lower] <= 'z') {
            lower++;
        }
        if (lower > 0 && lower == word_out->n) {
            return true;
        }
    }
    return false;
}

/* The pieces of "a|b" with blanks between. */
static void put_words(struct buf *out, const char *choices)
{
    for (; *choices; choices++) {
        buf_put_char(out, *choices == '|' ? ' ' : *choices);
    }
}

/* --- bash ---------------------------------------------------------------------------------- */

/* The labels of a case that match the spellings of an option: "-b|--by". */
static void put_label(struct buf *out, const struct option_row *o)
{
    BUF_LIT(out, "        ");
    if (o->letter) {
        buf_printf(out, "-%c|", o->letter);
    }
    buf_printf(out, "--%s) ", o->name);
}

/* What may follow an option that takes a value: words, a file, or nothing that is known here. */
static void bash_values(struct buf *out, const struct commands_about *a)
{
    BUF_LIT(out, "        case $before in\n");
    for (size_t i = 0; i < a->row_count; i++) {
        const struct option_row *o = &a->rows[i];
        if (!o->help || !o->metavar) {
            continue;
        }
        put_label(out, o);
        if (is_choice(o->metavar)) {
            BUF_LIT(out, "words='");
            put_words(out, o->metavar);
            BUF_LIT(out, "' ;;\n");
        } else {
            buf_printf(out, "%s;;\n", is_file(o->metavar) ? "files=yes " : "nothing=yes ");
        }
    }
    struct str rest = text_from(a->arguments), word;
    bool file;
    while (next_word(&rest, &word, &file)) {
        buf_printf(out, "        %.*s) %s;;\n", STR_ARG(word), file ? "files=yes " : "");
    }
    BUF_LIT(out, "        *) words='");
    for (size_t i = 0; i < a->row_count; i++) {
        if (a->rows[i].help) {
            buf_printf(out, "--%s ", a->rows[i].name);
        }
    }
    BUF_LIT(out, "--help");
    rest = text_from(a->arguments);
    while (next_word(&rest, &word, &file)) {
        buf_printf(out, " %.*s", STR_ARG(word));
    }
    if (is_choice(a->arguments)) {
        BUF_LIT(out, " ");
        put_words(out, a->arguments);
    }
    BUF_LIT(out, "' ;;\n        esac\n");
}

void completion_bash(const struct commands_row *commands, size_t n, struct buf *out)
{
    BUF_LIT(out, "# bash completion of llm-api-converter, made by: llm-api-converter docs "
                 "bash-completion\n"
                 "_llm_api_converter() {\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} "
                 "command=serve words= files= nothing=\n"
                 "    case $COMP_CWORD in\n"
                 "    1) command=first ;;\n"
                 "    *) case ${COMP_WORDS[1]} in -*) ;; *) command=${COMP_WORDS[1]//_/-} ;; esac "
                 ";;\n"
                 "    esac\n"
                 "    COMPREPLY=()\n"
                 "    case $command in\n"
                 "    first) words='");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s ", commands[i].name);
    }
    BUF_LIT(out, "--help' ;;\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "    %s)\n", commands[i].name);
        bash_values(out, commands[i].about);
        BUF_LIT(out, "        ;;\n");
    }
    BUF_LIT(
        out,
        "    esac\n"
        "    [ -z \"$nothing\" ] || return 0\n"
        "    local IFS=$' \\t\\n' one\n"
        "    if [ -n \"$files\" ]; then\n"
        "        while IFS= read -r one; do COMPREPLY+=(\"$one\"); done < <(compgen -f -- "
        "\"$word\")\n"
        "    else\n"
        "        while IFS= read -r one; do COMPREPLY+=(\"$one\"); done < <(compgen -W \"$words\" "
        "-- \"$word\")\n"
        "    fi\n"
        "}\n"
        "complete -F _llm_api_converter llm-api-converter\n");
}

/* --- zsh ----------------------------------------------------------------------------------- */

/* Inside '...' of a specification of _arguments, where [ ] : have a meaning of their own. */
static void zsh_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            BUF_LIT(out, "'\\''");
        } else {
            if (strchr("[]:\\", *text)) {
                buf_put_char(out, '\\');
            }
            buf_put_char(out, *text);
        }
    }
}

static void zsh_value(struct buf *out, const char *metavar)
{
    BUF_LIT(out, ":");
    zsh_text(out, metavar);
    BUF_LIT(out, ":");
    if (is_choice(metavar)) {
        BUF_LIT(out, "(");
        put_words(out, metavar);
        BUF_LIT(out, ")");
    } else if (is_file(metavar)) {
        BUF_LIT(out, "_files");
    }
}

static void zsh_option(struct buf *out, const struct option_row *o)
{
    BUF_LIT(out, " \\\n            ");
    if (o->letter) {
        buf_printf(out, "'(-%c --%s)'{-%c,--%s}'", o->letter, o->name, o->letter, o->name);
    } else {
        buf_printf(out, "'--%s", o->name);
    }
    BUF_LIT(out, "[");
    zsh_text(out, o->help);
    BUF_LIT(out, "]");
    if (o->metavar) {
        zsh_value(out, o->metavar);
    }
    BUF_LIT(out, "'");
}

/* The first argument is one of the words, the second their file. */
static void zsh_words(struct buf *out, const char *arguments)
{
    struct str rest = text_from(arguments), word;
    bool file, any = false, files = false;
    while (next_word(&rest, &word, &file)) {
        buf_printf(out, "%s%.*s", any ? " " : " \\\n            '1::what:(", STR_ARG(word));
        any = true;
        files = files || file;
    }
    if (any) {
        buf_put_str(out, files ? STR(")' \\\n            '2::FILE:_files'") : STR(")'"));
    }
}

static void zsh_command(struct buf *out, const struct commands_about *a)
{
    buf_printf(out, "        %s)\n        _arguments '(-h --help)'{-h,--help}'[its options]'",
               a->name);
    for (size_t i = 0; i < a->row_count; i++) {
        if (a->rows[i].help) {
            zsh_option(out, &a->rows[i]);
        }
    }
    if (is_choice(a->arguments)) {
        BUF_LIT(out, " \\\n            '1");
        zsh_value(out, a->arguments);
        BUF_LIT(out, "'");
    }
    zsh_words(out, a->arguments);
    BUF_LIT(out, "\n        ;;\n");
}

void completion_zsh(const struct commands_row *commands, size_t n, struct buf *out)
{
    BUF_LIT(out, "#compdef llm-api-converter\n"
                 "# made by: llm-api-converter docs zsh-completion\n"
                 "_llm-api-converter() {\n"
                 "    local -a commands=(\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "        '%s:", commands[i].name);
        zsh_text(out, commands[i].help);
        BUF_LIT(out, "'\n");
    }
    BUF_LIT(out, "    )\n"
                 "    local context state state_descr line\n"
                 "    typeset -A opt_args\n"
                 "    if (( CURRENT == 2 )); then\n"
                 "        _describe -t commands command commands\n"
                 "        return\n"
                 "    fi\n"
                 "    local command=${words[2]//_/-}\n"
                 "    shift words\n"
                 "    (( CURRENT-- ))\n"
                 "    case $command in\n");
    for (size_t i = 0; i < n; i++) {
        zsh_command(out, commands[i].about);
    }
    BUF_LIT(out, "    esac\n"
                 "}\n"
                 "_llm-api-converter \"$@\"\n");
}
