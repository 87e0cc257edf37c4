/*
 * config_text.c - the option table written out: aigw --options, aigw.ini, the
 * man page, and a configuration as canonical text.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/config_part.h"

static const char *const section_texts[CONFIG_SECTION_COUNT] = {
    "The processes, their addresses, limits and time-outs.",
    "Management (/admin/v1/...) and /metrics over TCP.",
    "What is logged, and where to.",
    "Groups whose balance another service keeps: it is asked what they have "
    "and told what they spent.",
    "One section for each provider; NAME is what models are reached by.",
    "PROVIDER/NAME: one section for each credential beside the provider's own "
    "api_key; a group's own ones are used before shared ones.",
    "One section for each model that needs more than its name.",
    "PROVIDER/MODEL: one section for each pair that differs from both.",
    "Profiles: settings of the calls that come by a gateway's path, name it in "
    "a field, or whose key does.",
    "GATEWAY/NAME: what the model dynamic/NAME is for calls of that profile; "
    "GATEWAY/NAME@VERSION: a version of it.",
    "Webhooks that are told when a budget or a balance is nearly spent.",
};

static bool
section_has_names(enum config_section section)
{
    return section >= CONFIG_SECTION_NAMED;
}

static void
print_header(enum config_section section, const char *name, struct buf *out)
{
    buf_printf(out, "[%s%s%s]", config_section_names[section],
               name != NULL ? "." : "", name != NULL ? name : "");
}

/* ---- a configuration ---- */

static void
print_section(enum config_section section, const char *name, const void *fields,
              bool mask, struct buf *out)
{
    if (buf_len(out) > 0)
        buf_append_char(out, '\n');
    print_header(section, name, out);
    buf_append_char(out, '\n');
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        if (option->section != section)
            continue;
        buf_printf(out, "%s = ", option->name);
        config_value_print(option, fields, mask, out);
        buf_append_char(out, '\n');
    }
}

void
config_serialize(const struct config *config, bool mask, struct buf *out)
{
    for (enum config_section s = 0; s < CONFIG_SECTION_COUNT; s++)
        for (unsigned i = 0; i < config_section_count(config, s); i++) {
            const void *fields = config_section(config, s, i);
            const char *name =
                section_has_names(s) ? config_section_name(fields) : NULL;
            print_section(s, name, fields, mask, out);
        }
}

/* ---- the table ---- */

static const char *
setting_type_text(const struct setting_row *row)
{
    switch (row->type) {
    case SETTING_TYPE_ENUM:
        return row->words;
    case SETTING_TYPE_UINT:
        return "number";
    case SETTING_TYPE_BOOL:
        return "yes|no";
    case SETTING_TYPE_MS:
    case SETTING_TYPE_SECONDS:
        return "duration";
    case SETTING_TYPE_PROVIDERS:
        return "list of providers";
    case SETTING_TYPE_CREDENTIALS:
        return "list of credentials";
    case SETTING_TYPE_GATEWAY:
        return "gateway";
    }
    UNREACHABLE();
}

static const char *
type_text(const struct config_option *option)
{
    switch (option->type) {
    case CONFIG_STRING:
    case CONFIG_URL:
    case CONFIG_SECRET:
        return option->type == CONFIG_URL      ? "address"
               : option->type == CONFIG_SECRET ? "secret"
               : *option->unit != '\0'         ? option->unit
                                               : "text";
    case CONFIG_CHOICE:
    case CONFIG_ENUM:
        return option->unit;
    case CONFIG_LIST:
        return "list";
    case CONFIG_BOOL:
        return "yes|no";
    case CONFIG_UINT:
    case CONFIG_U64:
        return "number";
    case CONFIG_DURATION:
        return "duration";
    case CONFIG_SIZE:
        return "size";
    case CONFIG_PRICE:
    case CONFIG_UNIT_PRICE:
        return "price";
    case CONFIG_SETTING:
        return setting_type_text(&setting_rows[option->min]);
    }
    UNREACHABLE();
}

/* Type, unit, range, and what a change needs: "duration, 50ms to 1m". */
static void
print_facts(const struct config_option *option, struct buf *out)
{
    buf_append_cstr(out, type_text(option));
    switch (option->type) {
    case CONFIG_LIST:
        if (*option->unit != '\0')
            buf_printf(out, " of %s", option->unit);
        break;
    case CONFIG_UINT:
    case CONFIG_U64:
        buf_printf(out, " of %s", option->unit);
        break;
    case CONFIG_PRICE:
    case CONFIG_UNIT_PRICE:
        buf_printf(out, " %s", option->unit);
        break;
    default:
        break;
    }
    if (option->type >= CONFIG_UINT && option->type <= CONFIG_SIZE) {
        buf_append_cstr(out, ", ");
        config_print_quantity(option->type, option->min, out);
        buf_append_cstr(out, " to ");
        config_print_quantity(option->type, option->max, out);
    }
    if (option->applies == CONFIG_RESTART)
        buf_append_cstr(out, "; needs a restart");
}

static void
print_text_row(const struct config_option *option, struct buf *out)
{
    buf_printf(out, "  %-24s default: %s\n", option->name,
               *option->fallback != '\0' ? option->fallback : "not set");
    buf_printf(out, "      %s\n      (", option->text);
    print_facts(option, out);
    buf_append_cstr(out, ")\n");
}

static void
print_ini_row(const struct config_option *option, struct buf *out)
{
    buf_printf(out, "\n; %s\n; (", option->text);
    print_facts(option, out);
    buf_printf(out, ")\n;%s =%s%s\n", option->name,
               *option->fallback != '\0' ? " " : "", option->fallback);
}

/* mdoc takes a line that begins with a dot or a quote for a command. */
static void
print_mdoc_text(const char *text, struct buf *out)
{
    if (*text == '.' || *text == '\'')
        buf_append_cstr(out, "\\&");
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            buf_append_char(out, '\\');
        buf_append_char(out, *text == '\\' ? 'e' : *text);
    }
}

static void
print_mdoc_row(const struct config_option *option, struct buf *out)
{
    buf_printf(out, ".It Cm %s\n", option->name);
    print_mdoc_text(option->text, out);
    buf_append_cstr(out, "\n(");
    print_facts(option, out);
    buf_append_cstr(out, ").\n");
    if (*option->fallback == '\0')
        return;
    buf_append_cstr(out, "Default:\n.Ql ");
    print_mdoc_text(option->fallback, out);
    buf_append_char(out, '\n');
}

static void
print_section_head(enum config_doc form, enum config_section section,
                   struct buf *out)
{
    const char *name = section_has_names(section) ? "NAME" : NULL;
    switch (form) {
    case CONFIG_DOC_TEXT:
        buf_append_cstr(out, section > 0 ? "\n" : "");
        print_header(section, name, out);
        buf_printf(out, "  %s\n", section_texts[section]);
        return;
    case CONFIG_DOC_INI:
        buf_printf(out, "\n; %s\n", section_texts[section]);
        buf_append_cstr(out, name != NULL ? ";" : "");
        print_header(section, name, out);
        buf_append_char(out, '\n');
        return;
    case CONFIG_DOC_MDOC:
        buf_append_cstr(out, ".Ss ");
        print_header(section, name, out);
        buf_printf(out, "\n%s\n.Bl -tag -width Ds\n", section_texts[section]);
        return;
    }
}

static const char ini_head[] =
    "; aigw.ini - every option with its default, as \"aigw --options\" lists\n"
    "; them. Take the \";\" away to change one. An empty file is fine as "
    "well.\n"
    ";\n"
    "; Durations: 250ms 10s 5m 1h 30d. Sizes: 64k 32m 1g (of 1024). Lists: by\n"
    "; comma. Secrets: ${ENV}, file:PATH, cred:NAME (systemd).\n"
    "; Further files: include = conf.d/*.ini\n";

void
config_print_options(enum config_doc form, struct buf *out)
{
    if (form == CONFIG_DOC_INI)
        buf_append_cstr(out, ini_head);
    for (size_t i = 0; i < config_option_count; i++) {
        const struct config_option *option = &config_options[i];
        if (i == 0 || option[-1].section != option->section)
            print_section_head(form, option->section, out);
        if (form == CONFIG_DOC_TEXT)
            print_text_row(option, out);
        else if (form == CONFIG_DOC_INI)
            print_ini_row(option, out);
        else
            print_mdoc_row(option, out);
        bool last = i + 1 == config_option_count ||
                    option[1].section != option->section;
        if (last && form == CONFIG_DOC_MDOC)
            buf_append_cstr(out, ".El\n");
    }
}
