/* One rule in the language of nft(8), as the JSON that libnftables would give for it. A part that is not known makes
 * the rule's condition unknown; the verdict at its end is still read. */
#include "audit/firewall_text.h"

#include "audit/firewall.h"

#include <string.h>

#define LIMIT_NESTING 8u

static bool is_number(const char *text)
{
    return *text != '\0' && strspn(text, "0123456789") == strlen(text) && strlen(text) < 12;
}

static json_t *prefix_of_word(const char *word)
{
    const char *slash = strchr(word, '/');
    g_autofree char *address = slash == NULL ? NULL : g_strndup(word, (gsize)(slash - word));

    if (slash == NULL || !is_number(slash + 1))
        return NULL;
    return json_pack("{s:{s:s,s:i}}", "prefix", "addr", address, "len", (int)g_ascii_strtoll(slash + 1, NULL, 10));
}

/* A prefix, a number or a name; so is each end of a range. */
static json_t *plain_value(const char *word)
{
    json_t *value = prefix_of_word(word);

    if (value == NULL && is_number(word))
        value = json_integer(g_ascii_strtoll(word, NULL, 10));
    return value != NULL ? value : json_string(word);
}

/* "10.0.0.1-10.0.0.9", "80-90": not "echo-request". */
static json_t *range_of_word(const char *word)
{
    const char *dash = strchr(word, '-');
    g_autofree char *low = dash == NULL ? NULL : g_strndup(word, (gsize)(dash - word));

    if (dash == NULL || *low == '\0' || (!g_ascii_isdigit(*low) && strchr(low, ':') == NULL))
        return NULL;
    return json_pack("{s:[o,o]}", "range", plain_value(low), plain_value(dash + 1));
}

static json_t *value_of_word(const char *word, bool quoted)
{
    json_t *range = quoted ? NULL : range_of_word(word);

    if (range != NULL)
        return range;
    return quoted ? json_string(word) : plain_value(word);
}

static json_t *one_value(OkseNftCursor *cursor)
{
    const OkseNftToken *token = cursor->at < cursor->end ? g_ptr_array_index(cursor->tokens, cursor->at) : NULL;

    if (token == NULL || (!token->quoted && strpbrk(token->text, "{}();,|=<>!&\n") != NULL))
        return NULL;
    cursor->at++;
    return value_of_word(token->text, token->quoted);
}

/* "(fin | syn)" or "fin|syn" or "a . b" or a plain value. */
static json_t *joined_value(OkseNftCursor *cursor)
{
    bool bracket = okse_nft_take(cursor, "(");
    g_autoptr(json_t) first = one_value(cursor), list = NULL;
    const char *glue = okse_nft_peek(cursor);
    g_autofree char *sign = g_strdup(glue);

    if (first == NULL)
        return NULL;
    if (sign != NULL && (strcmp(sign, "|") == 0 || strcmp(sign, ".") == 0)) {
        list = json_array();
        json_array_append(list, first);
        while (okse_nft_take(cursor, sign)) {
            json_t *more = one_value(cursor);

            if (more == NULL)
                return NULL;
            json_array_append_new(list, more);
        }
    }
    if (bracket && !okse_nft_take(cursor, ")"))
        return NULL;
    if (list == NULL)
        return g_steal_pointer(&first);
    return json_pack("{s:O}", *sign == '.' ? "concat" : "|", list);
}

static void skip_lines(OkseNftCursor *cursor)
{
    while (okse_nft_take(cursor, "\n"))
        ;
}

static json_t *verdict(OkseNftCursor *cursor)
{
    static const char *const plain[] = {"accept", "drop", "continue", "return", NULL};
    const char *word = okse_nft_peek(cursor);

    if (word == NULL)
        return NULL;
    if (g_strv_contains(plain, word)) {
        cursor->at++;
        return json_pack("{s:n}", word);
    }
    if (strcmp(word, "jump") == 0 || strcmp(word, "goto") == 0) {
        const char *target;

        cursor->at++;
        target = okse_nft_next(cursor);
        return target == NULL ? NULL : json_pack("{s:{s:s}}", word, "target", target);
    }
    return NULL;
}

/* What follows the value of an element: only what keeps it as it is. */
static bool element_options(OkseNftCursor *cursor, bool *lasts)
{
    *lasts = true;
    while (true) {
        if (okse_nft_take(cursor, "comment")) {
            okse_nft_next(cursor);
        } else if (okse_nft_take(cursor, "timeout") || okse_nft_take(cursor, "expires")) {
            okse_nft_next(cursor);
            *lasts = false;
        } else if (okse_nft_take(cursor, "counter")) {
            for (unsigned i = 0; i < 2 && (okse_nft_take(cursor, "packets") || okse_nft_take(cursor, "bytes")); i++)
                okse_nft_next(cursor);
        } else {
            return true;
        }
    }
}

static json_t *element(OkseNftCursor *cursor)
{
    g_autoptr(json_t) value = joined_value(cursor);
    bool lasts;

    if (value == NULL || !element_options(cursor, &lasts))
        return NULL;
    skip_lines(cursor);
    if (!lasts) {
        json_t *inner = json_pack("{s:{s:O,s:i}}", "elem", "val", value, "timeout", 1);

        json_decref(value);
        value = inner;
    }
    if (okse_nft_take(cursor, ":")) {
        json_t *to;

        skip_lines(cursor);
        to = verdict(cursor);
        if (to == NULL)
            to = joined_value(cursor);
        return to == NULL ? NULL : json_pack("[O,o]", value, to);
    }
    return g_steal_pointer(&value);
}

json_t *okse_nft_elements(OkseNftCursor *cursor)
{
    g_autoptr(json_t) list = json_array();

    skip_lines(cursor);
    while (!okse_nft_take(cursor, "}")) {
        json_t *one = element(cursor);

        if (one == NULL)
            return NULL;
        json_array_append_new(list, one);
        skip_lines(cursor);
        if (okse_nft_take(cursor, ","))
            skip_lines(cursor);
        else if (g_strcmp0(okse_nft_peek(cursor), "}") != 0)
            return NULL;
    }
    return g_steal_pointer(&list);
}

/* The right side: a set, a list ("established,related"), or a value. */
static json_t *right_side(OkseNftCursor *cursor)
{
    g_autoptr(json_t) first = NULL, list = NULL;

    if (okse_nft_take(cursor, "{")) {
        json_t *elements = okse_nft_elements(cursor);

        return elements == NULL ? NULL : json_pack("{s:o}", "set", elements);
    }
    first = joined_value(cursor);
    if (first == NULL || g_strcmp0(okse_nft_peek(cursor), ",") != 0)
        return g_steal_pointer(&first);
    list = json_array();
    json_array_append(list, first);
    while (okse_nft_take(cursor, ",")) {
        json_t *more;

        skip_lines(cursor);
        more = joined_value(cursor);
        if (more == NULL)
            return NULL;
        json_array_append_new(list, more);
    }
    return g_steal_pointer(&list);
}

/* One selector: "ip daddr", "meta l4proto", "oifname", "ct state", "fib daddr type". */
static json_t *one_selector(OkseNftCursor *cursor)
{
    static const char *const protocols[] = {"ip",   "ip6",     "tcp",  "udp",    "th",    "sctp",
                                            "dccp", "udplite", "icmp", "icmpv6", "ether", NULL};
    static const char *const metas[] = {"oif",  "oifname", "iif",      "iifname",  "skuid",   "skgid",
                                        "mark", "cgroup",  "iifgroup", "oifgroup", "pkttype", NULL};
    const char *word = okse_nft_peek(cursor);

    if (word == NULL)
        return NULL;
    if (g_strv_contains(metas, word)) {
        cursor->at++;
        return json_pack("{s:{s:s}}", "meta", "key", word);
    }
    if (okse_nft_take(cursor, "fib")) {
        if (!okse_nft_take(cursor, "daddr") || !okse_nft_take(cursor, "type"))
            return NULL;
        return json_pack("{s:{s:s,s:[s]}}", "fib", "result", "type", "flags", "daddr");
    }
    if (g_strv_contains(protocols, word) || strcmp(word, "meta") == 0 || strcmp(word, "ct") == 0) {
        const char *field;

        cursor->at++;
        field = okse_nft_next(cursor);
        if (field == NULL)
            return NULL;
        if (!g_strv_contains(protocols, word))
            return json_pack("{s:{s:s}}", word, "key", field);
        return json_pack("{s:{s:s,s:s}}", "payload", "protocol", word, "field", field);
    }
    return NULL;
}

static json_t *selector(OkseNftCursor *cursor)
{
    g_autoptr(json_t) first = one_selector(cursor), list = NULL;

    if (first == NULL || g_strcmp0(okse_nft_peek(cursor), ".") != 0)
        return g_steal_pointer(&first);
    list = json_array();
    json_array_append(list, first);
    while (okse_nft_take(cursor, ".")) {
        json_t *more = one_selector(cursor);

        if (more == NULL)
            return NULL;
        json_array_append_new(list, more);
    }
    return json_pack("{s:O}", "concat", list);
}

static json_t *masked(OkseNftCursor *cursor, json_t *left)
{
    json_t *mask = right_side(cursor);

    return mask == NULL ? NULL : json_pack("{s:[O,o]}", "&", left, mask);
}

static json_t *match(const json_t *left, const char *operation, json_t *right)
{
    return right == NULL ? NULL
                         : json_pack("{s:{s:s,s:O,s:o}}", "match", "op", operation, "left", (json_t *)(uintptr_t)left,
                                     "right", right);
}

/* "tcp flags syn / syn,ack": the value, then the mask. */
static json_t *match_flags(OkseNftCursor *cursor, json_t *left, const char *operation, json_t *right)
{
    g_autoptr(json_t) value = right, both = masked(cursor, left);

    return both == NULL ? NULL : match(both, operation, json_incref(value));
}

static json_t *comparison(OkseNftCursor *cursor)
{
    static const char *const operations[] = {"==", "!=", "<", ">", "<=", ">=", NULL};
    g_autoptr(json_t) left = selector(cursor), both = NULL;
    const char *operation = "==";
    bool listed;
    json_t *right;

    if (left == NULL)
        return NULL;
    if (okse_nft_take(cursor, "vmap")) {
        right = right_side(cursor);
        return right == NULL ? NULL : json_pack("{s:{s:O,s:o}}", "vmap", "key", left, "data", right);
    }
    if (okse_nft_take(cursor, "set")) {
        right = right_side(cursor);
        return right == NULL ? NULL : json_pack("{s:{s:O,s:o}}", "mangle", "key", left, "value", right);
    }
    if (okse_nft_take(cursor, "&") || okse_nft_take(cursor, "and")) {
        both = masked(cursor, left);
        if (both == NULL)
            return NULL;
        json_decref(left);
        left = g_steal_pointer(&both);
    }
    for (unsigned i = 0; operations[i] != NULL; i++)
        if (okse_nft_take(cursor, operations[i])) {
            operation = operations[i];
            break;
        }
    right = right_side(cursor);
    if (right != NULL && okse_nft_take(cursor, "/"))
        return match_flags(cursor, left, operation, right);
    listed = json_is_array(right) && strcmp(operation, "==") == 0;
    return match(left, listed ? "in" : operation, right);
}

/* Take words while they are numbers, quoted, or of the list. */
static void skip_options(OkseNftCursor *cursor, const char *const *words)
{
    while (cursor->at < cursor->end) {
        const OkseNftToken *token = g_ptr_array_index(cursor->tokens, cursor->at);

        if (!token->quoted && !g_strv_contains(words, token->text) && !g_ascii_isdigit(*token->text))
            return;
        cursor->at++;
    }
}

static json_t *translation(OkseNftCursor *cursor, const char *word)
{
    g_autoptr(json_t) address = NULL;

    if (strcmp(word, "dnat") == 0) {
        if (!okse_nft_take(cursor, "ip"))
            okse_nft_take(cursor, "ip6");
        if (okse_nft_take(cursor, "to")) {
            const char *text = okse_nft_peek(cursor), *end = text == NULL ? NULL : strrchr(text, ':');
            bool bracket = text != NULL && *text == '[';

            if (bracket)
                address = json_stringn(text + 1, strcspn(text + 1, "]"));
            else if (end != NULL && strchr(text, ':') == end)
                address = json_stringn(text, (size_t)(end - text));
            else if (text != NULL)
                address = json_string(text);
        }
    }
    cursor->at = cursor->end; /* the rest is where to, and how */
    return address == NULL ? json_pack("{s:n}", word) : json_pack("{s:{s:O}}", word, "addr", address);
}

/* Statements that neither match nor end the rule, and what they may be followed by. */
static json_t *aside(OkseNftCursor *cursor)
{
    static const char *const counter[] = {"packets", "bytes", "name", NULL};
    static const char *const log[] = {"prefix", "level", "group", "snaplen",  "queue-threshold", "flags", "all",
                                      "skuid",  "tcp",   "ip",    "sequence", "options",         "ether", "emerg",
                                      "alert",  "crit",  "err",   "warn",     "notice",          "info",  "debug",
                                      "audit",  ",",     NULL};
    static const char *const limit[] = {"rate",    "over",    "burst",  "packets", "bytes", "kbytes", "mbytes", "name",
                                        "/",       "second",  "minute", "hour",    "day",   "week",   "until",  "used",
                                        "/second", "/minute", "/hour",  "/day",    "/week", NULL};
    static const char *const none[] = {NULL};
    static const struct {
        const char *word;
        const char *const *options;
    } statements[] = {{"counter", counter}, {"log", log},      {"limit", limit}, {"quota", limit},
                      {"comment", none},    {"notrack", none}, {"last", none}};

    for (unsigned i = 0; i < G_N_ELEMENTS(statements); i++)
        if (okse_nft_take(cursor, statements[i].word)) {
            skip_options(cursor, statements[i].options);
            return json_pack("{s:n}", statements[i].word);
        }
    return NULL;
}

static json_t *ending(OkseNftCursor *cursor)
{
    static const char *const translations[] = {"dnat",   "snat",  "masquerade", "redirect",
                                               "reject", "queue", "dup",        NULL};
    json_t *found = verdict(cursor);
    const char *word = okse_nft_peek(cursor);

    if (found != NULL || word == NULL || !g_strv_contains(translations, word))
        return found;
    cursor->at++;
    return translation(cursor, word);
}

/* Go to the verdict with which the rule ends, if it does; what is passed over is unknown. */
static json_t *unread(OkseNftCursor *cursor)
{
    static const char *const ends[] = {"accept", "drop", "return", "continue", "jump", "goto", "reject", NULL};

    for (guint at = cursor->at + 1; at < cursor->end; at++) {
        const OkseNftToken *token = g_ptr_array_index(cursor->tokens, at);

        if (token->quoted || !g_strv_contains(ends, token->text))
            continue;
        cursor->at = at;
        return json_pack("{s:{s:s,s:{s:n},s:i}}", "match", "op", "==", "left", "okse-unread", "right", 0);
    }
    cursor->at = cursor->end;
    return json_pack("{s:n}", "okse-unread");
}

json_t *okse_nft_rule(OkseNftCursor *cursor)
{
    json_t *list = json_array();

    while (cursor->at < cursor->end) {
        OkseNftCursor tried = *cursor;
        json_t *statement = ending(&tried);

        if (statement == NULL) {
            tried = *cursor;
            statement = aside(&tried);
        }
        if (statement == NULL) {
            tried = *cursor;
            statement = comparison(&tried);
        }
        if (statement == NULL) {
            tried = *cursor;
            statement = unread(&tried);
        }
        *cursor = tried;
        json_array_append_new(list, statement);
    }
    return list;
}

json_t *okse_nft_rule_read(const char *text)
{
    g_autoptr(GPtrArray) tokens = okse_nft_tokens(text, strlen(text));
    OkseNftCursor cursor = {tokens, 0, tokens->len};

    return okse_nft_rule(&cursor);
}
