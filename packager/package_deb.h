#pragma once

#include <gio/gio.h>

/* The licenses that a Debian package's own copyright file names (usr/share/doc/PACKAGE/copyright, DEP-5), each once, in
 * the order of the file and in its words: "Apache-2.0, Expat"; at most 200 bytes, then "…". NULL when there is no such
 * file, it is in another form, or the package cannot be read. deb: of anybody.
 * Source: dep-team.pages.debian.net/deps/dep5. */
char *okse_deb_licenses(GBytes *deb) G_GNUC_WARN_UNUSED_RESULT;
