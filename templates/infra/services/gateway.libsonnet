// What users reach: TLS, one path per service, and an audit log of who asked what service when, without contents. One file a day,
// removed after the period that the law of the destination asks for.
local configuration(ctx, routes) = |||
  worker_processes auto;
  error_log stderr warn;
  pid /tmp/nginx.pid;
  events { worker_connections 1024; }
  http {
    server_tokens off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    map $time_iso8601 $day { default unknown; "~^(?<date>[0-9-]{10})" $date; }
    log_format audit escape=json
      '{"time":"$time_iso8601","request":"$request_id","client":"$remote_addr","user":"$ssl_client_s_dn","method":"$request_method","path":"$uri",'
      '"status":$status,"bytes_in":$request_length,"bytes_out":$bytes_sent,"seconds":$request_time,"service":"$proxy_host"}';
    access_log /var/log/audit/$day.json audit;
    limit_req_zone $binary_remote_addr zone=clients:10m rate=20r/s;
    server {
      listen 8443 ssl;
      server_name %(hostname)s;
      ssl_certificate /etc/gateway/tls/tls.crt;
      ssl_certificate_key /etc/gateway/tls/tls.key;
      ssl_protocols TLSv1.2 TLSv1.3;
      client_max_body_size 64m;
      limit_req zone=clients burst=40;
      location = /health { access_log off; return 204; }
  %(routes)s
      location / { return 404; }
    }
  }
||| % { hostname: ctx.hostname, routes: std.join('\n', [
  '    location /%(name)s/ { proxy_pass http://%(address)s:%(port)d/; proxy_set_header X-Request-Id $request_id; proxy_buffering off; proxy_read_timeout 600s; }' % route
  for route in routes
]) };

function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, ['type', 'image', 'routes', 'replicas', 'cpu', 'memory', 'ports']);
  local routes = ctx.valueOr(given, 'routes', if std.length(ctx.ofType('application')) > 0 then ctx.ofType('application') else ctx.ofType('llm') + ctx.ofType('embedding') + ctx.ofType('vision'));
  assert std.length(routes) > 0 : 'service %s: nothing to lead to: name its routes' % name;
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: ['nginx', '-c', '/etc/gateway/nginx.conf', '-g', 'daemon off;'],
    configuration: { '/etc/gateway/nginx.conf': configuration(ctx, [{ name: peer, address: ctx.address(peer), port: ctx.portOf(name, 'routes', peer) } for peer in routes]) },
    certificate: { name: name + '-tls', path: '/etc/gateway/tls' },
    ports: [{ name: 'https', port: 8443 }],
    state: [{ name: 'audit', path: '/var/log/audit', size: '50Gi' }],
    retention: { path: '/var/log/audit', pattern: '*.json', days: ctx.logDays },
    health: { port: 8443, path: '/health', tls: true },
    peers: routes,
    entry: true,
    resources+: { memory: ctx.valueOr(given, 'memory', '512Mi') },
  }
