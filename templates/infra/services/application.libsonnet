// A program of the vendor or of the integrator: an agent, a converter of documents, what phones talk to. It is told where the services are
// that it calls, and reaches nothing else.
local variable(name) = std.asciiUpper(std.strReplace(name, '-', '_')) + '_URL';

function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, ['type', 'image', 'command', 'calls', 'outside', 'model', 'port', 'health', 'keeps', 'size', 'replicas', 'cpu', 'memory', 'program', 'environment']);
  local calls = ctx.valueOr(given, 'calls', []);
  local model = if std.objectHas(given, 'model') then ctx.model(name, given.model) else null;
  local port = ctx.valueOr(given, 'port', 8080);
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: ctx.valueOr(given, 'command', []),
    environment+: ctx.switches(ctx.valueOr(given, 'program', null))
                  + { LOG_DAYS: std.toString(ctx.logDays), UI_LANGUAGE: ctx.language }
                  + { [variable(peer)]: 'http://%s:%d' % [ctx.address(peer), ctx.portOf(name, 'calls', peer)] for peer in calls }
                  + (if model == null then {} else { MODEL_DIR: model.path })
                  + ctx.valueOr(given, 'environment', {}),
    ports: [{ name: 'http', port: port }],
    model: model,
    state: if std.objectHas(given, 'keeps') then [{ name: 'data', path: given.keeps, size: ctx.valueOr(given, 'size', '10Gi') }] else [],
    health: { port: port, path: ctx.valueOr(given, 'health', '/health') },
    peers: calls,
    outside: [{ host: ctx.required(name, one, 'host'), port: ctx.required(name, one, 'port') } for one in ctx.valueOr(given, 'outside', [])],
  }
