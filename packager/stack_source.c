/* `source:` of a component. Which further keys there are follows from the form; references that may mean something else
 * tomorrow (a branch, HEAD of somebody else) are answered with what to do instead. */
#include "packager/stack_source.h"

#include "core/digest.h"
#include "core/fd.h"
#include "core/text.h"
#include "packager/remote.h"

#include <string.h>

const char *const okse_source_forms[] = {"path", "archive", "oci", "git", "huggingface", "files", "template", NULL};

void okse_stack_clear_source(OkseStackSource *source)
{
    g_free(source->location);
    g_free(source->reference);
    g_free(source->platform);
    g_free(source->commit);
    g_free(source->tag);
    g_free(source->subdirectory);
    g_strfreev(source->globs);
    json_decref(source->parameters);
}

static OksePlace place_of(const OkseNode *node, const char *key)
{
    const OkseNode *found = okse_node_get(node, key);

    return okse_node_place(found != NULL ? found : node);
}

/* The destination of a copy that the user is told to make: the last element, without tag and digest. */
static char *local_name(const char *reference)
{
    g_autofree char *base = g_path_get_basename(reference);
    size_t length = strcspn(base, ":@");

    return g_strndup(base, length > 0 ? length : strlen(base));
}

/* Only okse fetch reaches these, and what cannot be pinned or checked it does not take. */
static void check_remote(const OkseNode *node, const char *key, const OkseStackSource *source, OkseIssues *issues)
{
    g_autofree char *name = local_name(source->location), *shown = okse_text_show(source->location, -1, false);
    g_auto(OkseImageName) image = {0};
    g_auto(OkseOrigin) origin = {0};
    g_autoptr(GError) cause = NULL;
    OksePlace at = place_of(node, key);

    if (!okse_remote_is(source))
        return;
    if (source->form == OKSE_SOURCE_OCI) {
        if (!okse_image_name_read(source->location, source->reference, &image, &cause))
            okse_issue(issues, &at, "'%s': %s", shown, cause->message);
    } else if (source->form != OKSE_SOURCE_GIT) {
        okse_issue(issues, &at, "'%s' is an address; a build reads local files only", shown);
    } else if (!g_str_has_prefix(source->location, "http")) {
        okse_issue(issues, &at,
                   "'%s': only https is fetched, because nothing else tells who answers without a file of known hosts "
                   "(git clone --mirror %s mirrors/%s, then {git: mirrors/%s, …})",
                   shown, shown, name, name);
    } else if (!okse_origin_read(source->location, &origin, &cause)) {
        okse_issue(issues, &at, "%s", cause->message);
    } else if (strchr(source->location, '?') != NULL) {
        okse_issue(issues, &at, "the address of a repository has no '?'");
    } else if (g_strcmp0(source->commit, "HEAD") == 0) {
        okse_issue(issues, &at,
                   "'%s' is remote, and its HEAD may be another commit tomorrow: name a tag or the commit (git "
                   "ls-remote %s HEAD)",
                   shown, shown);
    }
}

static bool is_commit(const char *text)
{
    return strcmp(text, "HEAD") == 0 || (strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40);
}

static void read_git(OkseMap *map, const OkseNode *node, OkseStackSource *source, OkseIssues *issues)
{
    OksePlace at = okse_node_place(node);
    g_autofree char *shown = NULL;

    source->commit = okse_map_dup_text(map, "commit", OKSE_OPTIONAL);
    source->tag = okse_map_dup_text(map, "tag", OKSE_OPTIONAL);
    source->subdirectory = okse_map_dup_text(map, "subdirectory", OKSE_OPTIONAL);
    okse_map_take_flag(map, "allow_dirty", OKSE_OPTIONAL, &source->allow_dirty);
    okse_map_take_flag(map, "history", OKSE_OPTIONAL, &source->history);
    if ((source->commit == NULL) == (source->tag == NULL))
        okse_issue(issues, &at, "a git source needs either 'commit' or 'tag'");
    if (source->commit != NULL && !is_commit(source->commit)) {
        at = place_of(node, "commit");
        shown = okse_text_show(source->commit, -1, false);
        okse_issue(
            issues, &at,
            "commit '%s' must be 40 lower-case hex digits or HEAD; a branch or a short id may mean something else "
            "tomorrow (git rev-parse %s)",
            shown, shown);
    }
    at = place_of(node, "tag");
    if (source->tag != NULL && !okse_path_check(source->tag, NULL))
        okse_issue(issues, &at, "'tag' is not the name of a tag");
    at = place_of(node, "subdirectory");
    if (source->subdirectory != NULL && !okse_path_check(source->subdirectory, NULL))
        okse_issue(issues, &at, "'subdirectory' must be a path inside the repository, such as src/server");
    at = place_of(node, "allow_dirty");
    if (source->allow_dirty && g_strcmp0(source->commit, "HEAD") != 0)
        okse_issue(issues, &at,
                   "'allow_dirty' goes with 'commit: HEAD' only: the working tree is not looked at otherwise");
}

static void read_oci(OkseMap *map, const OkseNode *node, OkseStackSource *source, OkseIssues *issues)
{
    const char *pin;
    OkseSha256 digest;
    OksePlace at;

    source->reference = okse_map_dup_text(map, "ref", OKSE_OPTIONAL);
    source->platform = okse_map_dup_text(map, "platform", OKSE_OPTIONAL);
    pin = source->reference == NULL ? NULL : strchr(source->reference, '@');
    if (pin == NULL ||
        (pin > source->reference && g_str_has_prefix(pin + 1, "sha256:") && okse_sha256_parse(pin + 1, &digest, NULL)))
        return;
    at = place_of(node, "ref");
    okse_issue(issues, &at, "'ref' with a pinned digest is TAG@sha256: and 64 lower-case hex digits");
}

static void read_files(const OkseNode *list, OkseMap *map, OkseStackSource *source, OkseIssues *issues)
{
    g_autoptr(GStrvBuilder) globs = g_strv_builder_new();
    OksePlace at = okse_node_place(list);

    if (okse_node_kind(list) != OKSE_NODE_LIST || okse_node_count(list) == 0)
        okse_issue(issues, &at, "'files' must be a list of patterns, such as [wheels/*.whl]");
    for (unsigned i = 0; okse_node_kind(list) == OKSE_NODE_LIST && i < okse_node_count(list); i++) {
        const OkseNode *item = okse_node_item(list, i);
        const char *text = okse_node_kind(item) == OKSE_NODE_TEXT ? okse_node_text(item) : NULL;

        at = okse_node_place(item);
        if (text == NULL)
            okse_issue(issues, &at, "a pattern must be a text, not %s", okse_node_kind_name(item));
        else if (!okse_path_check(text, NULL))
            okse_issue(issues, &at, "a pattern is a relative path without '..' and '\\', such as wheels/*.whl");
        else
            g_strv_builder_add(globs, text);
    }
    source->globs = g_strv_builder_end(globs);
    source->location = okse_map_dup_text(map, "in", OKSE_OPTIONAL);
    if (source->location == NULL)
        source->location = g_strdup(".");
}

/* Which of the forms is there; more than one or none is an issue. */
static bool take_form(OkseMap *map, const OkseNode *node, OkseStackSource *source, const OkseNode **value,
                      OkseIssues *issues)
{
    OksePlace at = okse_node_place(node);
    unsigned given = 0;

    for (unsigned i = 0; okse_source_forms[i] != NULL; i++) {
        if (!okse_map_take_node(map, okse_source_forms[i], OKSE_OPTIONAL, value))
            continue;
        given++;
        source->form = (OkseSourceForm)i;
    }
    if (given != 1)
        okse_issue(
            issues, &at,
            "source needs exactly one of 'path', 'archive', 'oci', 'git', 'huggingface', 'files' and 'template'");
    return given == 1;
}

void okse_stack_read_source(const OkseNode *node, OkseStackComponent *component, OkseIssues *issues)
{
    OkseStackSource *source = &component->source;
    OkseMap *map = okse_map_open(node, "source", issues);
    OksePlace at = okse_node_place(node);
    const OkseNode *value = NULL;

    component->line = at.line;
    component->column = at.column;
    if (take_form(map, node, source, &value, issues)) {
        const char *form = okse_source_forms[source->form];

        if (source->form == OKSE_SOURCE_FILES)
            read_files(value, map, source, issues);
        else
            source->location = okse_map_dup_text(map, form, OKSE_OPTIONAL);
        if (source->form == OKSE_SOURCE_GIT)
            read_git(map, node, source, issues);
        if (source->form == OKSE_SOURCE_OCI)
            read_oci(map, node, source, issues);
        if (source->form == OKSE_SOURCE_HUGGINGFACE)
            source->commit = okse_map_dup_text(map, "revision", OKSE_OPTIONAL);
        if (source->form == OKSE_SOURCE_TEMPLATE && okse_map_take_map(map, "parameters", OKSE_OPTIONAL, &value))
            source->parameters = okse_node_to_json(value);
        if (source->location != NULL)
            check_remote(node, form, source, issues);
    }
    okse_map_end(map);
}
