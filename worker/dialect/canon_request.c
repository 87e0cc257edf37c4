/*
 * canon_request.c - the canonical request's memory and what readers put in it.
 *
 * The arena is a list of blocks that only grows; a reset keeps the first one,
 * so that calls of the usual size allocate nothing.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/canon.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/json_scan.h"
#include "common/json_write.h"

enum {
    BLOCK_BYTES = 12 * 1024,
    FIRST_ROOM = 8,
    ELEMENTS_MAX = 65536, /* of each array; of parts they take 10 MB */
};

struct canon_arena {
    struct canon_arena *next; /* older and full */
    size_t used, size;
    _Alignas(16) char bytes[];
};

static struct canon_arena *
block_create(size_t bytes)
{
    size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct canon_arena *block = malloc(sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    block->next = NULL;
    block->used = 0;
    block->size = size;
    return block;
}

struct canon_request *
canon_request_create(void)
{
    struct canon_request *request = calloc(1, sizeof(*request));
    if (request != NULL)
        request->arena = block_create(0);
    if (request != NULL && request->arena == NULL) {
        free(request);
        return NULL;
    }
    return request;
}

/* A block more, which its owner may not have room for. */
static struct canon_arena *
block_add(struct canon_request *request, size_t bytes)
{
    uint64_t all = request->arena_bytes +
                   (bytes > BLOCK_BYTES ? bytes : (size_t)BLOCK_BYTES);
    struct canon_arena *block = NULL;
    if (request->hold != NULL && !request->hold(request->owner, all))
        request->refused = true;
    else
        block = block_create(bytes);
    if (block == NULL) {
        request->failed = true;
        return NULL;
    }
    request->arena_bytes = all;
    block->next = request->arena;
    request->arena = block;
    return block;
}

/* All blocks but the oldest, which has the usual size. */
static void
drop_blocks(struct canon_request *request)
{
    while (request->arena->next != NULL) {
        struct canon_arena *next = request->arena->next;
        free(request->arena);
        request->arena = next;
    }
}

void
canon_request_reset(struct canon_request *request)
{
    drop_blocks(request);
    struct canon_arena *arena = request->arena;
    memset(request, 0, sizeof(*request));
    request->arena = arena;
    arena->used = 0;
}

void
canon_request_destroy(struct canon_request **request)
{
    if (*request == NULL)
        return;
    drop_blocks(*request);
    free((*request)->arena);
    free(*request);
    *request = NULL;
}

void *
canon_alloc(struct canon_request *request, size_t bytes)
{
    struct canon_arena *block = request->arena;
    size_t at = (block->used + 15) & ~(size_t)15;
    if (at > block->size || block->size - at < bytes) {
        block = block_add(request, bytes);
        if (block == NULL)
            return NULL;
        at = 0;
    }
    block->used = at + bytes;
    return block->bytes + at;
}

/*
 * Room for one more element of an array in the arena; the array before its
 * growth stays behind as waste, at most as much as it holds. NULL: no memory.
 */
static void *
array_add(struct canon_request *request, void **array, uint32_t *count,
          uint32_t *room, size_t size)
{
    if (*count >= ELEMENTS_MAX) {
        request->failed = request->too_many = true;
        return NULL;
    }
    if (*count == *room) {
        uint32_t more = *room == 0 ? FIRST_ROOM : *room * 2;
        void *grown = canon_alloc(request, more * size);
        if (grown == NULL)
            return NULL;
        if (*count > 0)
            memcpy(grown, *array, *count * size);
        *array = grown;
        *room = more;
    }
    void *element = (char *)*array + *count * size;
    memset(element, 0, size);
    (*count)++;
    return element;
}

struct canon_message *
canon_message_add(struct canon_request *request, enum canon_role role)
{
    static _Thread_local struct canon_message spare;
    void *array = request->messages;
    struct canon_message *message =
        array_add(request, &array, &request->message_count,
                  &request->message_room, sizeof(*message));
    request->messages = array;
    if (message == NULL)
        message = &spare;
    message->role = (uint8_t)role;
    message->first_part = request->part_count;
    return message;
}

struct canon_part *
canon_part_add(struct canon_request *request, enum canon_part_kind kind)
{
    static _Thread_local struct canon_part spare;
    void *array = request->parts;
    struct canon_part *part = array_add(request, &array, &request->part_count,
                                        &request->part_room, sizeof(*part));
    request->parts = array;
    if (part == NULL)
        part = &spare;
    else if (request->message_count > 0)
        request->messages[request->message_count - 1].part_count++;
    part->kind = (uint8_t)kind;
    return part;
}

struct canon_tool *
canon_tool_add(struct canon_request *request)
{
    static _Thread_local struct canon_tool spare;
    void *array = request->tools;
    struct canon_tool *tool = array_add(request, &array, &request->tool_count,
                                        &request->tool_room, sizeof(*tool));
    request->tools = array;
    return tool != NULL ? tool : &spare;
}

/* ---- texts ---- */

struct str
canon_inside(struct str value, bool *is_string)
{
    bool is = value.len >= 2 && *value.ptr == '"';
    if (is_string != NULL)
        *is_string = is;
    return is ? str_make(value.ptr + 1, value.len - 2) : str_make(NULL, 0);
}

struct str
canon_unescape(struct canon_request *request, struct str text)
{
    if (text.len == 0 || memchr(text.ptr, '\\', text.len) == NULL)
        return text;
    char *out = canon_alloc(request, text.len + 1);
    if (out == NULL)
        return str_make(NULL, 0);
    int len = json_text_decode(text, out, text.len + 1);
    return len < 0 ? str_make(NULL, 0) : str_make(out, (size_t)len);
}

struct str
canon_escape(struct canon_request *request, struct str plain)
{
    struct buf escaped;
    buf_init(&escaped, 0);
    json_escape(&escaped, plain);
    struct str text = {NULL, 0};
    if (!buf_ok(&escaped)) {
        request->failed = true;
    } else {
        size_t len = buf_len(&escaped);
        char *out = canon_alloc(request, len);
        if (out != NULL && len > 0)
            memcpy(out, buf_ptr(&escaped), len);
        text = str_make(out, out != NULL ? len : 0);
    }
    buf_fini(&escaped);
    return text;
}

bool
canon_arguments(struct canon_request *request, struct str text,
                struct str *object)
{
    struct str plain = canon_unescape(request, text);
    while (plain.len > 0 && strchr(" \t\r\n", *plain.ptr) != NULL)
        plain = str_skip(plain, 1);
    if (plain.len == 0) {
        *object = STR_LIT("{}");
        return text.len == 0 || !request->failed;
    }
    *object = plain;
    return json_is(plain, JSON_OBJECT);
}
