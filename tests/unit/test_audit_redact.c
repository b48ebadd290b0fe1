#include "audit/redact.h"

static const char *const masked[][2] = {
    {"password: correct horse", "password: ***"},
    {"amqp://u:p@ss/w@h.example:5671/v", "amqp://***@h.example:5671/v"},
    {"tool --api-key Zx81 run", "tool --api-key *** run"},
    {"mysql -ps3cret db", "mysql -p*** db"},
    {"docker run -p8080:80", "docker run -p8080:80"},
    {"curl -u user:s3cret h.example", "curl -u user:*** h.example"},
    {"hub hf_abcdefghijkl", "hub ***"},
    {"jwt eyJhbGciOiJI.eyJzdWIi.c2ln", "jwt ***"},
    {"https://hooks.chat.example/services/T0/B0/abc", "https://hooks.chat.example/***"},
    {"https://h.example/a?key=v&n=1", "https://h.example/a?key=***&n=***"},
    {"MAX_TOKENIZER: 5", "MAX_TOKENIZER: 5"},
    {"db.example.com:5432:app:svc:s3:cr et", "db.example.com:5432:app:svc:***"},
    {"*:*:*:svc:pw", "*:*:*:svc:***"},
    {"2001:0:0:1:2::5", "2001:0:0:1:2::5"},
    {"app:s3cret@tcp(db.example:3306)/x", "app:***@tcp(db.example:3306)/x"},
    {"AccountName=a;AccountKey=abc==;X=y", "AccountName=a;AccountKey=***"},
    {"redis-cli -h h.example -a s3cret", "redis-cli -h h.example -a ***"},
    {"sshpass -p s3cret ssh h.example", "sshpass -p *** ssh h.example"},
    {"proxy_set_header X-Api-Key s3cret; proxy_pass http://h.example;",
     "proxy_set_header X-Api-Key ***; proxy_pass http://h.example;"},
    {"proxy_set_header Authorization \"Basic dTpOaWNtbHZnNzg=\";", "proxy_set_header Authorization \"Basic ***\";"},
    {"machine h.example login u password s3cret", "machine h.example login u password ***"},
    {"ssl_password_file /etc/keys/p", "ssl_password_file /etc/keys/p"},
    {"https://h.example/cb#access_token=s3", "https://h.example/cb#access_token=***"},
    {"10.20.4.10:8443:8443", "10.20.4.10:8443:8443"},
};

static void secrets_are_masked_and_the_rest_stays(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(masked); i++) {
        g_autofree char *got = okse_redact_line(masked[i][0]);

        g_assert_cmpstr(got, ==, masked[i][1]);
    }
}

static void a_digest_is_no_secret(void)
{
    static const char line[] =
        "image: r.example/a/b@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    g_autofree char *got = okse_redact_line(line);

    g_assert_cmpstr(got, ==, line);
}

static void keys_of_secrets(void)
{
    g_assert_true(okse_redact_key("DB_PASSWORD"));
    g_assert_true(okse_redact_key("hf_token"));
    g_assert_false(okse_redact_key("tokenizer"));
    g_assert_false(okse_redact_key("DATABASE_HOST"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit/redact/secrets-are-masked-and-the-rest-stays", secrets_are_masked_and_the_rest_stays);
    g_test_add_func("/audit/redact/a-digest-is-no-secret", a_digest_is_no_secret);
    g_test_add_func("/audit/redact/keys-of-secrets", keys_of_secrets);
    return g_test_run();
}
