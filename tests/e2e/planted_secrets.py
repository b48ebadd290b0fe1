"""200 secrets of 40 kinds, each where software really keeps it, next to the address that makes the line evidence."""
import base64
import json
import random

ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def styles(seed):
    """Five secrets: a random word, hexadecimal, one that a person would choose, one with symbols, a long one."""
    generator = random.Random(seed)
    pick = lambda letters, length: "".join(generator.choice(letters) for _ in range(length))
    yield pick(ALNUM, 20)
    yield pick("0123456789abcdef", 32)
    yield pick("bcdfgklmnprstvz", 1).upper() + pick("aeiou", 1) + pick("bcdfgklmnprstvz", 5) + pick("23456789", 2)
    yield pick(ALNUM, 8) + "!" + pick(ALNUM, 4) + "~" + pick(ALNUM, 4)
    yield pick(ALNUM, 43)


def b64(text):
    return base64.b64encode(text.encode()).decode()


# kind: (path, text with the secret; what else must not be seen)
KINDS = {
    "environment file": ("etc/default/{n}", lambda s: f"DB_HOST=db.example.com\nDB_PASSWORD={s}\n"),
    "shell export": ("etc/default/{n}", lambda s: f"export PGPASSWORD='{s}'; psql -h db.example.com -U app\n"),
    "url with user and password": ("etc/default/{n}", lambda s: f"DATABASE_URL=postgres://app:{s}@db.example.com:5432/app\n"),
    "url with a token as user": ("etc/default/{n}", lambda s: f"SENTRY=https://{s}@sentry.example.com/4\n"),
    "redis url": ("etc/default/{n}", lambda s: f"CACHE=redis://:{s}@cache.example.com:6379/0\n"),
    "amqp url with @ and /": ("etc/default/{n}", lambda s: f"BROKER=amqp://u:p@x/{s}@mq.example.com:5671/v\n"),
    "mongodb url": ("etc/default/{n}", lambda s: f"MONGO=mongodb+srv://svc:{s}@cluster.example.com/db?retryWrites=true\n"),
    "libpq words": ("etc/grafana/{n}.conf", lambda s: f"conn = host=db.example.com port=5432 user=app password={s} dbname=x\n"),
    "pgpass": ("etc/default/{n}", lambda s: f"db.example.com:5432:app:svc:{s}\n"),
    "jdbc": ("etc/grafana/{n}.properties", lambda s: f"url=jdbc:mysql://db.example.com:3306/x?user=a&password={s}\n"),
    "go mysql": ("etc/grafana/{n}.ini", lambda s: f"source = app:{s}@tcp(db.example.com:3306)/grafana\n"),
    "ado": ("etc/default/{n}", lambda s: f'CONN="Server=tcp:db.example.com,1433;User Id=sa;Password={s};Database=x"\n'),
    "azure storage": ("etc/default/{n}", lambda s: f"STORE=DefaultEndpointsProtocol=https;AccountName=a;AccountKey={s}==;BlobEndpoint=https://a.blob.core.windows.net/\n"),
    "azure sas": ("etc/loki/{n}.yaml", lambda s: f"target: https://a.blob.core.windows.net/c?sv=2020-08-04&sig={s}\n"),
    "s3 presigned": ("etc/loki/{n}.yaml", lambda s: f"target: https://b.s3.eu-west-1.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature={s}\n"),
    "yaml": ("etc/prometheus/{n}.yml", lambda s: f"remote_write:\n- url: https://m.example.com/w\n  basic_auth:\n    username: u\n    password: {s}\n"),
    "yaml in one line": ("etc/prometheus/{n}.yml", lambda s: f'remote: {{url: "https://m.example.com/w", token: "{s}"}}\n'),
    "json in one line": ("etc/docker/{n}.json", lambda s: json.dumps({"url": "https://m.example.com/w", "apiKey": s}) + "\n"),
    "json": ("etc/docker/{n}.json", lambda s: json.dumps({"host": "m.example.com", "client_secret": s}, indent=2) + "\n"),
    "ini": ("etc/grafana/{n}.ini", lambda s: f"[smtp]\nhost = smtp.example.com:587\npassword = {s}\n"),
    "toml": ("etc/vector/{n}.toml", lambda s: f'[sinks.out]\nuri = "https://v.example.com:8443/in"\ntoken = "{s}"\n'),
    "systemd environment": ("etc/systemd/system/{n}.service", lambda s: f'[Service]\nEnvironment="HF_TOKEN={s}" "HF_ENDPOINT=https://hub.example.com"\n'),
    "flag and word": ("etc/systemd/system/{n}.service", lambda s: f"[Service]\nExecStart=/bin/x --password {s} --url https://h.example.com\n"),
    "flag with =": ("etc/systemd/system/{n}.service", lambda s: f"[Service]\nExecStart=/bin/x --api-key={s} --url https://h.example.com\n"),
    "mysql -p": ("etc/systemd/system/{n}.service", lambda s: f"[Service]\nExecStart=/usr/bin/mysql -p{s} -h 192.0.2.7\n"),
    "sshpass": ("etc/systemd/system/{n}.service", lambda s: f"[Service]\nExecStart=/usr/bin/sshpass -p {s} ssh root@192.0.2.7\n"),
    "redis-cli": ("etc/systemd/system/{n}.service", lambda s: f"[Service]\nExecStart=/usr/bin/redis-cli -u redis://h.example.com -a {s}\n"),
    "curl -u": ("etc/systemd/system/{n}.service", lambda s: f"[Service]\nExecStart=/usr/bin/curl -u admin:{s} https://h.example.com/x\n"),
    "bearer": ("etc/systemd/system/{n}.service", lambda s: f'[Service]\nExecStart=/usr/bin/curl -H "Authorization: Bearer {s}" https://h.example.com/x\n'),
    "header of a key": ("etc/nginx/{n}.conf", lambda s: f"location /v1 {{ proxy_set_header X-Api-Key {s}; proxy_pass https://h.example.com; }}\n"),
    "basic in nginx": ("etc/nginx/{n}.conf", lambda s: f'location /b {{ proxy_set_header Authorization "Basic {b64("u:" + s)}"; proxy_pass https://h.example.com; }}\n'),
    "netrc": ("etc/default/{n}", lambda s: f"machine 192.0.2.7 login u password {s}\n"),
    "npmrc": ("etc/default/{n}", lambda s: f"//192.0.2.7/:_authToken={s}\n"),
    "docker auth": ("etc/docker/{n}.json", lambda s: json.dumps({"auths": {"https://registry.example.com/": {"auth": b64("u:" + s)}}}) + "\n"),
    "kubeconfig": ("etc/containerd/{n}.yaml", lambda s: f"clusters: [{{cluster: {{server: 'https://k.example.com:6443'}}}}]\nusers: [{{user: {{token: {s}, server: 'https://k.example.com:6443'}}}}]\n"),
    "kubernetes secret": ("etc/containerd/{n}.yaml", lambda s: f"apiVersion: v1\nkind: Secret\ndata:\n  url: {b64('https://u:' + s + '@h.example.com/')}\n  pw: {b64(s)}\n"),
    "webhook": ("etc/alertmanager/{n}.yml", lambda s: f"slack_api_url: https://hooks.slack.com/services/T0000/B0000/{s}\n"),
    "telegram": ("etc/alertmanager/{n}.yml", lambda s: f"url: https://api.telegram.org/bot123456:{s}/sendMessage\n"),
    "fragment": ("etc/loki/{n}.yaml", lambda s: f"callback: https://h.example.com/cb#access_token={s}\n"),
    "package source": ("etc/apt/sources.list.d/{n}.list", lambda s: f"deb https://u:{s}@apt.example.com/debian stable main\n"),
}


def planted():
    """(kind, path, text, needles): needles are what must not be seen, the secret and forms of it."""
    for number, (kind, (path, text)) in enumerate(KINDS.items()):
        for style, secret in enumerate(styles(f"okse {kind}")):
            yield kind, path.format(n=f"k{number:02}s{style}"), text(secret), {secret, b64(secret).rstrip("="), b64("u:" + secret).rstrip("=")}
