/*
 * test_dialect_openai_canon_recorded.c - the recorded chats and embeddings of all
 * providers, read into the canonical form and given to a chat client: the text,
 * the calls and the usage are those of the recording, read here by other means.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/canon_trace.h"
#include "tests/unit/recording.h"
#include "worker/provider/provider.h"

static struct canon_path path;

static const cJSON *
tree_item(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* "" where it is none. */
static const char *
tree_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(tree_item(object, name));
    return text != NULL ? text : "";
}

/* What a chat client has in hand at the end, of its first choice. */
struct got {
    struct buf text, thoughts, calls; /* calls: "id name arguments\n" each */
    char finish[32];
    unsigned choices;
};

static struct got want, have;

static void
got_fini(struct got *got)
{
    buf_fini(&got->text);
    buf_fini(&got->thoughts);
    buf_fini(&got->calls);
}

static void
got_reset(struct got *got)
{
    buf_reset(&got->text);
    buf_reset(&got->thoughts);
    buf_reset(&got->calls);
    got->finish[0] = '\0';
    got->choices = 0;
}

/* ---- read by other means: a tree, pieces put together by index ---- */

enum { CALLS_MAX = 16 };
struct call_pieces {
    char id[96];
    struct buf name, arguments;
};
static struct call_pieces pieces[CALLS_MAX];
static unsigned piece_count;

static struct call_pieces *
pieces_of(const cJSON *call)
{
    const cJSON *index = tree_item(call, "index");
    const char *id = tree_text(call, "id");
    const char *name = tree_text(tree_item(call, "function"), "name");
    unsigned at = piece_count;
    if (cJSON_IsNumber(index)) /* recorded indexes are sound */
        at = (unsigned)index->valueint;
    else if (*name == '\0' && piece_count > 0)
        at = piece_count - 1;
    CHECK_TRUE(at < CALLS_MAX);
    if (at >= piece_count) {
        piece_count = at + 1;
        snprintf(pieces[at].id, sizeof(pieces[at].id), "%s", id);
        buf_reset(&pieces[at].name);
        buf_reset(&pieces[at].arguments);
    }
    return &pieces[at];
}

static void
add_calls(const cJSON *calls)
{
    const cJSON *call;
    cJSON_ArrayForEach(call, calls)
    {
        const cJSON *function = tree_item(call, "function");
        struct call_pieces *to = pieces_of(call);
        buf_append_cstr(&to->name, tree_text(function, "name"));
        buf_append_cstr(&to->arguments, tree_text(function, "arguments"));
    }
}

static void
add_content(struct got *got, const cJSON *content)
{
    const cJSON *part, *inner;
    if (cJSON_IsString(content))
        buf_append_cstr(&got->text, content->valuestring);
    if (!cJSON_IsArray(content))
        return;
    cJSON_ArrayForEach(part, content)
    {
        buf_append_cstr(&got->text, tree_text(part, "text"));
        cJSON_ArrayForEach(inner, tree_item(part, "thinking"))
            buf_append_cstr(&got->thoughts, tree_text(inner, "text"));
    }
}

static void
add_message(struct got *got, const cJSON *message)
{
    const char *thoughts = tree_text(message, "reasoning_content");
    const cJSON *function = tree_item(message, "function_call");
    const cJSON *audio = tree_item(message, "audio");
    if (*thoughts == '\0')
        thoughts = tree_text(message, "reasoning");
    buf_append_cstr(&got->thoughts, thoughts);
    add_content(got, tree_item(message, "content"));
    if (audio != NULL && !cJSON_IsString(tree_item(message, "content")))
        buf_append_cstr(&got->text, tree_text(audio, "transcript"));
    add_calls(tree_item(message, "tool_calls"));
    if (cJSON_IsObject(function)) {
        cJSON *call = cJSON_CreateObject();
        cJSON_AddNumberToObject(call, "index", 0);
        cJSON_AddItemReferenceToObject(call, "function",
                                       (cJSON *)(uintptr_t)function);
        cJSON *list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, call);
        add_calls(list);
        cJSON_Delete(list);
    }
}

/* In a stream a whole message counts where nothing came before it; a plain
 * answer is one (Perplexity's has an empty delta beside it). */
static void
add_chunk(struct got *got, const cJSON *chunk, bool stream)
{
    const cJSON *choice;
    cJSON_ArrayForEach(choice, tree_item(chunk, "choices"))
    {
        uint64_t index = recording_count(choice, "index");
        const cJSON *delta = tree_item(choice, "delta");
        const char *finish = tree_text(choice, "finish_reason");
        if (index >= got->choices)
            got->choices = (unsigned)index + 1;
        if (index > 0)
            continue;
        if (stream && cJSON_IsObject(delta))
            add_message(got, delta);
        else if (buf_len(&got->text) + buf_len(&got->thoughts) + piece_count ==
                 0)
            add_message(got, tree_item(choice, "message"));
        if (*finish != '\0' && got->finish[0] == '\0')
            snprintf(got->finish, sizeof(got->finish), "%s", finish);
    }
}

static void
read_tree(struct got *got, struct str body, bool stream)
{
    got_reset(got);
    piece_count = 0;
    if (!stream) {
        cJSON *chunk = cJSON_ParseWithLength(body.ptr, body.len);
        add_chunk(got, chunk, false);
        cJSON_Delete(chunk);
    }
    struct sse_scan scan = {0};
    struct sse_event event;
    while (stream && sse_next(&scan, body.ptr, body.len, true, &event)) {
        if (event.data_count > 0) {
            cJSON *chunk =
                cJSON_ParseWithLength(event.data[0].ptr, event.data[0].len);
            add_chunk(got, chunk, true);
            cJSON_Delete(chunk);
        }
        body = str_skip(body, event.bytes);
        scan = (struct sse_scan){.started = true};
    }
    for (unsigned i = 0; i < piece_count; i++)
        buf_printf(&got->calls, "%s %.*s %.*s\n", pieces[i].id,
                   STR_ARG(buf_view(&pieces[i].name)),
                   STR_ARG(buf_len(&pieces[i].arguments) > 0
                               ? buf_view(&pieces[i].arguments)
                               : STR_LIT("{}")));
}

/* ---- compared ---- */

static void
check_same(const char *file, const char *what, struct str got,
           struct str wanted)
{
    if (!str_equals(got, wanted))
        test_fail(__FILE__, __LINE__, "%s: %s is \"%.*s\", not \"%.*s\"", file,
                  what, STR_ARG(got), STR_ARG(wanted));
}

/* Ids that the provider left out are made: they are not compared. */
static void
check_calls(const char *file, struct str got, struct str wanted)
{
    while (got.len > 0 && wanted.len > 0) {
        size_t got_id =
            (size_t)((char *)memchr(got.ptr, ' ', got.len) - got.ptr);
        size_t want_id =
            (size_t)((char *)memchr(wanted.ptr, ' ', wanted.len) - wanted.ptr);
        if (want_id > 0)
            check_same(file, "id", str_make(got.ptr, got_id),
                       str_make(wanted.ptr, want_id));
        CHECK_TRUE(got_id > 0);
        got = str_skip(got, got_id);
        wanted = str_skip(wanted, want_id);
        const char *got_end = memmem(got.ptr, got.len, "}\n", 2);
        const char *want_end = memmem(wanted.ptr, wanted.len, "}\n", 2);
        if (got_end == NULL || want_end == NULL)
            break;
        size_t got_len = (size_t)(got_end - got.ptr) + 2;
        size_t want_len = (size_t)(want_end - wanted.ptr) + 2;
        check_same(file, "call", str_make(got.ptr, got_len),
                   str_make(wanted.ptr, want_len));
        got = str_skip(got, got_len);
        wanted = str_skip(wanted, want_len);
    }
    check_same(file, "calls", got, wanted);
}

/* As the words of others are told. */
static const char *
finish_told(const struct got *got)
{
    if (piece_count > 0 && strcmp(got->finish, "length") != 0 &&
        strcmp(got->finish, "content_filter") != 0)
        return "tool_calls";
    if (strcmp(got->finish, "eos") == 0 || got->finish[0] == '\0')
        return "stop";
    return got->finish;
}

/* Not every body states its usage. */
static void
check_usage(const struct recording *recording)
{
    struct str value;
    if (json_find(recording->file, "expected_usage.normalised", &value))
        recording_check_usage(recording, &path.stream.usage);
}

static void
replay_chat(const struct recording *recording)
{
    struct buf answer;
    const char *file = recording->name;
    struct str body = recording->body;
    bool stream = recording->is_stream;
    canon_path_begin(&path, &dialect_openai, &dialect_openai, ENDPOINT_CHAT,
                     stream);
    path.stream.include_usage = true;
    canon_path_feed(&path, body);
    if (path.stream.has_error)
        return; /* told in mid-stream: what came before it is not the point */
    struct str out = canon_path_end(&path);
    check_usage(recording);
    buf_init(&answer, 0);
    buf_append_str(&answer, out);
    read_tree(&have, buf_view(&answer), stream);
    buf_fini(&answer);
    struct str finish = str_from(have.finish);
    read_tree(&want, body, stream);
    check_same(file, "text", buf_view(&have.text), buf_view(&want.text));
    check_same(file, "thoughts", buf_view(&have.thoughts),
               buf_view(&want.thoughts));
    check_calls(file, buf_view(&have.calls), buf_view(&want.calls));
    check_same(file, "finish", finish, str_from(finish_told(&want)));
    CHECK_EQ(have.choices, want.choices > 0 ? want.choices : 1);
}

static void
replay_vectors(const struct recording *recording)
{
    struct str body = recording->body;
    canon_path_begin(&path, &dialect_openai, &dialect_openai,
                     ENDPOINT_EMBEDDINGS, false);
    canon_path_feed(&path, body);
    struct str out = canon_path_end(&path);
    check_usage(recording);
    cJSON *before = cJSON_ParseWithLength(body.ptr, body.len);
    cJSON *after = cJSON_ParseWithLength(out.ptr, out.len);
    const cJSON *from = tree_item(before, "data"), *item;
    const cJSON *to = tree_item(after, "data");
    CHECK_TRUE(cJSON_GetArraySize(from) > 0);
    CHECK_EQ(cJSON_GetArraySize(to), cJSON_GetArraySize(from));
    cJSON_ArrayForEach(item, from)
    {
        const cJSON *told =
            cJSON_GetArrayItem(to, (int)recording_count(item, "index"));
        const cJSON *was = tree_item(item, "embedding");
        const cJSON *is = tree_item(told, "embedding");
        CHECK_TRUE(cJSON_IsArray(is) && cJSON_GetArraySize(is) > 0);
        if (cJSON_IsArray(was))
            CHECK_TRUE(cJSON_Compare(was, is, true));
    }
    cJSON_Delete(before);
    cJSON_Delete(after);
}

TEST(recorded_answers_say_the_same_when_translated)
{
    recordings_visit("*", "chat", 200, replay_chat);
    recordings_visit("*", "embeddings", 200, replay_vectors);
    canon_path_fini(&path);
    got_fini(&want);
    got_fini(&have);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        buf_fini(&pieces[i].name);
        buf_fini(&pieces[i].arguments);
    }
}

/* ---- recorded requests ---- */

static struct canon_request *request;
static struct buf sent;

/* What must arrive of each message: its role and text. */
static void
check_messages(const char *file, const cJSON *asked, const cJSON *told)
{
    const cJSON *message;
    int calls = 0, calls_told = 0, results = 0, results_told = 0;
    cJSON_ArrayForEach(message, tree_item(asked, "messages"))
    {
        calls += cJSON_GetArraySize(tree_item(message, "tool_calls"));
        results += strcmp(tree_text(message, "role"), "tool") == 0;
    }
    cJSON_ArrayForEach(message, tree_item(told, "messages"))
    {
        calls_told += cJSON_GetArraySize(tree_item(message, "tool_calls"));
        results_told += strcmp(tree_text(message, "role"), "tool") == 0;
    }
    if (calls != calls_told || results != results_told ||
        cJSON_GetArraySize(tree_item(asked, "tools")) +
                cJSON_GetArraySize(tree_item(asked, "functions")) !=
            cJSON_GetArraySize(tree_item(told, "tools")))
        test_fail(__FILE__, __LINE__, "%s: calls, results or tools are lost",
                  file);
}

static void
carry_body(const char *file, const cJSON *body, struct str text)
{
    struct call call = {0};
    struct fault fault = {0};
    canon_request_reset(request);
    buf_reset(&sent);
    const struct canon_target target = {
        .model = STR_LIT("up"),
        .endpoint = ENDPOINT_CHAT,
        .quirks = QUIRK_OPENAI_FIELDS | QUIRK_TOP_K | QUIRK_PREFIX,
    };
    if (dialect_openai.scan(text, ENDPOINT_CHAT, &call, &fault) != 0 ||
        dialect_openai.read_request(text, &call, request, &fault) != 0 ||
        dialect_openai.write_request(request, &target, &sent, &fault) != 0) {
        if (fault.code == NULL || strcmp(fault.code, "unsupported_tool") != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", file, fault.message);
        return;
    }
    cJSON *told = cJSON_ParseWithLength(buf_ptr(&sent), buf_len(&sent));
    if (told == NULL)
        test_fail(__FILE__, __LINE__, "%s: no JSON was written", file);
    check_messages(file, body, told);
    cJSON_Delete(told);
}

static void
carry(const struct recording *recording)
{
    cJSON *tree =
        cJSON_ParseWithLength(recording->file.ptr, recording->file.len);
    const cJSON *body = tree_item(tree_item(tree, "request"), "body");
    char *text = cJSON_IsObject(body) ? cJSON_PrintUnformatted(body) : NULL;
    if (text != NULL)
        carry_body(recording->name, body, str_from(text));
    free(text);
    cJSON_Delete(tree);
}

TEST(recorded_requests_are_carried)
{
    request = canon_request_create();
    recordings_visit("*", "chat", 200, carry);
    canon_request_destroy(&request);
    buf_fini(&sent);
}
