/* Which countries a set of addresses lies in: the site's networks, anycast addresses and the tree of the address
 * database are walked once, and only where something is wanted. */
#include "audit/place_atlas.h"

static OkseInterval range_of(const OkseCidr *cidr)
{
    OkseWide low = okse_wide_of(cidr->bytes, cidr->bits / 8);
    unsigned rest = cidr->bits - cidr->prefix;

    return (OkseInterval){low, rest >= 128 ? ~(OkseWide)0 : low | (((OkseWide)1 << rest) - 1)};
}

typedef struct {
    const OkseAtlas *atlas;
    const GArray *wanted;
    OkseAtlasVisitor visit;
    void *context;
    GHashTable *countries; /* offset of an entry → code or "" */
} Tour;

static void visit_pieces(const Tour *tour, OkseInterval range, const char *country)
{
    for (guint i = okse_intervals_from(tour->wanted, range.low); i < tour->wanted->len; i++) {
        OkseInterval one = g_array_index(tour->wanted, OkseInterval, i);

        if (one.low > range.high)
            return;
        tour->visit(tour->context, (OkseInterval){MAX(one.low, range.low), MIN(one.high, range.high)}, country);
    }
}

static const char *entry_country(const Tour *tour, MMDB_entry_s *entry)
{
    gpointer key = GUINT_TO_POINTER(entry->offset);
    char *country = g_hash_table_lookup(tour->countries, key);

    if (country == NULL) {
        country = okse_atlas_geo_country(entry);
        country = country != NULL ? country : g_strdup("");
        g_hash_table_insert(tour->countries, key, country);
    }
    return *country != '\0' ? country : NULL;
}

typedef struct {
    uint64_t record;
    uint8_t type;
    MMDB_entry_s entry;
    OkseWide low;
    unsigned depth; /* bits that are decided */
} Branch;

static bool is_wanted(const Tour *tour, OkseInterval range)
{
    guint at = okse_intervals_from(tour->wanted, range.low);

    return at < tour->wanted->len && g_array_index(tour->wanted, OkseInterval, at).low <= range.high;
}

/* One branch of the tree: its ends are visited, its nodes are opened. */
static void visit_branch(const Tour *tour, Branch branch, GArray *open)
{
    OkseWide rest = branch.depth == 0 ? ~(OkseWide)0 : ((OkseWide)1 << (128 - branch.depth)) - 1;
    OkseInterval range = {branch.low, branch.low | rest};
    bool inner = branch.type == MMDB_RECORD_TYPE_SEARCH_NODE && branch.depth < 128 &&
                 (branch.depth != 96 || branch.low != 0); /* IPv4 hangs at ::/96 and is visited by itself */
    MMDB_search_node_s node;
    Branch left, right;

    if (!is_wanted(tour, range))
        return;
    if (!inner || MMDB_read_node(&tour->atlas->geo, (uint32_t)branch.record, &node) != MMDB_SUCCESS) {
        visit_pieces(tour, range, branch.type == MMDB_RECORD_TYPE_DATA ? entry_country(tour, &branch.entry) : NULL);
        return;
    }
    left = (Branch){node.left_record, node.left_record_type, node.left_record_entry, branch.low, branch.depth + 1};
    right = (Branch){node.right_record, node.right_record_type, node.right_record_entry,
                     branch.low | (OkseWide)1 << (127 - branch.depth), branch.depth + 1};
    g_array_append_val(open, left);
    g_array_append_val(open, right);
}

static void visit_tree(const Tour *tour, Branch root)
{
    g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(Branch));

    g_array_append_val(open, root);
    while (open->len > 0) {
        Branch next = g_array_index(open, Branch, open->len - 1);

        g_array_set_size(open, open->len - 1);
        visit_branch(tour, next, open);
    }
}

/* Where the addresses of IPv4 begin: the root, or 96 times to the left of it. */
static Branch ipv4_root(MMDB_s *geo)
{
    Branch branch = {0, MMDB_RECORD_TYPE_SEARCH_NODE, {0}, 0, 0};
    MMDB_search_node_s node;

    while (geo->metadata.ip_version == 6 && branch.depth < 96 && branch.type == MMDB_RECORD_TYPE_SEARCH_NODE) {
        if (MMDB_read_node(geo, (uint32_t)branch.record, &node) != MMDB_SUCCESS) {
            branch.type = MMDB_RECORD_TYPE_EMPTY;
            break;
        }
        branch = (Branch){node.left_record, node.left_record_type, node.left_record_entry, 0, branch.depth + 1};
    }
    branch.low = OKSE_IPV4_BASE;
    branch.depth = 96;
    return branch;
}

static void visit_database(const Tour *all)
{
    static const Branch root = {.type = MMDB_RECORD_TYPE_SEARCH_NODE};
    g_autoptr(GArray) four = okse_intervals_new(), fours = NULL, six = NULL, sixes = NULL;
    OkseInterval whole = okse_packet_side_whole(OKSE_PACKET_DESTINATION);
    MMDB_s geo = all->atlas->geo; /* the library takes no const */
    Tour tour = *all;

    if (!all->atlas->has_geo) {
        visit_pieces(all, whole, NULL);
        return;
    }
    okse_intervals_add(four, OKSE_IPV4_BASE, OKSE_IPV4_BASE | 0xffffffff);
    six = okse_intervals_complement(four, whole);
    fours = okse_intervals_intersect(all->wanted, four);
    sixes = okse_intervals_intersect(all->wanted, six);
    tour.wanted = fours;
    visit_tree(&tour, ipv4_root(&geo));
    tour.wanted = sixes;
    if (geo.metadata.ip_version == 6)
        visit_tree(&tour, root);
    else
        visit_pieces(&tour, whole, NULL);
}

/* A network of the site without those inside it that say more. */
static void visit_network(const Tour *tour, guint which)
{
    const GPtrArray *networks = tour->atlas->site->networks;
    const OkseSiteNetwork *network = g_ptr_array_index(networks, which);
    g_autoptr(GArray) inner = okse_intervals_new(), outer = NULL;
    OkseInterval range = range_of(&network->cidr);

    for (guint i = 0; i < networks->len; i++) {
        const OkseSiteNetwork *other = g_ptr_array_index(networks, i);

        if (other->cidr.bits == network->cidr.bits && other->cidr.prefix > network->cidr.prefix &&
            okse_cidr_contains(&network->cidr, &other->cidr)) {
            OkseInterval less = range_of(&other->cidr);

            okse_intervals_add(inner, less.low, less.high);
        }
    }
    okse_intervals_tidy(inner);
    outer = okse_intervals_complement(inner, range);
    for (guint i = 0; i < outer->len; i++)
        visit_pieces(tour, g_array_index(outer, OkseInterval, i), network->country);
}

void okse_atlas_ranges(const OkseAtlas *atlas, const GArray *wanted, OkseAtlasVisitor visit, void *context)
{
    g_autoptr(GHashTable) countries = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_autoptr(GArray) said = okse_intervals_new(), left = NULL, unsaid = NULL, rest = NULL;
    const json_t *anycast = json_object_get(atlas->table, "anycast_addresses");
    OkseInterval whole = okse_packet_side_whole(OKSE_PACKET_DESTINATION);
    Tour tour = {atlas, wanted, visit, context, countries};

    for (guint i = 0; atlas->site != NULL && i < atlas->site->networks->len; i++) {
        OkseInterval range = range_of(&((const OkseSiteNetwork *)g_ptr_array_index(atlas->site->networks, i))->cidr);

        visit_network(&tour, i);
        okse_intervals_add(said, range.low, range.high);
    }
    okse_intervals_tidy(said);
    unsaid = okse_intervals_complement(said, whole);
    left = okse_intervals_intersect(wanted, unsaid);
    tour.wanted = left;
    for (size_t i = 0; i < json_array_size(anycast); i++) {
        const char *text = json_string_value(json_array_get(anycast, i));
        OkseWide address;

        if (text == NULL || !okse_wide_parse(text, &address))
            continue;
        visit_pieces(&tour, (OkseInterval){address, address}, NULL);
        okse_intervals_add(said, address, address);
    }
    okse_intervals_tidy(said);
    g_clear_pointer(&unsaid, g_array_unref);
    unsaid = okse_intervals_complement(said, whole);
    rest = okse_intervals_intersect(wanted, unsaid);
    tour.wanted = rest;
    visit_database(&tour);
}
