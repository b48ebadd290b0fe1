#pragma once

#include "cli/options.h"

/* One file per subcommand, one table entry per file. */

/* stack, sources, building */
extern const OkseCommand okse_command_init;
extern const OkseCommand okse_command_build;
extern const OkseCommand okse_command_rebuild;
extern const OkseCommand okse_command_fetch;
/* weights */
extern const OkseCommand okse_command_weights;
/* reading */
extern const OkseCommand okse_command_diff;
extern const OkseCommand okse_command_inspect;
extern const OkseCommand okse_command_passport;
/* serving */
extern const OkseCommand okse_command_serve;
/* shipping */
extern const OkseCommand okse_command_push;
extern const OkseCommand okse_command_pull;
/* transport */
extern const OkseCommand okse_command_thin;
/* parts for media */
extern const OkseCommand okse_command_split;
extern const OkseCommand okse_command_join;
/* statements and trust */
extern const OkseCommand okse_command_verify;
extern const OkseCommand okse_command_sign;
extern const OkseCommand okse_command_key_new;
extern const OkseCommand okse_command_trust_init;
extern const OkseCommand okse_command_trust_show;
/* installing */
extern const OkseCommand okse_command_install;
extern const OkseCommand okse_command_rollback;
extern const OkseCommand okse_command_status;
/* sending back */
extern const OkseCommand okse_command_return;
/* trying */
extern const OkseCommand okse_command_try;
/* facts */
extern const OkseCommand okse_command_collect;
extern const OkseCommand okse_command_evidence_show;
extern const OkseCommand okse_command_evidence_verify;
/* law */
extern const OkseCommand okse_command_audit;
extern const OkseCommand okse_command_policy_list;
extern const OkseCommand okse_command_policy_show;
extern const OkseCommand okse_command_policy_lint;
extern const OkseCommand okse_command_policy_test;
extern const OkseCommand okse_command_policy_matrix;
extern const OkseCommand okse_command_policy_calendar;
extern const OkseCommand okse_command_policy_coverage;
extern const OkseCommand okse_command_policy_explain;
extern const OkseCommand okse_command_policy_export;
extern const OkseCommand okse_command_policy_diff;
extern const OkseCommand okse_command_policy_pack;
/* reports */
extern const OkseCommand okse_command_report;
extern const OkseCommand okse_command_report_diff;
extern const OkseCommand okse_command_report_trend;
extern const OkseCommand okse_command_report_verify;
extern const OkseCommand okse_command_report_repair;
