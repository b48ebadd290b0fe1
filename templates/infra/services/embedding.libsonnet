// A service that turns texts into vectors: any image that serves a model of the install over HTTP.
function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, ['type', 'image', 'model', 'command', 'port', 'health', 'replicas', 'cpu', 'memory', 'accelerators', 'program', 'environment']);
  local model = ctx.model(name, ctx.required(name, given, 'model'));
  local port = ctx.valueOr(given, 'port', 8080);
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: ctx.valueOr(given, 'command', []),
    environment+: ctx.switches(ctx.valueOr(given, 'program', null)) + { MODEL_DIR: model.path, HF_HOME: '/tmp/hf' } + ctx.valueOr(given, 'environment', {}),
    ports: [{ name: 'http', port: port }],
    model: model,
    health: { port: port, path: ctx.valueOr(given, 'health', '/health') },
  }
