/*
 * config_part.h - what config*.c share: the rows of the option table, and
 * where each value was read, for messages. Private to them and to management,
 * which makes sections of the same rows.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef AIGW_COMMON_CONFIG_PART_H
#define AIGW_COMMON_CONFIG_PART_H

#include <stdarg.h>
#include <stddef.h>

#include "common/config.h"
#include "common/ini.h"

enum config_type {
    CONFIG_STRING, /* char *, NULL when not set */
    CONFIG_URL,    /* char *; user and password in it are masked */
    CONFIG_SECRET, /* char *; masked */
    CONFIG_CHOICE, /* char *, one of the words of `unit` */
    CONFIG_ENUM,   /* a C enum, the words of `unit` in its order */
    CONFIG_LIST,   /* struct config_list */
    CONFIG_BOOL,
    CONFIG_UINT,       /* unsigned */
    CONFIG_U64,        /* uint64_t */
    CONFIG_DURATION,   /* uint64_t, ms */
    CONFIG_SIZE,       /* uint64_t, bytes */
    CONFIG_PRICE,      /* int64_t, pico per token, written per million */
    CONFIG_UNIT_PRICE, /* int64_t, pico per unit, written per unit */
    CONFIG_SETTING, /* char *, a value of the setting whose number is `min` */
};

enum config_applies { CONFIG_RELOAD, CONFIG_RESTART };

/* In the order of the table and of canonical text. */
enum config_section {
    CONFIG_SECTION_server,
    CONFIG_SECTION_admin,
    CONFIG_SECTION_log,
    CONFIG_SECTION_balance,
    CONFIG_SECTION_provider,
    CONFIG_SECTION_credential,
    CONFIG_SECTION_model,
    CONFIG_SECTION_endpoint,
    CONFIG_SECTION_gateway,
    CONFIG_SECTION_route,
    CONFIG_SECTION_alert,
    CONFIG_SECTION_COUNT,
    CONFIG_SECTION_NAMED =
        CONFIG_SECTION_provider, /* from here on [type.NAME] */
};

struct config_option {
    enum config_section section;
    const char *name;
    enum config_type type;
    size_t offset; /* of the field in the section's struct */
    const char *unit, *fallback;
    uint64_t min, max;
    enum config_applies applies;
    const char *text;
};

extern const struct config_option config_options[];
extern const size_t config_option_count;
extern const char *const config_section_names[CONFIG_SECTION_COUNT];

enum { CONFIG_SECTION_OPTIONS_MAX = 128 };

/* Where the header and the options of one section were read. Values that are
 * defaults have line 0. */
struct config_origin {
    const char *file;
    int line;
    struct {
        const char *file;
        int line;
    } options[CONFIG_SECTION_OPTIONS_MAX];
};

struct config_origins {
    const char *path;
    struct config_origin single[CONFIG_SECTION_NAMED];
    /* As many as the config has of that section; of single ones NULL. */
    struct config_origin *named[CONFIG_SECTION_COUNT];
};

/* Index of an option among those of its section, -1 when there is none. */
int config_find_option(enum config_section section, const char *name);
/* The row at that index. */
const struct config_option *config_option_at(enum config_section section,
                                             int idx);

/*
 * config_value_set - parses `text` into the field of `option` in the section's
 * struct. The old value must be empty or of an earlier set. False and a reason
 * (never with a secret in it; `quote` false: never with the value) otherwise.
 */
bool config_value_set(const struct config_option *option, void *section,
                      const char *text, bool quote, struct buf *reason);
/* What config_value_set() would read back; nothing for "not set". */
void config_value_print(const struct config_option *option, const void *section,
                        bool mask, struct buf *out);
void config_value_free(const struct config_option *option, void *section);
/* A number of ms or bytes in the largest unit that divides it. */
void config_print_quantity(enum config_type type, uint64_t value,
                           struct buf *out);

/* Every option at its default. Only memory can fail. */
bool config_section_init(enum config_section section, void *fields);
void config_section_free(enum config_section section, void *fields);

/* Appends `item`, copied. */
bool config_list_add(struct config_list *list, struct str item);
void config_list_free(struct config_list *list);

/* Appends "; did you mean "x"?" when one of the words is near to `wrong`.
 * `words`: with '|' between. */
void config_suggest(const char *wrong, const char *words, struct buf *out);

/* A listening address; v4 is mapped to v6, "*" and a lone port are [::]. */
struct config_address {
    uint8_t addr16[16];
    uint16_t port;
};
bool config_parse_address(const char *text, struct config_address *address);
bool config_address_is_loopback(const struct config_address *address);

/* Adds one line "file:line: reason" (or "file: reason") to `error`. */
void config_fault(struct buf *error, const char *file, int line,
                  const char *format, ...) PRINTF_LIKE(4, 5);

/* The same at the line of an option; at the section's where that is a default,
 * or `option` NULL; at `path` where the section is one. */
void config_fault_at(struct buf *error, const char *path,
                     enum config_section section,
                     const struct config_origin *origin, const char *option,
                     const char *reason);

/* A configuration while it is read. */
struct config_loader {
    struct config *config;
    struct config_origins origins;
    struct buf *error;
    bool out_of_memory, failed, warned;
    /* The section being read; `fields` NULL: one that has been refused. */
    enum config_section section;
    void *fields;
    struct config_origin *origin;
    char **files; /* names, kept for messages */
    unsigned file_count;
};

/* Sections by number: of single ones there is one, `idx` 0. Those with a name
 * begin with it. */
void *config_section(const struct config *config, enum config_section section,
                     unsigned idx);
unsigned config_section_count(const struct config *config,
                              enum config_section section);
/* Of the struct of one with a name. */
size_t config_section_bytes(enum config_section section);
static inline const char *
config_section_name(const void *fields)
{
    return *(char *const *)fields;
}
/* One more section with a name, all at its default, and loader->origin for it.
 * NULL: out of memory, and the loader knows it. */
void *config_add_section(struct config_loader *loader,
                         enum config_section section, const char *name);
const struct config_provider *config_find_provider(const struct config *config,
                                                   const char *name);
const struct config_model *config_find_model(const struct config *config,
                                             const char *name);
/* The section of that name, or NULL. */
void *config_find_section(const struct config *config,
                          enum config_section section, const char *name);
/* A copy that lives as long as the loader; NULL: out of memory. */
const char *config_keep_file_name(struct config_loader *loader,
                                  const char *file);
/* An empty configuration; false: out of memory, config_loader_end() says so. */
bool config_loader_begin(struct config_loader *loader, const char *path,
                         struct buf *error);
/* Checked, or NULL; `rc` of the reading. The loader holds nothing any more. */
struct config *config_loader_end(struct config_loader *loader, int rc);
/* The ini_callback; `context` is the loader. */
int config_on_entry(const struct ini_entry *entry, void *context,
                    struct buf *error);

/* A URL without its scheme: the reason why it is none, or NULL. */
const char *config_url_fault(const char *rest);
/* All that concerns more than one value; also brings addresses into their
 * canonical form. False when a line was added to `error`. */
bool config_check(struct config *config, const struct config_origins *origins,
                  struct buf *error);
bool config_check_layers(struct config *config,
                         const struct config_origins *origins,
                         struct buf *error);
bool config_check_routes(const struct config *config,
                         const struct config_origins *origins,
                         struct buf *error);
bool config_check_prices(const struct config *config,
                         const struct config_origins *origins,
                         struct buf *error);
bool config_check_guards(const struct config *config,
                         const struct config_origins *origins,
                         struct buf *error);

#endif
