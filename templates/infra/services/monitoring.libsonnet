// Prometheus, which asks and keeps; nothing is written on to anybody.
local yaml = import '../lib/yaml.libsonnet';

function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, ['type', 'image', 'days', 'size', 'cpu', 'memory']);
  local targets = [{ name: peer, port: ctx.portOf(name, 'type', peer) } for peer in ctx.ofType('llm') + ctx.ofType('vector-store')];
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: ['prometheus', '--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.path=/var/lib/prometheus', '--storage.tsdb.retention.time=%dd' % ctx.valueOr(given, 'days', 90)],
    configuration: { '/etc/prometheus/prometheus.yml': yaml.document({
      global: { scrape_interval: '30s', external_labels: { stack: ctx.stack.name, country: ctx.country.iso } },
      scrape_configs: [{ job_name: target.name, static_configs: [{ targets: ['%s:%d' % [ctx.address(target.name), target.port]] }] } for target in targets],
    }) },
    environment+: ctx.switches(null),
    ports: [{ name: 'http', port: 9090 }],
    state: [{ name: 'data', path: '/var/lib/prometheus', size: ctx.valueOr(given, 'size', '50Gi') }],
    health: { port: 9090, path: '/-/ready' },
    peers: [target.name for target in targets],
  }
