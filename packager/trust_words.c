/* A trust policy in sentences, and one to start from. */
#include "packager/trust.h"

#include "core/text.h"

static void signer_describe(GString *text, const OkseSigner *signer)
{
    char hex[OKSE_SHA256_HEX];

    g_string_append_printf(text, "    - %s", signer->label);
    if (signer->key != NULL)
        g_string_append_printf(text, " (%s key %s)", okse_key_algorithm(signer->key),
                               okse_sha256_hex(okse_key_id(signer->key), hex));
    if (signer->holder != NULL)
        g_string_append_printf(text, ", held by %s", signer->holder);
    g_string_append_c(text, '\n');
}

static void certificates_describe(GString *text, const char *what, const OkseCertificates *list)
{
    for (unsigned i = 0; i < okse_certificates_count(list); i++) {
        const X509 *certificate = okse_certificates_get(list, i);
        g_autofree char *subject = okse_certificate_subject(certificate);
        gint64 from, until;
        g_autofree char *end = NULL;

        okse_certificate_validity(certificate, &from, &until);
        end = okse_text_time(until);
        g_string_append_printf(text, "%s: %s (until %s)\n", what, subject, end);
    }
}

static void roles_describe(GString *text, const OkseTrust *trust)
{
    g_string_append_printf(text, "A bundle is accepted when %s:\n",
                           trust->roles->len == 1 ? "this role has signed" : "each of these roles has signed");
    for (guint i = 0; i < trust->roles->len; i++) {
        const OkseRole *role = g_ptr_array_index(trust->roles, i);

        g_string_append_printf(text, "  %s: at least %u of\n", role->name, role->threshold);
        for (guint j = 0; j < role->signers->len; j++)
            signer_describe(text, g_ptr_array_index(role->signers, j));
    }
    if (trust->provenance != NULL) {
        g_string_append_printf(text, "What it was built from must be said by at least %u of\n",
                               trust->provenance->threshold);
        for (guint i = 0; i < trust->provenance->signers->len; i++)
            signer_describe(text, g_ptr_array_index(trust->provenance->signers, i));
    }
    for (guint i = 0; i < trust->approvals->len; i++) {
        const OkseRole *role = g_ptr_array_index(trust->approvals, i);

        g_string_append_printf(text, "Documents are approved as %s by one of\n", role->name);
        for (guint j = 0; j < role->signers->len; j++)
            signer_describe(text, g_ptr_array_index(role->signers, j));
    }
    if (trust->override != NULL) {
        g_string_append_printf(text, "A lower sequence than before is accepted when ordered by at least %u of\n",
                               trust->override->threshold);
        for (guint i = 0; i < trust->override->signers->len; i++)
            signer_describe(text, g_ptr_array_index(trust->override->signers, i));
    } else {
        g_string_append(text, "A lower sequence than was accepted before is never accepted.\n");
    }
    g_string_append(text, trust->shared_signers ? "One signer may count for several roles, with a signature for each.\n"
                                                : "One signer counts for one role only.\n");
}

char *okse_trust_describe(const OkseTrust *trust)
{
    GString *text = g_string_new(NULL);
    g_autofree char *algorithms = g_strjoinv(", ", trust->algorithms);

    roles_describe(text, trust);
    g_string_append_printf(text, "Algorithms: %s.\n", algorithms);
    certificates_describe(text, "Root", trust->roots);
    certificates_describe(text, "Intermediate", trust->intermediates);
    certificates_describe(text, "Timestamp root", trust->timestamp_roots);
    if (okse_certificates_count(trust->timestamp_roots) == 0)
        g_string_append(text, "Timestamps are not asked: certificates must be valid at the time of verification.\n");
    for (guint i = 0; i < trust->crls->len; i++) {
        const OkseCrl *crl = g_ptr_array_index(trust->crls, i);
        g_autofree char *issuer = okse_crl_issuer(crl);
        g_autofree char *made = okse_text_time(okse_crl_this_update(crl));

        g_string_append_printf(text, "Revocation list: %s of %s, made %s\n", okse_crl_name(crl), issuer, made);
    }
    if (trust->crls->len > 0)
        g_string_append(text, trust->crl_required
                                  ? "Every signer's certificate needs a list of its issuer.\n"
                                  : "A certificate whose issuer has no list here is not checked for revocation.\n");
    for (guint i = 0; i < trust->minimum_sequence->len; i++) {
        const OkseMinimum *minimum = &g_array_index(trust->minimum_sequence, OkseMinimum, i);

        g_string_append_printf(text, "%s: sequence %" G_GUINT64_FORMAT " or higher.\n", minimum->name,
                               minimum->sequence);
    }
    if (trust->maximum_age > 0)
        g_string_append_printf(text, "Signatures may be at most %" G_GINT64_FORMAT " days old.\n",
                               trust->maximum_age / 86400);
    return g_string_free(text, FALSE);
}

static const char template_head[] =
    "# Who must have signed before this site believes a bundle. File names are relative to this file.\n"
    "# `okse trust show trust.yaml` says in words what it accepts.\n"
    "okse: trust/v1\n"
    "\n"
    "# Every role must be met. `threshold` counts distinct signers; one signer counts for one role.\n"
    "roles:\n"
    "  vendor:\n"
    "    threshold: 1\n"
    "    signers:\n"
    "      - {key: keys/vendor.pub}          # a public key: openssl pkey -in key.pem -pubout\n"
    "      # - {subject: \"CN=Release,O=Example\", issuer: \"CN=Example CA\"}   # a certificate under `roots`\n"
    "      # - {san: release@example.org, eku: codeSigning, holder: Release team}\n"
    "  # ministry:\n"
    "  #   threshold: 1\n"
    "  #   signers: [{key: keys/ministry.pub}]\n"
    "\n"
    "# X.509 trust anchors, and intermediate certificates that signers do not send along.\n"
    "# roots: [roots/vendor-ca.pem]\n"
    "# intermediates: [roots/vendor-issuing-ca.pem]\n"
    "# Revocation lists; a stale one refuses. crl_check: required (every signer's issuer needs one) or listed.\n"
    "# crls: [{file: crl/vendor.crl.pem, max_age: 30d}]\n"
    "# crl_check: required\n"
    "# Authorities whose RFC 3161 timestamps keep a signature good after its certificate has expired.\n"
    "# timestamp_roots: [roots/tsa.pem]\n"
    "\n";

static const char template_tail[] =
    "# Who must say what it was built from (SLSA provenance, which okse build --key writes); default: not asked.\n"
    "# provenance: {threshold: 1, signers: [{key: keys/builder.pub}]}\n"
    "# Who may order that a lower sequence than before is accepted (okse sign --rollback-from); default: nobody.\n"
    "# override: {threshold: 1, signers: [{key: keys/operator.pub}]}\n"
    "# Who may answer for documents in the package: waivers of findings, decisions on export control; default: "
    "nobody.\n"
    "# approvals:\n"
    "#   waiver: {signers: [{key: keys/approver.pub}]}\n"
    "#   export-control: {signers: [{key: keys/trade.pub}]}\n"
    "\n"
    "# Nothing older than these, whatever its signatures.\n"
    "# minimum_sequence: {civic-search: 12}\n"
    "# maximum_age: 400d\n"
    "# One signer may count for several roles, with one signature for each:\n"
    "# shared_signers: false\n";

/* A preset's list with where it comes from, or the default one. */
static void algorithms_write(GString *text, const OkseAlgorithmPreset *preset)
{
    g_autofree char *names = preset != NULL ? g_strjoinv(", ", preset->algorithms) : NULL;

    if (preset == NULL) {
        g_string_append(
            text,
            "# Allowed by what the key is: ed25519, ecdsa-p256-sha256, ecdsa-p384-sha384, ecdsa-p521-sha512, "
            "rsa-pss-sha256\n"
            "# (3072 bits or more), sm2-sm3, ml-dsa-65, ml-dsa-87. National lists: okse trust init --preset NAME.\n"
            "algorithms: [ed25519, ecdsa-p256-sha256, ecdsa-p384-sha384, rsa-pss-sha256]\n");
        return;
    }
    g_string_append_printf(text, "# %s (%s): %s.\n# Source: %s; confidence: %s.\nalgorithms: [%s]\n", preset->title,
                           preset->name, preset->note, preset->source, preset->confidence, names);
}

char *okse_trust_template(const OkseAlgorithmPreset *preset)
{
    GString *text = g_string_new(template_head);

    algorithms_write(text, preset);
    g_string_append_c(text, '\n');
    g_string_append(text, template_tail);
    return g_string_free(text, FALSE);
}
