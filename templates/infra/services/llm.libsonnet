// An OpenAI-compatible endpoint for a language model. Engines differ in how they are started and told to keep quiet; the model is
// always a path of the install, never the name of a hub.
local common = ['type', 'image', 'engine', 'model', 'replicas', 'cpu', 'memory', 'accelerators', 'arguments', 'context', 'served_name'];

local engines = {
  vllm(ctx, model, given): {
    program: 'vllm',
    port: 8000,
    health: '/health',
    key: 'VLLM_API_KEY',
    command: ['vllm', 'serve', model.path, '--host', '0.0.0.0', '--port', '8000', '--served-model-name', given.name]
             + (if given.context == null then [] else ['--max-model-len', std.toString(given.context)])
             + (if given.cards > 1 then ['--tensor-parallel-size', std.toString(given.cards)] else []),
    resource: 'nvidia.com/gpu',
  },
  'llama.cpp'(ctx, model, given): {
    program: 'llama.cpp',
    port: 8080,
    health: '/health',
    key: 'LLAMA_API_KEY',
    command: ['llama-server', '-m', model.file, '--host', '0.0.0.0', '--port', '8080', '-a', given.name, '--jinja', '--metrics']
             + (if given.context == null then [] else ['-c', std.toString(given.context)])
             + (if given.cards > 0 then ['-ngl', '999'] else []),
    resource: 'nvidia.com/gpu',
  },
  'furiosa-llm'(ctx, model, given): {
    program: 'furiosa-llm',
    port: 8000,
    health: '/health',
    key: null,  // authentication is the gateway's
    command: ['furiosa-llm', 'serve', model.path, '--host', '0.0.0.0', '--port', '8000', '--served-model-name', given.name],
    resource: 'furiosa.ai/rngd',
  },
  friendli(ctx, model, given): {
    program: 'friendli',
    port: 8000,
    health: '/health',
    key: null,
    secrets: [{ variable: 'FRIENDLI_CONTAINER_SECRET', name: 'friendli-licence' }],
    command: ['--hf-model-name', model.path, '--web-server-port', '8000', '--num-devices', std.toString(std.max(given.cards, 1))],
    resource: 'nvidia.com/gpu',
  },
};

function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, common);
  local engineName = ctx.required(name, given, 'engine');
  local accelerators = ctx.valueOr(given, 'accelerators', { count: 0 });
  assert std.objectHas(engines, engineName) : 'service %s: unknown engine \'%s\' (there is: %s)' % [name, engineName, std.join(', ', std.objectFields(engines))];
  local model = ctx.model(name, ctx.required(name, given, 'model'));
  local engine = engines[engineName](ctx, model, {
    name: ctx.valueOr(given, 'served_name', model.component),
    context: ctx.valueOr(given, 'context', null),
    cards: ctx.valueOr(accelerators, 'count', 1),
  });
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: engine.command + ctx.valueOr(given, 'arguments', []),
    environment+: ctx.switches(engine.program) + { HF_HOME: '/tmp/hf', XDG_CACHE_HOME: '/tmp/cache' },
    secrets: (if engine.key == null then [] else [{ variable: engine.key, name: name + '-api-key' }]) + (if std.objectHas(engine, 'secrets') then engine.secrets else []),
    ports: [{ name: 'http', port: engine.port }],
    model: model,
    metrics: { port: engine.port, path: '/metrics' },
    health: { port: engine.port, path: engine.health },
    resources+: {
      memory: ctx.valueOr(given, 'memory', '16Gi'),
      accelerators: if ctx.valueOr(accelerators, 'count', 0) == 0 then null else { resource: engine.resource, count: accelerators.count },
    },
  }
