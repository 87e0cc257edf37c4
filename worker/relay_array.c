/*
 * relay_array.c - a stream of events as one JSON array, piece by piece: what
 * Gemini's API sends to clients that did not ask for alt=sse.
 *
 * Providers are asked for events all the same, and all that goes to such a
 * client is written as events: only at the last moment, on the way out, is the
 * framing exchanged. The data of each event is an element; comments and other
 * fields are left out. Bytes may be cut anywhere, so that an event that is too
 * long to be kept passes as well.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/relay_parts.h"

enum array_state {
    ARRAY_NAME,    /* at the start of a line: `matched` bytes of "data:" */
    ARRAY_OTHER,   /* in a line that is left out */
    ARRAY_LEADING, /* before the first byte of data in a line */
    ARRAY_DATA,
};

static const char data_name[] = "data:";

static bool
is_end_of_line(char c)
{
    return c == '\n' || c == '\r';
}

/* A CR and the LF behind it are two line ends here, of which the second is that
 * of an empty line: the LF is passed over. */
static void
end_line(struct relay_array *array, char c)
{
    bool is_second = c == '\n' && array->after_cr;
    array->after_cr = c == '\r';
    if (is_second)
        return;
    if (array->state == ARRAY_NAME && array->matched == 0)
        array->in_event = false;
    array->state = ARRAY_NAME;
    array->matched = 0;
}

static void
take_name(struct relay_array *array, char c)
{
    static const char bom[] = "\xef\xbb\xbf";
    if (c == data_name[array->matched])
        array->matched++;
    else if (array->matched > 0 || strchr(bom, c) == NULL)
        array->state = ARRAY_OTHER;
    if (array->matched == sizeof(data_name) - 1)
        array->state = ARRAY_LEADING;
}

/* The first byte of a line's data: of an element, or of its next line. */
static void
begin_data(struct relay_array *array, struct buf *out)
{
    if (array->in_event)
        buf_append_char(out, '\n');
    else
        buf_append_str(out, array->begun ? STR_LIT(",\r\n") : STR_LIT("["));
    array->in_event = array->begun = true;
    array->state = ARRAY_DATA;
}

void
relay_array_add(struct relay_array *array, struct buf *out, struct str bytes)
{
    size_t i = 0;
    while (i < bytes.len) {
        char c = bytes.ptr[i];
        if (is_end_of_line(c)) {
            end_line(array, c);
            i++;
            continue;
        }
        array->after_cr = false;
        if (array->state == ARRAY_LEADING && c != ' ')
            begin_data(array, out);
        if (array->state != ARRAY_DATA) {
            if (array->state == ARRAY_NAME)
                take_name(array, c);
            i++;
            continue;
        }
        size_t from = i;
        while (i < bytes.len && !is_end_of_line(bytes.ptr[i]))
            i++;
        buf_append(out, bytes.ptr + from, i - from);
    }
}

void
relay_array_end(struct relay_array *array, struct buf *out)
{
    if (array->ended)
        return;
    array->ended = true;
    buf_append_str(out,
                   array->begun ? STR_LIT("\r\n]\r\n") : STR_LIT("[]\r\n"));
}

struct str
relay_array_batch(struct request *request, struct str tail, bool last)
{
    struct relay *relay = request->relay;
    struct buf *out = &relay->array_text;
    buf_reset(out);
    for (unsigned i = 0; i < relay->piece_count; i++) {
        const struct relay_piece *piece =
            &request->worker->relay_pieces.items[i];
        const char *ptr = piece->ptr != NULL
                              ? piece->ptr
                              : buf_ptr(&request->held) + piece->off;
        relay_array_add(&relay->array, out, str_make(ptr, piece->len));
    }
    relay->piece_count = 0;
    relay->piece_bytes = 0;
    relay_array_add(&relay->array, out, tail);
    if (last || relay->array.is_over)
        relay_array_end(&relay->array, out);
    return buf_view(out);
}
