/*
 * openai_rewrite.c - the splices that make a client's body the provider's.
 *
 * All other bytes stay as they are: numbers beyond a double, unknown members,
 * lone surrogates and NUL escapes reach the provider as the client wrote them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dialect/openai_part.h"

/* include_usage where stream_options is already there. */
static void
want_usage_inside(struct str body, const struct call *call,
                  struct splices *splices)
{
    struct span32 value = call->include_usage_value;
    struct span32 options = call->stream_options_value;
    if (value.len > 0) {
        if (!call->include_usage || call->usage_unasked)
            splice_text(splices, splice_add(splices, value.off, value.len),
                        STR_LIT("true"));
    } else if (body.ptr[options.off] == '{') {
        struct splice *inside = splice_add(splices, options.off + 1, 0);
        splice_text(splices, inside, STR_LIT("\"include_usage\":true"));
        if (!splice_object_is_empty(body, options))
            splice_text(splices, inside, STR_LIT(","));
    } else { /* null */
        splice_text(splices, splice_add(splices, options.off, options.len),
                    STR_LIT("{\"include_usage\":true}"));
    }
}

/* Members that are not there at all go first, before the client's. */
static void
insert_members(const struct call *call, const struct rewrite *rewrite,
               struct splices *splices)
{
    bool model = rewrite->model.ptr != NULL && call->model_value.len == 0;
    bool tokens = rewrite->max_tokens > 0 && call->max_tokens_value.len == 0;
    bool usage = rewrite->want_usage && call->stream_options_value.len == 0;
    if (!model && !tokens && !usage)
        return;
    struct splice *first = splice_add(splices, call->first_member, 0);
    if (model) {
        splice_text(splices, first, STR_LIT("\"model\":"));
        splice_name(splices, first, rewrite->model);
    }
    if (model && (tokens || usage))
        splice_text(splices, first, STR_LIT(","));
    if (tokens) {
        splice_text(splices, first,
                    rewrite->max_tokens_as_completion
                        ? STR_LIT("\"max_completion_tokens\":")
                        : STR_LIT("\"max_tokens\":"));
        splice_number(splices, first, rewrite->max_tokens);
    }
    if (tokens && usage)
        splice_text(splices, first, STR_LIT(","));
    if (usage)
        splice_text(splices, first,
                    STR_LIT("\"stream_options\":{\"include_usage\":true}"));
    if (!call->empty_object)
        splice_text(splices, first, STR_LIT(","));
}

/* The value of a form's field, as it is. */
static void
rewrite_form(const struct call *call, const struct rewrite *rewrite,
             struct splices *splices)
{
    if (rewrite->model.ptr == NULL)
        return;
    size_t len = rewrite->model.len < SPLICE_NAME_BYTES ? rewrite->model.len
                                                        : SPLICE_NAME_BYTES;
    splice_text(
        splices,
        splice_add(splices, call->model_value.off, call->model_value.len),
        str_make(rewrite->model.ptr, len));
}

void
openai_rewrite(struct str body, const struct call *call,
               const struct rewrite *asked, struct splices *splices)
{
    struct rewrite rewrite = *asked;
    splices->count = splices->text_len = 0;
    if (rewrite.model.ptr == NULL && call->model_in_path)
        rewrite.model = str_make(call->model, call->model_len);
    if (call->boundary.len > 0) {
        rewrite_form(call, &rewrite, splices);
        return;
    }
    insert_members(call, &rewrite, splices);
    if (rewrite.model.ptr != NULL && call->model_value.len > 0)
        splice_name(
            splices,
            splice_add(splices, call->model_value.off, call->model_value.len),
            rewrite.model);
    if (rewrite.max_tokens > 0 && call->max_tokens_value.len > 0)
        splice_number(splices,
                      splice_add(splices, call->max_tokens_value.off,
                                 call->max_tokens_value.len),
                      rewrite.max_tokens);
    if (rewrite.want_usage && call->stream_options_value.len > 0)
        want_usage_inside(body, call, splices);
    if (rewrite.drop_routing)
        splice_drop_members(splices, body, call->models_value,
                            call->provider_value);
}
