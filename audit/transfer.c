/* The rows of a jurisdiction's cross-border matrix. A country that nobody decided about has no row: an empty list of
 * countries would read as "nowhere". */
#include "audit/transfer.h"

#include "audit/law_read.h"

#include <string.h>

const char *const okse_transfer_modes[OKSE_TRANSFER_MODES + 1] = {
    "prohibited", "authority-decision", "filed-assessment", "declared-ground", "free-unless-restricted", "free", NULL};

void okse_transfer_free(gpointer data)
{
    OkseTransfer *transfer = data;

    g_free(transfer->provision);
    g_ptr_array_unref(transfer->data);
    g_ptr_array_unref(transfer->sectors);
    if (transfer->to != NULL)
        g_ptr_array_unref(transfer->to);
    json_decref(transfer->recipients);
    json_decref(transfer->mechanisms);
    g_free(transfer->confidence);
    g_free(transfer);
}

static bool has_word(const GPtrArray *words, const char *word)
{
    for (guint i = 0; words != NULL && i < words->len; i++)
        if (strcmp(g_ptr_array_index(words, i), word) == 0)
            return true;
    return false;
}

static void read_to(OkseTransfer *transfer, OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *node = NULL;

    if (!okse_map_take_node(map, "to", OKSE_OPTIONAL, &node))
        return;
    transfer->to = okse_law_take_words(map, "to", OKSE_REQUIRED, origin, issues);
    if (transfer->to->len == 0)
        okse_issue(issues, &transfer->place, "to: no country (leave the row out when there is no list)");
    for (guint i = 0; i < transfer->to->len; i++)
        if (!okse_law_is_country(g_ptr_array_index(transfer->to, i)))
            okse_issue(issues, &transfer->place, "to: '%s' is no country code (ISO 3166-1 alpha-2)",
                       (const char *)g_ptr_array_index(transfer->to, i));
}

static void read_recipients(OkseTransfer *transfer, OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *node = NULL;
    OkseMap *recipients;

    if (!okse_map_take_map(map, "recipients", OKSE_OPTIONAL, &node))
        return;
    transfer->recipients = json_object();
    recipients = okse_map_open(node, "recipients", issues);
    for (unsigned i = 0; i < okse_node_count(node); i++) {
        const char *country = okse_node_key(node, i);
        json_t *texts = okse_law_take_texts(recipients, country, OKSE_REQUIRED, origin, issues);

        if (!has_word(transfer->to, country))
            okse_issue(issues, &transfer->place, "recipients: '%s' is not among 'to'", country);
        if (texts != NULL)
            json_object_set_new(transfer->recipients, country, texts);
    }
    okse_map_end(recipients);
}

static void read_mechanism(OkseTransfer *transfer, const OkseNode *node, const char *origin, OkseIssues *issues)
{
    OkseMap *map = okse_map_open(node, "a mechanism", issues);
    json_t *name = okse_law_take_texts(map, "name", OKSE_REQUIRED, origin, issues);
    const char *basis = NULL;

    okse_map_take_text(map, "basis", OKSE_REQUIRED, &basis);
    okse_map_end(map);
    json_array_append_new(transfer->mechanisms, json_pack("{s:o*, s:s*}", "name", name, "basis", basis));
}

static GPtrArray *everybody(void)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(all, g_strdup("all"));
    return all;
}

static void read_scope(OkseTransfer *transfer, OkseMap *map, const char *origin, OkseIssues *issues)
{
    const OkseNode *sectors = NULL;

    transfer->data = okse_law_take_words(map, "data", OKSE_REQUIRED, origin, issues);
    transfer->sectors = okse_map_take_node(map, "sectors", OKSE_OPTIONAL, &sectors)
                            ? okse_law_take_words(map, "sectors", OKSE_REQUIRED, origin, issues)
                            : everybody();
    if (transfer->data->len == 0 || transfer->sectors->len == 0)
        okse_issue(issues, &transfer->place, "a transfer of no data class or no sector (use 'all')");
}

static void read_transfer(OkseJurisdiction *jurisdiction, const OkseNode *node, OkseIssues *issues)
{
    OkseTransfer *transfer = g_new0(OkseTransfer, 1);
    const char *origin = jurisdiction->origin, *provision = "";
    OkseMap *map = okse_map_open(node, "a transfer", issues);
    const OkseNode *mechanisms = NULL;

    transfer->place = okse_law_place(okse_node_place(node), origin);
    transfer->mechanisms = json_array();
    okse_map_take_text(map, "provision", OKSE_REQUIRED, &provision);
    transfer->provision = g_strdup(provision);
    read_scope(transfer, map, origin, issues);
    read_to(transfer, map, origin, issues);
    read_recipients(transfer, map, origin, issues);
    g_autofree char *mode = okse_law_take_word(map, "mode", okse_transfer_modes, &transfer->place, issues);
    transfer->mode = (OkseTransferMode)MAX(okse_law_word(mode, okse_transfer_modes), 0);
    if (okse_map_take_list(map, "mechanisms", OKSE_OPTIONAL, &mechanisms))
        for (unsigned i = 0; i < okse_node_count(mechanisms); i++)
            read_mechanism(transfer, okse_node_item(mechanisms, i), origin, issues);
    transfer->confidence = okse_law_take_word(map, "confidence", okse_law_confidences, &transfer->place, issues);
    okse_map_end(map);
    if (*provision != '\0' && okse_jurisdiction_provision(jurisdiction, provision) == NULL)
        okse_issue(issues, &transfer->place, "transfers: no provision '%s'", provision);
    g_ptr_array_add(jurisdiction->transfers, transfer);
}

void okse_transfers_read(OkseJurisdiction *jurisdiction, const OkseNode *list, OkseIssues *issues)
{
    for (unsigned i = 0; i < okse_node_count(list); i++)
        read_transfer(jurisdiction, okse_node_item(list, i), issues);
}
