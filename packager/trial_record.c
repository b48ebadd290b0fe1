#include "packager/trial_record.h"

#include "core/text.h"

#include <sys/socket.h>

typedef struct {
    json_t *value;
    uint64_t count, first;
} Attempt;

struct OkseTrialRecord {
    GPtrArray *attempts; /* Attempt, in order */
    GHashTable *known;   /* text of the value → Attempt, borrowed */
    bool incomplete;
};

static void attempt_free(void *data)
{
    Attempt *attempt = data;

    json_decref(attempt->value);
    g_free(attempt);
}

OkseTrialRecord *okse_trial_record_new(void)
{
    OkseTrialRecord *record = g_new0(OkseTrialRecord, 1);

    record->attempts = g_ptr_array_new_with_free_func(attempt_free);
    record->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return record;
}

void okse_trial_record_free(OkseTrialRecord *record)
{
    if (record == NULL)
        return;
    g_hash_table_unref(record->known);
    g_ptr_array_unref(record->attempts);
    g_free(record);
}

/* Takes value. */
static void add(OkseTrialRecord *record, json_t *value, const char *process, uint64_t milliseconds)
{
    g_autofree char *shown = process == NULL ? NULL : okse_text_show(process, -1, false);
    g_autoptr(GBytes) text = NULL;
    g_autofree char *key = NULL;
    Attempt *attempt;

    if (shown != NULL)
        json_object_set_new(value, "process", json_string(shown));
    text = okse_json_write(value);
    key = okse_text_of_bytes(text);
    attempt = g_hash_table_lookup(record->known, key);
    if (attempt == NULL && record->attempts->len >= OKSE_TRIAL_ATTEMPTS_MOST) {
        record->incomplete = true;
        json_decref(value);
        return;
    }
    if (attempt != NULL) {
        attempt->count++;
        json_decref(value);
        return;
    }
    attempt = g_new0(Attempt, 1);
    *attempt = (Attempt){.value = value, .count = 1, .first = milliseconds};
    g_ptr_array_add(record->attempts, attempt);
    g_hash_table_insert(record->known, g_steal_pointer(&key), attempt);
}

void okse_trial_record_lookup(OkseTrialRecord *record, const OkseTrialQuestion *question, const char *process,
                              uint64_t milliseconds)
{
    const char *type = okse_trial_type_name(question->type);
    g_autofree char *number = g_strdup_printf("TYPE%u", question->type); /* RFC 3597, 5 */

    add(record,
        json_pack("{s:s, s:s, s:s}", "kind", "lookup", "name", question->name, "type", type != NULL ? type : number),
        process, milliseconds);
}

static const char *protocol_name(int type)
{
    switch (type) {
    case SOCK_STREAM:
        return "tcp";
    case SOCK_DGRAM:
        return "udp";
    case SOCK_RAW:
        return "raw";
    default:
        return "other";
    }
}

void okse_trial_record_connect(OkseTrialRecord *record, const OkseTrialAddress *address, int type, const char *process,
                               uint64_t milliseconds)
{
    add(record,
        json_pack("{s:s, s:s, s:i, s:s}", "kind", "connect", "address", address->address, "port", (int)address->port,
                  "protocol", protocol_name(type)),
        process, milliseconds);
}

void okse_trial_record_unreadable(OkseTrialRecord *record)
{
    record->incomplete = true;
}

unsigned okse_trial_record_count(const OkseTrialRecord *record)
{
    return record->attempts->len;
}

bool okse_trial_record_complete(const OkseTrialRecord *record)
{
    return !record->incomplete;
}

json_t *okse_trial_record_json(const OkseTrialRecord *record)
{
    json_t *attempts = json_array();

    for (guint i = 0; i < record->attempts->len; i++) {
        const Attempt *attempt = g_ptr_array_index(record->attempts, i);
        json_t *value = json_copy(attempt->value);

        json_object_set_new(value, "count", json_integer((json_int_t)attempt->count));
        json_object_set_new(value, "first_ms", json_integer((json_int_t)attempt->first));
        json_array_append_new(attempts, value);
    }
    return attempts;
}
