#pragma once

/* The lowest version that a setting of a program lets in, as a text that compares as versions do: "1.2", and "0.2" and
 * "0.3" for SSL 2 and 3. what: "minimum" (one version) or "protocols" (a list as of nginx, Apache, Postfix, MariaDB:
 * "all -TLSv1", "!SSLv3", ">=TLSv1.2", "tls1.2"). NULL when it says nothing or something that is not known. */
const char *okse_tls_minimum(const char *what, const char *value);
