/* Documents of strangers: whatever stands there is accepted or told with its place, and a draft of every type is told
 * blank or accepted. */
#include "audit/papers.h"
#include "core/json.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static OksePapers *papers;
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(OkseYaml) yaml = okse_yaml_read(bytes, "paper.yaml", NULL);
    g_autoptr(OkseIssues) issues = okse_issues_new();

    if (papers == NULL) {
        g_autoptr(OkseResources) resources = okse_resources_open(NULL, NULL);

        papers = okse_papers_read(resources, NULL);
        g_assert(papers != NULL);
    }
    if (yaml == NULL)
        return 0;
    okse_papers_check(papers, okse_yaml_root(yaml), issues);
    for (unsigned i = 0; i < okse_issues_count(issues); i++)
        g_assert(g_str_has_prefix(okse_issues_get(issues, i), "paper.yaml:"));
    return 0;
}
