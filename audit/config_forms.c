#include "audit/config_forms.h"

#include "core/yaml.h"

#include <arpa/inet.h>
#include <string.h>

typedef struct {
    OkseStatementSink sink;
    void *context;
    const char **why;
    bool whole;
} Reader;

static void gap(Reader *reader, const char *why)
{
    reader->whole = false;
    *reader->why = why;
}

OkseConfigForm okse_form_of(const char *name)
{
    static const char *const names[OKSE_FORMS] = {"ini", "words", "blocks", "yaml"};
    OkseConfigForm form = 0;

    while (form < OKSE_FORMS && strcmp(names[form], name) != 0)
        form++;
    return form;
}

OkseWritten okse_written_of(const char *name)
{
    static const char *const names[OKSE_WRITTENS] = {"plain", "hash", "pair", "login", "url"};
    OkseWritten written = 0;

    while (written < OKSE_WRITTENS && strcmp(names[written], name) != 0)
        written++;
    return written;
}

static void tell(const Reader *reader, const char *path, const char *name, const char *value, unsigned line)
{
    g_autofree char *key = *path != '\0' ? g_strconcat(path, ".", name, NULL) : g_strdup(name);

    reader->sink(reader->context, &(OkseStatement){key, name, value, line});
}

/* The next line without its end, in valid UTF-8, or NULL. */
static char *next_line(Reader *reader, const char **at, const char *end)
{
    const char *stop = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    size_t size = stop != NULL ? (size_t)(stop - *at) : (size_t)(end - *at);
    g_autofree char *raw = NULL;

    if (*at >= end)
        return NULL;
    if (size > OKSE_LIMIT_STATEMENT)
        gap(reader, "a line is longer than is looked at");
    raw = g_strndup(*at, MIN(size, OKSE_LIMIT_STATEMENT));
    *at = stop != NULL ? stop + 1 : end;
    return g_strchomp(g_utf8_make_valid(raw, -1));
}

/* Lines that end with a backslash go on in the next one; the statement stands where it began. */
static char *next_logical(Reader *reader, const char **at, const char *end, unsigned *line, unsigned *began)
{
    char *text = next_line(reader, at, end);

    *began = ++*line;
    while (text != NULL && g_str_has_suffix(text, "\\") && *at < end && strlen(text) < OKSE_LIMIT_STATEMENT) {
        g_autofree char *more = next_line(reader, at, end);
        char *joined;

        text[strlen(text) - 1] = ' ';
        joined = g_strconcat(text, more, NULL);
        g_free(text);
        text = joined;
        ++*line;
    }
    return text;
}

static void read_ini(Reader *reader, const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *section = g_strdup("");
    unsigned line = 0, began;

    for (char *one; (one = next_logical(reader, &at, end, &line, &began)) != NULL; g_free(one)) {
        char *start = one + strspn(one, " \t"), *close = strrchr(start, ']');
        size_t size = strcspn(start, "=:");
        g_autofree char *name = NULL;

        if (*start == '\0' || *start == '#' || *start == ';')
            continue;
        if (*start == '[' && close != NULL) {
            g_autofree char *title = g_strndup(start + 1, (gsize)(close - start - 1));
            guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, title)) + 1;

            g_hash_table_replace(counts, g_strdup(title), GUINT_TO_POINTER(count));
            g_free(section);
            section = count == 1 ? g_strdup(title) : g_strdup_printf("%s[%u]", title, count);
            continue;
        }
        name = g_strchomp(g_strndup(start, size));
        if (*name != '\0')
            tell(reader, section, name, start[size] == '\0' ? "" : g_strchug(start + size + 1), began);
    }
}

/* Where a comment behind white space starts. */
static void cut_comment(char *text)
{
    for (char *at = text; *at != '\0'; at++)
        if (*at == '#' && (at == text || g_ascii_isspace(at[-1]))) {
            *at = '\0';
            g_strchomp(text);
            return;
        }
}

static void read_words(Reader *reader, const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    g_autofree char *inside = NULL; /* "</ca>" while its text is passed over */
    unsigned line = 0, began;

    for (char *one; (one = next_logical(reader, &at, end, &line, &began)) != NULL; g_free(one)) {
        char *start = one + strspn(one, " \t"), *rest;
        size_t size = strcspn(start, " \t=");

        if (inside != NULL) {
            if (strcmp(start, inside) == 0)
                g_clear_pointer(&inside, g_free);
            tell(reader, "", "#", "", began); /* keys and certificates */
            continue;
        }
        if (*start == '\0' || *start == '#' || *start == ';')
            continue;
        if (*start == '<' && g_str_has_suffix(start, ">")) {
            if (start[1] != '/' && strcmp(start, "<connection>") != 0)
                inside = g_strconcat("</", start + 1, NULL);
            continue;
        }
        rest = start + size;
        if (*rest != '\0')
            *rest++ = '\0';
        rest += strspn(rest, " \t=");
        cut_comment(rest);
        if (g_str_has_suffix(start, ":"))
            start[strlen(start) - 1] = '\0';
        if (*start != '\0')
            tell(reader, "", start, rest, began);
    }
}

/* While blocks are read: the names of those that are open, and the words of the statement at hand. */
typedef struct {
    Reader *reader;
    GPtrArray *open;  /* char * */
    GPtrArray *words; /* char * */
    unsigned line, began;
} Blocks;

static char *joined(const GPtrArray *words, guint from, const char *separator)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = from; i < words->len; i++)
        g_string_append_printf(text, "%s%s", i > from ? separator : "", (const char *)g_ptr_array_index(words, i));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void end_statement(Blocks *blocks)
{
    if (blocks->words->len > 0) {
        g_autofree char *path = joined(blocks->open, 0, "."), *value = joined(blocks->words, 1, " ");

        tell(blocks->reader, path, g_ptr_array_index(blocks->words, 0), value, blocks->began);
    }
    g_ptr_array_set_size(blocks->words, 0);
}

/* The words before a block are a statement too: "forward . 192.0.2.1 { … }". */
static void open_block(Blocks *blocks)
{
    if (blocks->words->len > 0) {
        g_autofree char *path = joined(blocks->open, 0, "."), *value = joined(blocks->words, 1, " ");

        tell(blocks->reader, path, g_ptr_array_index(blocks->words, 0), value, blocks->began);
    }
    if (blocks->open->len == OKSE_LIMIT_BLOCKS)
        gap(blocks->reader, "blocks stand deeper in blocks than is looked at");
    else
        g_ptr_array_add(blocks->open, joined(blocks->words, 0, " "));
    g_ptr_array_set_size(blocks->words, 0);
}

static void close_block(Blocks *blocks)
{
    end_statement(blocks);
    if (blocks->open->len > 0)
        g_ptr_array_set_size(blocks->open, (gint)blocks->open->len - 1);
}

/* Lines that hold nothing else are told, so that nobody takes what stands in them for configuration. */
static const char *skip_long_comment(Blocks *blocks, const char *text, const char *at, const char *end)
{
    const char *before = at, *after;
    bool alone = true;

    while (before > text && before[-1] != '\n')
        alone = g_ascii_isspace(*--before) && alone;
    for (at += 2; at < end && !(*at == '*' && at + 1 < end && at[1] == '/'); at++) {
        if (*at != '\n')
            continue;
        if (alone)
            tell(blocks->reader, "", "#", "", blocks->line);
        alone = true;
        blocks->line++;
    }
    at = MIN(end, at + 2);
    for (after = at; after < end && *after != '\n'; after++)
        alone = g_ascii_isspace(*after) && alone;
    if (alone)
        tell(blocks->reader, "", "#", "", blocks->line);
    return at;
}

static const char *take_word(Blocks *blocks, const char *at, const char *end)
{
    bool quoted = *at == '"' || *at == '\'';
    char quote = *at;
    const char *start = at + quoted, *stop = start;
    size_t most = MIN((size_t)(end - start), OKSE_LIMIT_STATEMENT);
    g_autofree char *raw = NULL;

    while (stop < start + most && (quoted ? *stop != quote && *stop != '\n' : strchr(" \t\r\n{};=,\"", *stop) == NULL))
        stop++;
    if (stop < end && stop == start + most)
        gap(blocks->reader, "a word is longer than is looked at");
    if (blocks->words->len == 0)
        blocks->began = blocks->line;
    raw = g_strndup(start, (gsize)(stop - start));
    if (blocks->words->len < OKSE_LIMIT_STATEMENT)
        g_ptr_array_add(blocks->words, g_utf8_make_valid(raw, -1));
    return stop < end && ((quoted && *stop == quote) || stop == at) ? stop + 1 : stop;
}

static void read_blocks(Reader *reader, const char *text, size_t length)
{
    g_autoptr(GPtrArray) open = g_ptr_array_new_with_free_func(g_free), words = g_ptr_array_new_with_free_func(g_free);
    Blocks blocks = {reader, open, words, 1, 1};
    const char *at = text, *end = text + length;

    while (at < end) {
        bool slashes = *at == '/' && at + 1 < end && at[1] == '/' && (at == text || g_ascii_isspace(at[-1]));

        if (*at == '\n') {
            end_statement(&blocks);
            blocks.line++;
            at++;
        } else if (*at == '#' || slashes) {
            while (at < end && *at != '\n')
                at++;
        } else if (*at == '/' && at + 1 < end && at[1] == '*') {
            at = skip_long_comment(&blocks, text, at, end);
        } else if (*at == '{' || *at == '}' || *at == ';') {
            (*at == '{' ? open_block : *at == '}' ? close_block : end_statement)(&blocks);
            at++;
        } else if (g_ascii_isspace(*at) || *at == '=' || *at == ',' || *at == '\0') {
            at++;
        } else {
            at = take_word(&blocks, at, end);
        }
    }
    end_statement(&blocks);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by OKSE_LIMIT_DEPTH of the reader */
static void tell_node(Reader *reader, const OkseNode *node, const char *path, const char *name)
{
    OkseNodeKind kind = okse_node_kind(node);

    for (unsigned i = 0; i < okse_node_count(node); i++) {
        if (kind == OKSE_NODE_LIST) {
            g_autofree char *item = g_strdup_printf("%s[%u]", path, i);

            tell_node(reader, okse_node_item(node, i), item, name);
        } else if (kind == OKSE_NODE_MAP) {
            const char *key = okse_node_key(node, i);
            g_autofree char *below = *path != '\0' ? g_strconcat(path, ".", key, NULL) : g_strdup(key);

            tell_node(reader, okse_node_item(node, i), below, key);
        }
    }
    if (kind != OKSE_NODE_LIST && kind != OKSE_NODE_MAP)
        reader->sink(reader->context, &(OkseStatement){path, name, kind == OKSE_NODE_NULL ? "" : okse_node_text(node),
                                                       okse_node_place(node).line});
}

static void read_yaml(Reader *reader, const char *text, size_t length)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, length);
    g_autoptr(OkseYaml) yaml = okse_yaml_read_foreign(bytes, "", NULL);

    if (yaml == NULL)
        gap(reader, "it is no YAML");
    for (unsigned i = 0; yaml != NULL && i < okse_yaml_documents(yaml); i++)
        tell_node(reader, okse_yaml_document(yaml, i), "", "");
}

bool okse_form_read(OkseConfigForm form, const char *text, size_t length, OkseStatementSink sink, void *context,
                    const char **why)
{
    static void (*const readers[OKSE_FORMS])(Reader *, const char *, size_t) = {read_ini, read_words, read_blocks,
                                                                                read_yaml};
    Reader reader = {sink, context, why, true};

    *why = NULL;
    readers[form](&reader, text, length);
    return reader.whole;
}

void okse_destination_clear(OkseDestination *destination)
{
    g_clear_pointer(&destination->host, g_free);
    g_clear_pointer(&destination->scheme, g_free);
}

static bool is_address(const char *text)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Labels of letters, digits, - and _, not digits alone. */
static bool is_name(const char *text)
{
    return strlen(text) <= 253 && g_ascii_isalnum(*text) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(text) &&
           strspn(text, "0123456789.") != strlen(text) && strstr(text, "..") == NULL;
}

static unsigned port_of(const char *digits)
{
    guint64 number;
    g_autofree char *only = digits == NULL ? NULL : g_strndup(digits, strspn(digits, "0123456789"));

    return only != NULL && g_ascii_string_to_unsigned(only, 10, 1, 65535, &number, NULL) ? (unsigned)number : 0;
}

/* What stands before the host: a scheme, a login, dnsmasq's domains. */
static const char *host_start(const char *word, OkseWritten written, OkseDestination *found)
{
    const char *scheme = strstr(word, "://"), *slash, *login;

    if (scheme != NULL && scheme > word) {
        g_autofree char *raw = g_strndup(word, (gsize)(scheme - word));

        found->scheme = g_ascii_strdown(raw, -1);
        word = scheme + 3;
        slash = strchr(word, '/');
        login = strchr(word, '@');
        if (login != NULL && (slash == NULL || login < slash))
            word = login + 1;
    } else if (written == OKSE_WRITTEN_HASH && *word == '/') {
        word = strrchr(word, '/') + 1;
    } else if (written == OKSE_WRITTEN_LOGIN && strchr(word, '@') != NULL) {
        word = strchr(word, '@') + 1;
    }
    return word;
}

bool okse_destination_read(const char *word, const char *next, OkseWritten written, OkseDestination *found)
{
    g_autofree char *raw = NULL, *rest = NULL;
    const char *start;

    *found = (OkseDestination){0};
    start = host_start(word, written, found);
    if (written == OKSE_WRITTEN_URL && found->scheme == NULL)
        return false;
    if (*start == '[' && strchr(start, ']') != NULL) {
        raw = g_strndup(start + 1, strcspn(start + 1, "]"));
        rest = g_strdup(strchr(start, ']') + 1);
    } else {
        size_t size = strcspn(start, written == OKSE_WRITTEN_HASH ? "#@%/" : "/%");

        raw = g_strndup(start, size);
        rest = g_strdup(start + size);
        if (!is_address(raw) && strchr(raw, ':') != NULL) {
            g_free(rest);
            rest = g_strdup(strchr(raw, ':'));
            raw[strcspn(raw, ":")] = '\0';
        }
    }
    if (written != OKSE_WRITTEN_LOGIN && (*rest == ':' || *rest == '#' || *rest == '@'))
        found->port = port_of(rest + 1);
    if (written == OKSE_WRITTEN_PAIR && found->port == 0)
        found->port = port_of(next);
    found->host = g_ascii_strdown(raw, -1);
    if (g_str_has_suffix(found->host, "."))
        found->host[strlen(found->host) - 1] = '\0';
    if (is_address(found->host) || is_name(found->host))
        return true;
    okse_destination_clear(found);
    return false;
}
