// Inspection of pictures by a vision model. Pictures may show people, so nothing is kept beside the running request.
function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, ['type', 'image', 'model', 'command', 'port', 'health', 'replicas', 'cpu', 'memory', 'accelerators', 'program', 'environment']);
  local model = ctx.model(name, ctx.required(name, given, 'model'));
  local port = ctx.valueOr(given, 'port', 8000);
  local accelerators = ctx.valueOr(given, 'accelerators', null);
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: ctx.valueOr(given, 'command', ['tritonserver', '--model-repository=' + model.path, '--http-port=%d' % port, '--allow-metrics=true', '--allow-grpc=false']),
    environment+: ctx.switches(ctx.valueOr(given, 'program', 'triton')) + { MODEL_DIR: model.path, STORE_IMAGES: 'false' } + ctx.valueOr(given, 'environment', {}),
    ports: [{ name: 'http', port: port }],
    model: model,
    health: { port: port, path: ctx.valueOr(given, 'health', '/v2/health/ready') },
    resources+: { accelerators: if accelerators == null then null else { resource: ctx.valueOr(accelerators, 'resource', 'nvidia.com/gpu'), count: accelerators.count } },
  }
