/*
 * http_parse_fields.c - field lines, and what Host, Content-Length,
 * Transfer-Encoding, Connection, Expect and Upgrade say together
 * (RFC 9110 7 and 10, RFC 9112 5 to 7).
 *
 * Framing is where proxies are cheated: each of the two lengths may stand once,
 * never both, Transfer-Encoding is "chunked" or refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/net/http_chars.h"
#include "common/net/http_parse_part.h"

/* The fields that mean something here, as found. */
struct known {
    unsigned hosts, lengths, encodings;
    struct str host, length, encoding;
    bool upgrade, close, keep_alive, connection_upgrade;
    bool expects, expects_continue; /* any; none but 100-continue */
};

static struct str
trimmed(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    return str_make(from, (size_t)(to - from));
}

bool
http_parse_field_line(struct http_head *head, struct str line)
{
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return http_refuse(head, 400, "folded header line");
    size_t name_len = http_token_span(line);
    if (name_len == 0 || name_len == line.len || line.ptr[name_len] != ':')
        return http_refuse(head, 400, "malformed header name");
    /* Counted at the end: another line may be worse than one too many. */
    if (head->field_count == HTTP_FIELDS_MAX) {
        http_refuse(head, 431, "too many header lines");
        return true;
    }
    struct http_field *field = &head->fields[head->field_count++];
    field->name = str_make(line.ptr, name_len);
    field->value = trimmed(line.ptr + name_len + 1, line.ptr + line.len);
    field->which = http_name_of(field->name);
    return true;
}

/*
 * The next element of a comma-separated list, empty ones skipped, or len 0 at
 * its end. *rest is moved behind it.
 */
static struct str
next_element(struct str *rest)
{
    while (rest->len > 0) {
        const char *comma = memchr(rest->ptr, ',', rest->len);
        size_t len = comma == NULL ? rest->len : (size_t)(comma - rest->ptr);
        struct str element = str_trim(str_make(rest->ptr, len));
        *rest = str_skip(*rest, len + 1);
        if (element.len > 0)
            return element;
    }
    return str_make(rest->ptr, 0);
}

static bool
read_connection(struct http_head *head, struct known *known, struct str value)
{
    struct str option;
    while ((option = next_element(&value)).len > 0) {
        if (!http_is_token(option))
            return http_refuse(head, 400, "malformed Connection");
        if (str_equals_nocase(option, STR_LIT("close")))
            known->close = true;
        else if (str_equals_nocase(option, STR_LIT("keep-alive")))
            known->keep_alive = true;
        else
            head->names_fields = true;
        known->connection_upgrade |=
            str_equals_nocase(option, STR_LIT("upgrade"));
    }
    return true;
}

static bool
read_field(struct http_head *head, struct known *known,
           const struct http_field *field)
{
    switch (field->which) {
    case HTTP_NAME_HOST:
        known->hosts++;
        known->host = field->value;
        return true;
    case HTTP_NAME_EXPECT:
        known->expects_continue =
            (!known->expects || known->expects_continue) &&
            str_equals_nocase(field->value, STR_LIT("100-continue"));
        known->expects = true;
        return true;
    case HTTP_NAME_UPGRADE:
        known->upgrade = true;
        return true;
    case HTTP_NAME_CONNECTION:
        return read_connection(head, known, field->value);
    case HTTP_NAME_CONTENT_LENGTH:
        known->lengths++;
        known->length = field->value;
        return true;
    case HTTP_NAME_TRANSFER_ENCODING:
        known->encodings++;
        known->encoding = field->value;
        return true;
    default:
        return true;
    }
}

static bool
read_length(struct http_head *head, struct str value)
{
    if (value.len == 0 || http_span(value, HTTP_CHAR_DIGIT) != value.len)
        return http_refuse(head, 400, "malformed Content-Length");
    uint64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned)(value.ptr[i] - '0');
        if (__builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, digit, &length))
            return http_refuse(head, 413, "Content-Length out of range");
    }
    head->content_length = length;
    return true;
}

/* Sets body_kind and content_length as a message with content would have it. */
static bool
read_framing(struct http_head *head, const struct known *known)
{
    if (known->lengths > 1)
        return http_refuse(head, 400, "more than one Content-Length");
    if (known->encodings > 1)
        return http_refuse(head, 400, "more than one Transfer-Encoding");
    if (known->lengths == 1 && known->encodings == 1)
        return http_refuse(head, 400,
                           "both Content-Length and Transfer-Encoding");
    if (known->lengths == 1) {
        head->body_kind = HTTP_BODY_LENGTH;
        return read_length(head, known->length);
    }
    if (known->encodings == 0)
        return true;
    if (head->version_minor == 0)
        return http_refuse(head, 400, "Transfer-Encoding in HTTP/1.0");
    head->body_kind = HTTP_BODY_CHUNKED;
    if (str_equals_nocase(known->encoding, STR_LIT("chunked")))
        return true;
    return http_refuse(head, 501, "transfer coding not implemented");
}

static bool
read_fields(struct http_head *head, struct known *known)
{
    if (head->error_status != 0) /* too many */
        return false;
    for (unsigned i = 0; i < head->field_count; i++)
        if (!read_field(head, known, &head->fields[i]))
            return false;
    if (!read_framing(head, known))
        return false;
    head->keep_alive =
        !known->close && (head->version_minor > 0 || known->keep_alive);
    head->upgrade = known->upgrade && known->connection_upgrade;
    return true;
}

bool
http_finish_request(struct http_head *head)
{
    struct known known = {0};
    if (!read_fields(head, &known))
        return false;
    if (known.hosts > 1)
        return http_refuse(head, 400, "more than one Host");
    if (known.hosts == 0 && head->version_minor > 0)
        return http_refuse(head, 400, "no Host");
    if (known.hosts == 1 && !http_is_authority(known.host))
        return http_refuse(head, 400, "malformed Host");
    /* RFC 9112 3.2.2: the authority of an absolute target wins. */
    if (head->host.ptr == NULL)
        head->host = known.host;
    /* RFC 9110 10.1.1: nothing is expected in HTTP/1.0. */
    if (known.expects && head->version_minor > 0) {
        if (!known.expects_continue)
            return http_refuse(head, 417, "unknown expectation");
        head->expect_continue =
            head->body_kind == HTTP_BODY_CHUNKED || head->content_length > 0;
    }
    return true;
}

bool
http_finish_response(struct http_head *head, bool to_head_request)
{
    struct known known = {0};
    if (!read_fields(head, &known))
        return false;
    bool never_content = head->status < 200 || head->status == 204;
    if (never_content || to_head_request || head->status == 304) {
        /* A body that may not be there must not become the next answer. */
        if (never_content &&
            (head->body_kind == HTTP_BODY_CHUNKED || head->content_length > 0))
            head->keep_alive = false;
        head->body_kind = HTTP_BODY_NONE;
    } else if (head->body_kind == HTTP_BODY_NONE) {
        head->body_kind = HTTP_BODY_UNTIL_CLOSE;
        head->keep_alive = false;
    }
    if (head->status == 101)
        head->keep_alive = false;
    return true;
}

struct str
http_field_find(const struct http_head *head, struct str name)
{
    for (unsigned i = 0; i < head->field_count; i++)
        if (str_equals_nocase(head->fields[i].name, name))
            return head->fields[i].value;
    return (struct str){NULL, 0};
}

unsigned
http_field_count(const struct http_head *head, struct str name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < head->field_count; i++)
        count += str_equals_nocase(head->fields[i].name, name);
    return count;
}

static bool
is_named_by_connection(const struct http_head *head, struct str name)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        if (!str_equals_nocase(head->fields[i].name, STR_LIT("Connection")))
            continue;
        struct str rest = head->fields[i].value, option;
        while ((option = next_element(&rest)).len > 0)
            if (str_equals_nocase(option, name))
                return true;
    }
    return false;
}

bool
http_field_is_valid(struct str name, struct str value)
{
    return http_is_token(name) &&
           http_find_control(value.ptr, 0, value.len) == value.len;
}

bool
http_field_is_hop_by_hop(const struct http_head *head, struct str name)
{
    static const struct str always[] = {
        STR_LIT("Connection"),
        STR_LIT("Keep-Alive"),
        STR_LIT("Proxy-Authenticate"),
        STR_LIT("Proxy-Authorization"),
        STR_LIT("Proxy-Connection"),
        STR_LIT("TE"),
        STR_LIT("Trailer"),
        STR_LIT("Transfer-Encoding"),
        STR_LIT("Upgrade"),
    };
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        if (str_equals_nocase(name, always[i]))
            return true;
    /* A peer cannot have these taken away by naming them: they are the frame
     * and the address of the message. */
    if (str_equals_nocase(name, STR_LIT("Content-Length")) ||
        str_equals_nocase(name, STR_LIT("Host")))
        return false;
    return head->names_fields && is_named_by_connection(head, name);
}
