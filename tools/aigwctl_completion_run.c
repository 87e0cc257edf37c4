/*
 * aigwctl_completion_run.c - `aigwctl completion SHELL` prints a small script,
 * which calls `aigwctl --complete WORD...` at each tab: what may stand there is
 * decided here, by the tables and by asking the server for names.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tools/aigwctl_completion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/aigwctl_json.h"
#include "tools/aigwctl_profiles.h"

enum { LONGEST_WAIT_MS = 2000 }; /* for names; a tab should not hang */

/* The shell would split at "=" and ":" and give no whole words: so the line is
 * split at blanks here, and what bash keeps of the word is cut off again. */
static const char bash_script[] =
    "# bash completion of aigwctl; made by: aigwctl completion bash\n"
    "_aigwctl()\n"
    "{\n"
    "    local text=${COMP_LINE:0:COMP_POINT} line breaks lead=\n"
    "    local -a words\n"
    "    read -ra words <<<\"$text\"\n"
    "    case $text in *[[:space:]]) words+=('') ;; esac\n"
    "    local current=${words[${#words[@]} - 1]}\n"
    "    breaks=${COMP_WORDBREAKS//[^=:]/}\n"
    "    [[ -z $breaks ]] || lead=${current%\"${current##*[$breaks]}\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        if [[ $line == :files ]]; then\n"
    "            compopt -o filenames\n"
    "            while IFS= read -r line; do\n"
    "                COMPREPLY+=(\"$line\")\n"
    "            done < <(compgen -f -- \"${current#\"$lead\"}\")\n"
    "            return\n"
    "        fi\n"
    "        line=${line%%$'\\t'*}\n"
    "        COMPREPLY+=(\"${line#\"$lead\"}\")\n"
    "    done < <(\"${1/#\\~/$HOME}\" --complete \"${words[@]:1}\" "
    "2>/dev/null)\n"
    "}\n"
    "complete -F _aigwctl aigwctl\n";

static const char zsh_script[] =
    "#compdef aigwctl\n"
    "# zsh completion of aigwctl; made by: aigwctl completion zsh\n"
    "_aigwctl()\n"
    "{\n"
    "    local line\n"
    "    local -a found\n"
    "    for line in \"${(@f)$(${(Q)words[1]} --complete "
    "\"${(@)words[2,CURRENT-1]}\" \"$PREFIX\" 2>/dev/null)}\"; do\n"
    "        if [[ $line == :files ]]; then\n"
    "            [[ $PREFIX != --*=* ]] || compset -P 1 '*='\n"
    "            _files\n"
    "            return\n"
    "        fi\n"
    "        [[ -z $line ]] || "
    "found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
    "    done\n"
    "    _describe -V aigwctl found\n"
    "}\n"
    "if [[ $funcstack[1] == _aigwctl ]]; then\n"
    "    _aigwctl \"$@\"\n"
    "else\n"
    "    compdef _aigwctl aigwctl\n"
    "fi\n";

static const char fish_script[] =
    "# fish completion of aigwctl; made by: aigwctl completion fish\n"
    "function __aigwctl_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    set -l found ($words[1] --complete $words[2..-1] \"$current\" "
    "2>/dev/null)\n"
    "    if test \"$found[1]\" = :files\n"
    "        set -l lead (string match -r -- '^--[^=]*=' \"$current\")\n"
    "        set current (string replace -- \"$lead\" '' \"$current\")\n"
    "        printf '%s\\n' \"$lead\"(__fish_complete_path \"$current\")\n"
    "    else\n"
    "        printf '%s\\n' $found\n"
    "    end\n"
    "end\n"
    "complete -c aigwctl -f -k -a '(__aigwctl_complete)'\n";

int
run_completion(struct ctl *ctl)
{
    const char *shell = ctl->args.positional[0];
    const char *script = strcmp(shell, "bash") == 0   ? bash_script
                         : strcmp(shell, "zsh") == 0  ? zsh_script
                         : strcmp(shell, "fish") == 0 ? fish_script
                                                      : NULL;
    if (script == NULL) {
        output_error(&ctl->output, "USAGE_ERROR",
                     "There is a completion for bash, zsh and fish.", NULL);
        return CTL_USAGE;
    }
    fputs(script, stdout);
    return CTL_OK;
}

/* Names from the server; none when it does not answer: a tab is no place for
 * an error. */
static void
ask_server(struct completion *completion, const char *path, const char *member)
{
    struct connect connect;
    struct buf error, reply;
    long status = 0;
    buf_init(&error, 0);
    buf_init(&reply, 0);
    bool found = connect_find(&connect, &completion->connect, &error) == 0;
    connect.timeout_ms = LONGEST_WAIT_MS;
    if (found &&
        connect_request(&connect, "GET", path, (struct str){NULL, 0}, &status,
                        &reply, &error) == 0 &&
        status == 200) {
        cJSON *answer = cJSON_ParseWithLength(
            buf_len(&reply) == 0 ? "" : buf_ptr(&reply), buf_len(&reply));
        const cJSON *row = NULL;
        cJSON_ArrayForEach(row,
                           cJSON_GetObjectItemCaseSensitive(answer, "data"))
        {
            const char *name = json_text(row, member);
            if (*name != '\0' && strpbrk(name, "\t\r\n") == NULL)
                completion_add(completion, name, strlen(name), "");
        }
        cJSON_Delete(answer);
    }
    connect_fini(&connect);
    buf_fini(&error);
    buf_fini(&reply);
}

/* Models of the file and of providers' lists are there without a page. */
static void
ask_parts(struct completion *completion)
{
    char path[64];
    bool is_model = strcmp(completion->noun, "model") == 0;
    snprintf(path, sizeof(path), "/admin/v1/%ss%s", completion->noun,
             is_model ? "" : "?limit=1000");
    ask_server(completion, path, is_model ? "id" : "name");
}

static void
ask_profiles(struct completion *completion)
{
    struct profiles profiles;
    struct buf error;
    const cJSON *name = NULL;
    buf_init(&error, 0);
    if (profiles_open(&profiles, false, &error) == 0) {
        cJSON *names = toml_names(str_from(buf_cstr(&profiles.text)), "llm");
        cJSON_ArrayForEach(name, names)
        {
            completion_add(completion, name->valuestring,
                           strlen(name->valuestring), "");
        }
        cJSON_Delete(names);
        profiles_close(&profiles);
    }
    buf_fini(&error);
}

int
completion_answer(unsigned count, const char *const *words)
{
    struct completion completion;
    struct buf out;
    buf_init(&out, 0);
    completion_find(&completion, count, words, &out);
    if (completion.ask == COMPLETION_ASK_KEYS)
        ask_server(&completion, "/admin/v1/keys?limit=1000", "name");
    else if (completion.ask == COMPLETION_ASK_GROUPS)
        ask_server(&completion, "/admin/v1/groups?limit=1000", "name");
    else if (completion.ask == COMPLETION_ASK_MODELS)
        ask_server(&completion, "/admin/v1/models", "id");
    else if (completion.ask == COMPLETION_ASK_PARTS)
        ask_parts(&completion);
    else if (completion.ask == COMPLETION_ASK_PROFILES)
        ask_profiles(&completion);
    else if (completion.ask == COMPLETION_ASK_SHELL)
        buf_append_cstr(&out, ":files\n");
    fputs(buf_cstr(&out), stdout);
    buf_fini(&out);
    return fflush(stdout) == 0 ? CTL_OK : CTL_FAILED;
}
