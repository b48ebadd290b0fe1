/* The outline of a text in the language of nft(8): tables, chains, sets, definitions and included files. Rules are read
 * by firewall_text_rule.c; what is not known here is kept by name. Why not by nft itself: decision 27. */
#include "audit/firewall_text.h"

#include "audit/firewall.h"
#include "core/text.h"

#include <string.h>

#define LIMIT_INCLUDES 64u
#define LIMIT_EXPANSION 1000000u /* tokens that variables may add */
#define SHOWN 200u

/* JSON holds no NUL and no bytes that are no UTF-8. */
char *okse_firewall_text(GBytes *bytes)
{
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    g_autofree char *copy = g_malloc(length + 1);

    for (gsize i = 0; i < length; i++)
        copy[i] = data[i] != '\0' ? data[i] : '\1';
    copy[length] = '\0';
    return g_utf8_make_valid(copy, (gssize)length);
}

static void token_free(gpointer data)
{
    OkseNftToken *token = data;

    g_free(token->text);
    g_free(token);
}

void okse_firewall_file_free(gpointer data)
{
    OkseFirewallFile *file = data;

    g_free(file->path);
    g_bytes_unref(file->bytes);
    g_free(file);
}

static void add_token(GPtrArray *tokens, const char *text, gsize length, unsigned line, bool quoted)
{
    OkseNftToken *token = g_new0(OkseNftToken, 1);

    token->text = g_strndup(text, length);
    token->line = line;
    token->quoted = quoted;
    g_ptr_array_add(tokens, token);
}

/* How long the token at `text` is; signs are tokens of their own. */
static gsize token_length(const char *text, gsize left)
{
    static const char signs[] = "{}(),;=|&^!<>\n";
    gsize length = 0;

    if (strchr(signs, *text) != NULL && *text != '\0')
        return left > 1 && strchr("=!<>", *text) != NULL && text[1] == '=' ? 2 : 1;
    while (length < left && text[length] != '\0' && strchr(" \t\r\"#", text[length]) == NULL &&
           strchr(signs, text[length]) == NULL)
        length++;
    /* "80: accept"; an IPv6 address may end in "::" */
    if (length > 1 && text[length - 1] == ':' && text[length - 2] != ':')
        length--;
    return length > 0 ? length : 1;
}

GPtrArray *okse_nft_tokens(const char *text, gsize length)
{
    GPtrArray *tokens = g_ptr_array_new_with_free_func(token_free);
    unsigned line = 1;
    gsize at = 0;

    while (at < length && tokens->len < OKSE_NFT_TOKENS) {
        gsize taken = 1;

        if (text[at] == '#') {
            const char *end = memchr(text + at, '\n', length - at);

            taken = end == NULL ? length - at : (gsize)(end - text) - at;
        } else if (text[at] == '\\' && at + 1 < length && text[at + 1] == '\n') {
            line++;
            taken = 2;
        } else if (text[at] == '"') {
            const char *end = memchr(text + at + 1, '"', length - at - 1);
            gsize inner = end == NULL ? length - at - 1 : (gsize)(end - text) - at - 1;

            add_token(tokens, text + at + 1, inner, line, true);
            taken = MIN(inner + 2, length - at);
        } else if (strchr(" \t\r", text[at]) == NULL) {
            taken = token_length(text + at, length - at);
            add_token(tokens, text + at, taken, line, false);
            line += text[at] == '\n';
        }
        at += taken;
    }
    return tokens;
}

bool okse_nft_take(OkseNftCursor *cursor, const char *text)
{
    const OkseNftToken *token = cursor->at < cursor->end ? g_ptr_array_index(cursor->tokens, cursor->at) : NULL;

    if (token == NULL || token->quoted || strcmp(token->text, text) != 0)
        return false;
    cursor->at++;
    return true;
}

const char *okse_nft_next(OkseNftCursor *cursor)
{
    const OkseNftToken *token = cursor->at < cursor->end ? g_ptr_array_index(cursor->tokens, cursor->at) : NULL;

    if (token == NULL || (!token->quoted && strpbrk(token->text, "{};\n") != NULL))
        return NULL;
    cursor->at++;
    return token->text;
}

typedef struct {
    json_t *list;        /* of the document */
    GHashTable *defined; /* name → GPtrArray of OkseNftToken, borrowed from `kept` */
    GPtrArray *kept;     /* the tokens of all files: definitions point into them */
    OkseFirewallInclude include;
    void *context;
    const char *path; /* of the file that is read */
    unsigned *files;
    guint *expanded;
} Outline;

typedef struct {
    const char *family, *table, *chain;
} Scope;

/* The words from a place to another, as somebody wrote them, near enough. */
static char *words(const OkseNftCursor *cursor, guint from, guint to)
{
    GString *text = g_string_new(NULL);
    g_autofree char *all = NULL;

    for (guint i = from; i < to && text->len < SHOWN; i++) {
        const OkseNftToken *token = g_ptr_array_index(cursor->tokens, i);
        bool close = strcmp(token->text, ",") == 0 || strcmp(token->text, ";") == 0;

        if (strcmp(token->text, "\n") == 0)
            continue;
        if (text->len > 0 && !close)
            g_string_append_c(text, ' ');
        g_string_append_printf(text, token->quoted ? "\"%s\"" : "%s", token->text);
    }
    all = g_string_free(text, FALSE);
    return okse_text_show(all, MIN((gssize)strlen(all), SHOWN), false);
}

static unsigned line_of(const OkseNftCursor *cursor, guint at)
{
    return at < cursor->tokens->len ? ((const OkseNftToken *)g_ptr_array_index(cursor->tokens, at))->line : 0;
}

static json_t *place(const Outline *outline, const OkseNftCursor *cursor, guint from, guint to)
{
    g_autofree char *text = words(cursor, from, to), *path = okse_text_show(outline->path, -1, false);

    return json_pack("{s:s,s:i,s:s}", "path", path, "line", (int)line_of(cursor, from), "text", text);
}

/* To the end of the statement: the line's end or ";" outside of braces, or the "}" that closes what is around. */
static guint statement_end(const OkseNftCursor *cursor)
{
    unsigned depth = 0;
    guint at = cursor->at;

    for (; at < cursor->end; at++) {
        const OkseNftToken *token = g_ptr_array_index(cursor->tokens, at);
        const char *text = token->quoted ? "" : token->text;

        if (strcmp(text, "{") == 0)
            depth++;
        else if (strcmp(text, "}") == 0 && depth-- == 0)
            return at;
        else if (depth == 0 && (strcmp(text, "\n") == 0 || strcmp(text, ";") == 0))
            return at;
    }
    return at;
}

static void give_up(const Outline *outline, OkseNftCursor *cursor, guint from)
{
    guint end = statement_end(cursor);

    json_array_append_new(outline->list, json_pack("{s:o}", "okse-unread", place(outline, cursor, from, end)));
    cursor->at = MAX(end, from + 1);
}

static void skip_statement(OkseNftCursor *cursor)
{
    cursor->at = statement_end(cursor);
}

static void skip_ends(OkseNftCursor *cursor)
{
    while (okse_nft_take(cursor, "\n") || okse_nft_take(cursor, ";"))
        ;
}

static void add_rule(const Outline *outline, const Scope *scope, OkseNftCursor *cursor, guint from, bool first)
{
    OkseNftCursor rule = {cursor->tokens, cursor->at, statement_end(cursor)};
    guint end = rule.end;
    json_t *expressions = okse_nft_rule(&rule);
    json_t *object = json_pack("{s:{s:s,s:s,s:s,s:o,s:o}}", "rule", "family", scope->family, "table", scope->table,
                               "chain", scope->chain, "expr", expressions, "okse", place(outline, cursor, from, end));

    if (first)
        json_array_insert_new(outline->list, 0, object);
    else
        json_array_append_new(outline->list, object);
    cursor->at = end;
}

static bool priority_of(OkseNftCursor *cursor, gint64 *priority)
{
    static const struct {
        const char *name;
        int value;
    } names[] = {{"raw", -300}, {"mangle", -150}, {"dstnat", -100}, {"filter", 0},
                 {"out", 100},  {"security", 50}, {"srcnat", 100}};
    const char *word = okse_nft_next(cursor), *sign;
    gint64 more;

    if (word == NULL)
        return false;
    if (g_ascii_string_to_signed(word, 10, -100000, 100000, priority, NULL))
        return true;
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(names[i].name, word) == 0) {
            *priority = names[i].value;
            sign = okse_nft_peek(cursor);
            if (sign == NULL || (*sign != '+' && *sign != '-'))
                return true;
            cursor->at++;
            word = sign[1] != '\0' ? sign + 1 : okse_nft_next(cursor);
            if (word == NULL || !g_ascii_string_to_signed(word, 10, 0, 100000, &more, NULL))
                return false;
            *priority += *sign == '+' ? more : -more;
            return true;
        }
    return false;
}

/* "type filter hook output priority 0" and the policy behind it. */
static bool chain_head(OkseNftCursor *cursor, json_t *chain)
{
    const char *type = okse_nft_next(cursor), *hook;
    gint64 priority = 0;

    if (type == NULL || !okse_nft_take(cursor, "hook"))
        return false;
    hook = okse_nft_next(cursor);
    if (hook == NULL)
        return false;
    if (okse_nft_take(cursor, "device"))
        okse_nft_next(cursor);
    if (!okse_nft_take(cursor, "priority") || !priority_of(cursor, &priority))
        return false;
    json_object_set_new(chain, "type", json_string(type));
    json_object_set_new(chain, "hook", json_string(hook));
    json_object_set_new(chain, "prio", json_integer(priority));
    return true;
}

static json_t *new_chain(const Outline *outline, const Scope *scope, const OkseNftCursor *cursor, guint from)
{
    json_t *chain = json_pack("{s:s,s:s,s:s}", "family", scope->family, "table", scope->table, "name", scope->chain);

    json_object_set_new(chain, "okse", place(outline, cursor, from, from + 2));
    json_array_append_new(outline->list, json_pack("{s:O}", "chain", chain));
    return chain;
}

/* Behind the "{". */
static void chain_block(const Outline *outline, const Scope *scope, OkseNftCursor *cursor, json_t *chain)
{
    for (skip_ends(cursor); cursor->at < cursor->end && !okse_nft_take(cursor, "}"); skip_ends(cursor)) {
        guint from = cursor->at;

        if (okse_nft_take(cursor, "type")) {
            if (!chain_head(cursor, chain))
                give_up(outline, cursor, from);
        } else if (okse_nft_take(cursor, "policy")) {
            const char *policy = okse_nft_next(cursor);

            json_object_set_new(chain, "policy", json_string(policy != NULL ? policy : "accept"));
        } else if (okse_nft_take(cursor, "comment") || okse_nft_take(cursor, "flags") ||
                   okse_nft_take(cursor, "devices")) {
            skip_statement(cursor);
        } else {
            add_rule(outline, scope, cursor, from, false);
        }
        if (cursor->at == from)
            cursor->at++;
    }
}

/* Behind the "{" of a set or map. */
static void set_block(const Outline *outline, const Scope *scope, OkseNftCursor *cursor)
{
    g_autoptr(json_t) set =
        json_pack("{s:s,s:s,s:s,s:[]}", "family", scope->family, "table", scope->table, "name", scope->chain, "flags");

    for (skip_ends(cursor); cursor->at < cursor->end && !okse_nft_take(cursor, "}"); skip_ends(cursor)) {
        guint from = cursor->at;

        if (okse_nft_take(cursor, "elements")) {
            json_t *elements =
                okse_nft_take(cursor, "=") && okse_nft_take(cursor, "{") ? okse_nft_elements(cursor) : NULL;

            if (elements == NULL)
                give_up(outline, cursor, from);
            else
                json_object_set_new(set, "elem", elements);
        } else if (okse_nft_take(cursor, "flags")) {
            const char *flag = NULL;

            while (!okse_nft_take(cursor, "\n") &&
                   (okse_nft_take(cursor, ",") || (flag = okse_nft_next(cursor)) != NULL))
                if (strcmp(((OkseNftToken *)g_ptr_array_index(cursor->tokens, cursor->at - 1))->text, ",") != 0)
                    json_array_append_new(json_object_get(set, "flags"), json_string(flag));
        } else if (okse_nft_take(cursor, "timeout")) {
            json_object_set_new(set, "timeout", json_integer(1));
            skip_statement(cursor);
        } else {
            skip_statement(cursor); /* type, comment, size, policy, auto-merge: not what is in it */
        }
        if (cursor->at == from)
            cursor->at++;
    }
    json_array_append_new(outline->list, json_pack("{s:O}", "set", set));
}

static void read_statement(Outline *outline, OkseNftCursor *cursor, const Scope *scope);

/* Behind the "{" of a table. */
static void table_block(Outline *outline, OkseNftCursor *cursor, const Scope *table)
{
    for (skip_ends(cursor); cursor->at < cursor->end && !okse_nft_take(cursor, "}"); skip_ends(cursor)) {
        guint from = cursor->at;
        Scope scope = {table->family, table->table, NULL};
        bool chain = okse_nft_take(cursor, "chain"),
             set = !chain && (okse_nft_take(cursor, "set") || okse_nft_take(cursor, "map"));

        scope.chain = chain || set ? okse_nft_next(cursor) : NULL;
        if (scope.chain != NULL && okse_nft_take(cursor, "{")) {
            if (chain) {
                g_autoptr(json_t) made = new_chain(outline, &scope, cursor, from);

                chain_block(outline, &scope, cursor, made);
            } else {
                set_block(outline, &scope, cursor);
            }
        } else if (okse_nft_take(cursor, "comment") || okse_nft_take(cursor, "counter") ||
                   okse_nft_take(cursor, "quota") || okse_nft_take(cursor, "limit") ||
                   okse_nft_take(cursor, "flowtable") || okse_nft_take(cursor, "ct")) {
            skip_statement(cursor); /* named things: where they are used, the rule says so */
        } else {
            cursor->at = from;
            read_statement(outline, cursor, table);
        }
        if (cursor->at == from)
            cursor->at++;
    }
}

static bool is_family(const char *word)
{
    static const char *const families[] = {"ip", "ip6", "inet", "arp", "bridge", "netdev", NULL};

    return word != NULL && g_strv_contains(families, word);
}

/* "[family] table"; the family is ip where it is not said. */
static bool take_table(OkseNftCursor *cursor, Scope *scope)
{
    scope->family = is_family(okse_nft_peek(cursor)) ? okse_nft_next(cursor) : "ip";
    scope->table = okse_nft_next(cursor);
    return scope->table != NULL;
}

static void add_elements(const Outline *outline, OkseNftCursor *cursor, guint from)
{
    Scope scope = {0};
    json_t *elements = NULL, *entry;
    size_t i;

    if (take_table(cursor, &scope) && (scope.chain = okse_nft_next(cursor)) != NULL && okse_nft_take(cursor, "{"))
        elements = okse_nft_elements(cursor);
    json_array_foreach(outline->list, i, entry)
    {
        json_t *set = json_object_get(entry, "set");

        if (elements == NULL || g_strcmp0(okse_json_peek_text(set, "family"), scope.family) != 0 ||
            g_strcmp0(okse_json_peek_text(set, "table"), scope.table) != 0 ||
            g_strcmp0(okse_json_peek_text(set, "name"), scope.chain) != 0)
            continue;
        if (json_object_get(set, "elem") == NULL)
            json_object_set_new(set, "elem", json_array());
        json_array_extend(json_object_get(set, "elem"), elements);
        json_decref(elements);
        return;
    }
    json_decref(elements);
    give_up(outline, cursor, from);
}

/* "add rule inet filter output …", "add chain …", "add element …"; a table's own block too. */
static void add_command(Outline *outline, OkseNftCursor *cursor, guint from, bool first)
{
    Scope scope = {0};

    if (okse_nft_take(cursor, "element")) {
        add_elements(outline, cursor, from);
    } else if (okse_nft_take(cursor, "rule") && take_table(cursor, &scope) &&
               (scope.chain = okse_nft_next(cursor)) != NULL) {
        add_rule(outline, &scope, cursor, from, first);
    } else if (okse_nft_take(cursor, "chain") && take_table(cursor, &scope) &&
               (scope.chain = okse_nft_next(cursor)) != NULL) {
        g_autoptr(json_t) chain = new_chain(outline, &scope, cursor, from);

        if (okse_nft_take(cursor, "{"))
            chain_block(outline, &scope, cursor, chain);
    } else if ((okse_nft_take(cursor, "set") || okse_nft_take(cursor, "map")) && take_table(cursor, &scope) &&
               (scope.chain = okse_nft_next(cursor)) != NULL && okse_nft_take(cursor, "{")) {
        set_block(outline, &scope, cursor);
    } else {
        give_up(outline, cursor, from);
    }
}

static void define(const Outline *outline, OkseNftCursor *cursor, guint from)
{
    const char *name = okse_nft_next(cursor);
    GPtrArray *value;
    guint end;

    if (name == NULL || *name == '\0' || !okse_nft_take(cursor, "=")) {
        give_up(outline, cursor, from);
        return;
    }
    end = statement_end(cursor);
    value = g_ptr_array_new();
    for (; cursor->at < end; cursor->at++)
        g_ptr_array_add(value, g_ptr_array_index(cursor->tokens, cursor->at));
    g_hash_table_replace(outline->defined, g_strdup(name), value);
}

static void read_tokens(Outline *outline, const GPtrArray *tokens, const Scope *scope);

/* What stands behind too many tokens could let anything through, so it is named.
 * NOLINTNEXTLINE(misc-no-recursion): bounded by LIMIT_INCLUDES */
static void read_text(Outline *outline, GBytes *bytes, const Scope *scope)
{
    g_autofree char *text = okse_firewall_text(bytes), *path = okse_text_show(outline->path, -1, false);
    GPtrArray *tokens = okse_nft_tokens(text, strlen(text));
    OkseNftCursor end = {tokens, tokens->len, tokens->len};

    g_ptr_array_add(outline->kept, tokens);
    read_tokens(outline, tokens, scope);
    if (tokens->len >= OKSE_NFT_TOKENS)
        json_array_append_new(outline->list,
                              json_pack("{s:{s:s,s:i,s:s}}", "okse-unread", "path", path, "line",
                                        (int)line_of(&end, end.at - 1), "text", "more words than are read"));
}

static void include(Outline *outline, OkseNftCursor *cursor, const Scope *scope, guint from)
{
    const char *pattern = okse_nft_next(cursor), *path = outline->path;
    g_autoptr(GPtrArray) files =
        pattern == NULL || outline->include == NULL ? NULL : outline->include(outline->context, pattern);

    if (files == NULL || *outline->files + files->len > LIMIT_INCLUDES) {
        cursor->at = from + 1;
        give_up(outline, cursor, from);
        return;
    }
    *outline->files += files->len;
    for (guint i = 0; i < files->len; i++) {
        const OkseFirewallFile *file = g_ptr_array_index(files, i);
        g_autofree char *shown = g_strdup(file->path);

        outline->path = shown;
        read_text(outline, file->bytes, scope);
        outline->path = path;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by LIMIT_INCLUDES; blocks do not nest */
static void read_statement(Outline *outline, OkseNftCursor *cursor, const Scope *scope)
{
    guint from = cursor->at;
    Scope table = {0};

    if (okse_nft_take(cursor, "flush") && okse_nft_take(cursor, "ruleset")) {
        json_array_clear(outline->list);
        skip_statement(cursor);
        return;
    }
    cursor->at = from;
    if (okse_nft_take(cursor, "define") || okse_nft_take(cursor, "redefine")) {
        define(outline, cursor, from);
    } else if (okse_nft_take(cursor, "include")) {
        include(outline, cursor, scope, from);
    } else if (okse_nft_take(cursor, "insert")) {
        add_command(outline, cursor, from, true);
    } else {
        bool adds = okse_nft_take(cursor, "add") || okse_nft_take(cursor, "create");

        if (!okse_nft_take(cursor, "table")) {
            if (adds)
                add_command(outline, cursor, from, false);
            else
                give_up(outline, cursor, from);
        } else if (!take_table(cursor, &table)) {
            give_up(outline, cursor, from);
        } else if (okse_nft_take(cursor, "{")) {
            table_block(outline, cursor, &table);
        }
    }
}

/* A copy with "$name" replaced. */
static GPtrArray *expand(const Outline *outline, const GPtrArray *tokens, guint from, guint to)
{
    GPtrArray *result = g_ptr_array_new();

    for (guint i = from; i < to; i++) {
        OkseNftToken *token = g_ptr_array_index(tokens, i);
        const GPtrArray *value =
            *token->text == '$' && !token->quoted ? g_hash_table_lookup(outline->defined, token->text + 1) : NULL;

        if (value == NULL || *outline->expanded + value->len > LIMIT_EXPANSION) {
            g_ptr_array_add(result, token);
            continue;
        }
        *outline->expanded += value->len;
        for (guint k = 0; k < value->len; k++)
            g_ptr_array_add(result, g_ptr_array_index(value, k));
    }
    return result;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by LIMIT_INCLUDES */
static void read_tokens(Outline *outline, const GPtrArray *tokens, const Scope *scope)
{
    OkseNftCursor all = {tokens, 0, tokens->len};

    for (skip_ends(&all); all.at < all.end; skip_ends(&all)) {
        guint from = all.at, end = MAX(statement_end(&all), from + 1);
        g_autoptr(GPtrArray) expanded = expand(outline, tokens, from, end);
        OkseNftCursor cursor = {expanded, 0, expanded->len};

        if (scope != NULL) /* an included part of a table */
            table_block(outline, &cursor, scope);
        else
            read_statement(outline, &cursor, NULL);
        all.at = end;
    }
}

json_t *okse_nft_text_read(GBytes *text, const char *path, OkseFirewallInclude included, void *context)
{
    g_autoptr(GHashTable) defined =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    unsigned files = 0;
    guint expanded = 0;
    Outline outline = {json_array(), defined, kept, included, context, path, &files, &expanded};

    read_text(&outline, text, NULL);
    return json_pack("{s:o}", "nftables", outline.list);
}
