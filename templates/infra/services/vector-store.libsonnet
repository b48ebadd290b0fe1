// Qdrant, for embeddings of documents that never leave.
local yaml = import '../lib/yaml.libsonnet';

function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, ['type', 'image', 'size', 'cpu', 'memory']);
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: ['/qdrant/qdrant', '--config-path', '/etc/qdrant/config.yaml'],
    configuration: { '/etc/qdrant/config.yaml': yaml.document({
      telemetry_disabled: true,
      storage: { storage_path: '/var/lib/qdrant/storage', snapshots_path: '/var/lib/qdrant/snapshots' },
      service: { host: '0.0.0.0', http_port: 6333, enable_cors: false },
    }) },
    environment+: ctx.switches('qdrant'),
    secrets: [{ variable: 'QDRANT__SERVICE__API_KEY', name: name + '-api-key' }],
    ports: [{ name: 'http', port: 6333 }],
    state: [{ name: 'data', path: '/var/lib/qdrant', size: ctx.valueOr(given, 'size', '100Gi') }],
    metrics: { port: 6333, path: '/metrics' },
    health: { port: 6333, path: '/readyz' },
  }
