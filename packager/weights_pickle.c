/* The pickles of a file: where they begin, how many there are, and whether they are some at all. */
#include "packager/weights_machine.h"

#define LEGACY_PICKLES 5u /* magic, version, system, object, keys. Source: torch/serialization.py, _legacy_save */

static void pickle_open(WeightsMachine *pickle, uint64_t offset)
{
    pickle->stack = g_ptr_array_new();
    pickle->marks = g_array_new(FALSE, FALSE, sizeof(guint));
    pickle->memo = g_hash_table_new(g_direct_hash, g_direct_equal);
    pickle->texts = g_string_chunk_new(4096);
    pickle->findings = json_array();
    weights_cursor_open(&pickle->cursor, pickle->file, offset, pickle->file->size);
}

static void pickle_close(WeightsMachine *pickle)
{
    g_ptr_array_unref(pickle->stack);
    g_array_unref(pickle->marks);
    g_hash_table_unref(pickle->memo);
    g_string_chunk_free(pickle->texts);
    json_decref(pickle->findings);
    weights_cursor_clear(&pickle->cursor);
}

/* Whether what was followed is a pickle, rather than other bytes that begin like one: its name or its first bytes
 * promise one, it came to its end, or it would have called something before it broke. */
static bool is_pickle(const WeightsMachine *pickle, bool promised)
{
    return promised || pickle->called || (pickle->stopped && json_array_size(pickle->names) > 0);
}

static bool has_protocol(WeightsScan *scan, const WeightsFile *file, uint64_t offset)
{
    uint8_t start[2];
    GError *error = NULL;

    if (file->size - offset < sizeof start)
        return false;
    if (!file->read(file->context, offset, start, sizeof start, &error)) {
        weights_failed(scan, error);
        return false;
    }
    return start[0] == 0x80 && start[1] <= 5;
}

static void tell(WeightsMachine *pickle, bool named)
{
    bool grave = named || pickle->refused > 0;

    for (size_t i = 0; i < json_array_size(pickle->findings); i++)
        weights_finding_add(pickle->scan, json_incref(json_array_get(pickle->findings, i)));
    if (pickle->why != NULL)
        weights_finding(pickle->scan, pickle->file, grave ? WEIGHTS_CRITICAL : WEIGHTS_WARNING, "pickle.broken",
                        pickle->opcode_at, "cannot be followed as a pickle: it %s", pickle->why);
}

/* Follow the pickle at *at and leave *at behind it. Returns whether it is one; *more: another may follow. */
static bool follow_one(const WeightsMachine *shared, uint64_t *at, bool named, bool *magic, bool *more)
{
    WeightsMachine pickle = *shared;
    bool marked = has_protocol(shared->scan, shared->file, *at), found;

    pickle_open(&pickle, *at);
    weights_machine_run(&pickle);
    found = pickle.cursor.error == NULL && is_pickle(&pickle, named || marked);
    if (found)
        tell(&pickle, named);
    *magic = *magic || pickle.is_magic;
    *more = pickle.stopped && pickle.cursor.error == NULL;
    *at = pickle.cursor.at;
    weights_failed(shared->scan, g_steal_pointer(&pickle.cursor.error));
    pickle_close(&pickle);
    return found;
}

/* How many pickles lie in a file, one behind the other. Behind the five of torch.save's old form lie bare tensors,
 * which are not unpickled. */
static unsigned follow_all(const WeightsMachine *shared, uint64_t offset, bool named)
{
    uint64_t at = offset;
    bool magic = false, more = true;
    unsigned count = 0;

    while (more && at < shared->file->size && !(magic && count >= LEGACY_PICKLES)) {
        if (!follow_one(shared, &at, count == 0 ? named : magic, &magic, &more) && !more)
            break;
        count++;
    }
    return count;
}

bool weights_pickle(WeightsScan *scan, const WeightsFile *file, json_t *row, uint64_t offset, bool named)
{
    g_autoptr(GHashTable) imports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    WeightsMachine shared = {.scan = scan, .file = file, .imports = imports, .names = json_array()};
    unsigned count = offset < file->size ? follow_all(&shared, offset, named) : 0;
    bool found = count > 0 && (json_array_size(shared.names) > 0 || named || has_protocol(scan, file, offset));

    if (found) {
        json_object_set(row, "imports", shared.names);
        json_object_set_new(row, "pickles", json_integer((json_int_t)count));
    }
    json_decref(shared.names);
    return found;
}
