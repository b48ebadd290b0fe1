#pragma once

#include "audit/report_html.h"

/* The renderers behind okse_report_render(); findings are checked, language is known. */
GBytes *okse_report_text(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_report_text_coloured(const json_t *findings, const char *language, const OkseResources *resources,
                                  GError **error);
GBytes *okse_report_markdown(const json_t *findings, const char *language, const OkseResources *resources,
                             GError **error);
GBytes *okse_report_csv(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_report_junit(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_report_xccdf(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_report_sarif(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_report_sarif_full(const json_t *findings, const char *language, const OkseResources *resources,
                               GError **error);
/* older: a checked document that the results are compared with, or NULL. */
GBytes *okse_report_sarif_against(const json_t *findings, const json_t *older, bool all);
GBytes *okse_report_oscal(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_report_prometheus(const json_t *findings, const char *language, const OkseResources *resources,
                               GError **error);
GBytes *okse_report_checklist(const json_t *findings, const char *language, const OkseResources *resources,
                              GError **error);
GBytes *okse_report_poam(const json_t *findings, const char *language, const OkseResources *resources, GError **error);
GBytes *okse_report_in_toto(const json_t *findings, const char *language, const OkseResources *resources,
                            GError **error);
