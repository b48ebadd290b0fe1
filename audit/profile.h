#pragma once

#include "audit/law.h"

/* Tailoring: what a site or a sector asks beyond the law (okse: profile/v1). A profile adds controls to provisions of
 * law, adds provisions of its own, and tightens parameters; it cannot loosen. Format: docs/profiles.md. */
typedef struct OkseProfile OkseProfile;

/* Read the file strictly, by itself. Objections go to `issues`. NULL when it is none at all; otherwise what was
 * understood, which must not be used unless there are no issues. */
OkseProfile *okse_profile_read(GBytes *yaml, const char *origin, OkseIssues *issues) G_GNUC_WARN_UNUSED_RESULT;
void okse_profile_free(OkseProfile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseProfile, okse_profile_free)

/* Check every row against the law that the profile is for, whether or not this audit asks it, and change `law`: it must
 * have been loaded from `resources`. Several profiles are applied one after the other; of two values for one parameter
 * the stricter counts. What is stricter say the rules of okse policy diff. law: NULL only checks; otherwise the profile
 * is used up.
 * Errors: INVALID with every place: a provision, control or parameter that does not exist, a value that is looser than
 * the law's or of which that cannot be told, a name that is taken, a profile for other countries than are asked. */
bool okse_profile_apply(OkseProfile *profile, const OkseResources *resources, OkseLaw *law, GError **error);

/* Read a file's bytes and apply it. Errors: as both. */
bool okse_profile_use(GBytes *yaml, const char *origin, const OkseResources *resources, OkseLaw *law, GError **error);

/* Read and apply the files that the user named, in this order; NULL: none. law: as above. Errors: as both, and those of
 * reading them. */
bool okse_profiles_use(char **paths, const OkseResources *resources, OkseLaw *law, GError **error);
