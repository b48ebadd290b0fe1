// Restic, once a night, to a host of the site inside the country. It sees the state of the services it names, read-only.
function(ctx, name, given)
  assert ctx.refuseUnknown('service ' + name, given, ['type', 'image', 'of', 'keep_days', 'schedule', 'cpu', 'memory']);
  local sources = ctx.required(name, given, 'of');
  local missing = [source for source in sources if !std.objectHas(ctx.services, source)];
  assert std.length(missing) == 0 : 'service %s: of: no service \'%s\'' % [name, missing[0]];
  ctx.workload(name, given { image: ctx.required(name, given, 'image') }) {
    command: ['/bin/sh', '-ec', 'restic backup --no-cache /backup && restic forget --no-cache --keep-within %dd --prune' % ctx.valueOr(given, 'keep_days', 35)],
    environment+: { RESTIC_REPOSITORY: 'sftp:backup@%s:/%s' % [ctx.backupHost, ctx.stack.name] },
    secrets: [{ variable: 'RESTIC_PASSWORD', name: name + '-password' }],
    reads: sources,
    outside: [{ host: ctx.backupHost, port: 22 }],
    schedule: ctx.valueOr(given, 'schedule', '30 2 * * *'),
  }
