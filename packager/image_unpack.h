#pragma once

#include "packager/readable.h"

/* Unpack a layer of an OCI image above those that were unpacked before, as a container runtime would: files,
 * directories and links, whiteouts obeyed. Nothing is written outside: names that lead out, or through a link, are
 * refused. Owners are left out and devices too: the result is for a trial, not for running a service. Source: OCI
 * image-spec 1.1, layer.md. directory: absolute, without links in it. Errors: INVALID (no tar, a name that leads out),
 * SYSTEM. */
bool okse_image_unpack(const OkseReadable *layer, const char *directory, GError **error);
