/*
 * openai_read_tool.c - tool calls of an answer, however they are numbered.
 *
 * OpenAI's pieces have an index; the first of a call has its id and name, too.
 * Others leave the index out (Mistral, Gemini), give 0 for all (Ollama), repeat
 * the id, or "" for it, or null, make a new id for each piece (vLLM of old),
 * name the call later than they begin it, or send it whole. So: an index that
 * is known goes on, unless a name comes with another id; without an index a new
 * id begins a call, and a name without an id. The key by which the canonical
 * stream knows a call is its number in the order of beginnings.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/hash.h"
#include "worker/dialect/openai_canon.h"

enum { NO_INDEX = UINT16_MAX };

enum call_key { CALL_INDEX, CALL_ID, CALL_FUNCTION, CALL_EXTRA, CALL_KEYS };
enum function_key { FUNCTION_NAME, FUNCTION_ARGUMENTS, FUNCTION_KEYS };

static const struct str function_keys[FUNCTION_KEYS] = {
    [FUNCTION_NAME] = STR_LIT("name"),
    [FUNCTION_ARGUMENTS] = STR_LIT("arguments"),
};

struct piece {
    uint16_t index;
    struct str id, name, arguments, signature; /* texts; arguments a value */
};

static uint32_t
mark_of(struct str id)
{
    static const uint8_t key[16] = {0};
    if (id.len == 0)
        return 0;
    uint32_t mark = (uint32_t)hash_siphash(key, id.ptr, id.len);
    return mark != 0 ? mark : 1;
}

static struct canon_numbered *
entry_of(struct canon_stream *stream, uint32_t key)
{
    return &stream->numbered[key % CANON_NUMBERED_MAX];
}

/* The key of the last call of this choice that `index` (NO_INDEX: any) and
 * `mark` (0: any) fit; UINT32_MAX: none of those that are still known. */
static uint32_t
find(struct canon_stream *stream, uint32_t choice, uint16_t index,
     uint32_t mark)
{
    uint32_t count = stream->numbered_count;
    uint32_t known =
        count < CANON_NUMBERED_MAX ? count : (uint32_t)CANON_NUMBERED_MAX;
    for (uint32_t i = 1; i <= known; i++) {
        const struct canon_numbered *entry = entry_of(stream, count - i);
        if (entry->choice == (uint8_t)choice &&
            (index == NO_INDEX || entry->index == index) &&
            (mark == 0 || entry->id_mark == mark))
            return count - i;
    }
    return UINT32_MAX;
}

/* The call that a piece belongs to; UINT32_MAX: a new one. */
static uint32_t
find_call(struct canon_stream *stream, uint32_t choice,
          const struct piece *piece)
{
    uint32_t mark = mark_of(piece->id);
    if (piece->index == NO_INDEX) {
        if (mark != 0)
            return find(stream, choice, NO_INDEX, mark);
        return piece->name.len > 0 ? UINT32_MAX
                                   : find(stream, choice, NO_INDEX, 0);
    }
    uint32_t key = find(stream, choice, piece->index, 0);
    if (key == UINT32_MAX || mark == 0 || piece->name.len == 0)
        return key;
    uint32_t known = entry_of(stream, key)->id_mark;
    return known == 0 || known == mark
               ? key
               : find(stream, choice, piece->index, mark);
}

static uint32_t
add_call(struct canon_stream *stream, uint32_t choice,
         const struct piece *piece)
{
    uint32_t key = stream->numbered_count++;
    *entry_of(stream, key) = (struct canon_numbered){
        .index = piece->index,
        .choice = (uint8_t)choice,
    };
    return key;
}

/* An id that comes before the name waits for it. */
static void
take_id(struct canon_stream *stream, struct canon_numbered *entry,
        struct str id)
{
    if (id.len == 0 || entry->id_mark != 0)
        return;
    entry->id_mark = mark_of(id);
    if (entry->begun || id.len > CALL_MODEL_BYTES || stream->client == NULL)
        return;
    entry->id = canon_keep(stream, id);
}

static void
begin(struct canon_stream *stream, uint32_t choice, uint32_t key,
      struct str name)
{
    struct canon_numbered *entry = entry_of(stream, key);
    entry->begun = true;
    struct str id = {NULL, 0};
    if (entry->id.len > 0 && !stream->failed)
        id = canon_collected(stream, entry->id);
    canon_tool(stream, choice, key, id, name);
}

static void
read_piece(struct canon_stream *stream, uint32_t choice,
           const struct piece *piece)
{
    uint32_t key = find_call(stream, choice, piece);
    if (key == UINT32_MAX && piece->id.len == 0 && piece->name.len == 0 &&
        piece->arguments.len <= 2)
        return; /* nothing: Workers AI ends its calls so */
    if (key == UINT32_MAX)
        key = add_call(stream, choice, piece);
    struct canon_numbered *entry = entry_of(stream, key);
    struct str text = openai_text(piece->arguments);
    bool is_object = piece->arguments.len > 0 && *piece->arguments.ptr == '{';
    take_id(stream, entry, piece->id);
    /* Arguments without a name begin it as well: it will not come then. */
    if (!entry->begun && (piece->name.len > 0 || text.len > 0 || is_object))
        begin(stream, choice, key, piece->name);
    if (entry->begun)
        canon_tool_signature(stream, choice, key, piece->signature);
    canon_tool_piece(stream, choice, key, text);
    if (is_object) {
        struct buf escaped;
        buf_init(&escaped, 0);
        json_escape(&escaped, piece->arguments);
        if (!buf_ok(&escaped))
            stream->failed = true;
        canon_tool_piece(stream, choice, key, buf_view(&escaped));
        buf_fini(&escaped);
    }
}

void
openai_read_tools(struct canon_stream *stream, uint32_t choice, struct str list)
{
    static const struct str names[CALL_KEYS] = {
        [CALL_INDEX] = STR_LIT("index"),
        [CALL_ID] = STR_LIT("id"),
        [CALL_FUNCTION] = STR_LIT("function"),
        [CALL_EXTRA] = STR_LIT("extra_content"),
    };
    struct str values[CALL_KEYS + 1], function[FUNCTION_KEYS + 1], item;
    struct json_reader reader;
    uint64_t index;
    if (!json_list_begin(&reader, list))
        return;
    while (json_list_next(&reader, &item)) {
        struct str signature = {NULL, 0};
        json_members(item, names, CALL_KEYS, values);
        json_members(values[CALL_FUNCTION], function_keys, FUNCTION_KEYS,
                     function);
        if (json_number_u64(values[CALL_INDEX], &index) != 0 ||
            index >= NO_INDEX)
            index = NO_INDEX;
        if (values[CALL_EXTRA].len > 0)
            json_find(values[CALL_EXTRA], "google.thought_signature",
                      &signature);
        struct piece piece = {
            .index = (uint16_t)index,
            .id = openai_text(values[CALL_ID]),
            .name = openai_text(function[FUNCTION_NAME]),
            .arguments = function[FUNCTION_ARGUMENTS],
            .signature = openai_text(signature),
        };
        read_piece(stream, choice, &piece);
    }
}

void
openai_read_function(struct canon_stream *stream, uint32_t choice,
                     struct str object)
{
    struct str function[FUNCTION_KEYS + 1];
    json_members(object, function_keys, FUNCTION_KEYS, function);
    struct piece piece = {
        .index = 0,
        .name = openai_text(function[FUNCTION_NAME]),
        .arguments = function[FUNCTION_ARGUMENTS],
    };
    read_piece(stream, choice, &piece);
}
