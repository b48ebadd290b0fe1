// A Compose file for one host. Its networks are internal: only the gateway's port is bound, on the site's own name or address.
local inputs = import 'lib/inputs.libsonnet';
local yaml = import 'lib/yaml.libsonnet';

local networkOf(a, b) = '%s-%s' % [a, b];

// One network for each pair that talks, so that nothing reaches what it does not call.
local networksOf(ctx, w) =
  [networkOf(w.name, peer) for peer in w.peers]
  + [networkOf(peer.name, w.name) for peer in ctx.workloads if std.member(peer.peers, w.name)]
  + (if w.entry || std.length(w.outside) > 0 then ['site'] else []);

local volumeOf(w, state) = '%s-%s' % [w.name, state.name];

local serviceOf(ctx, w) = {
  image: w.image,
  pull_policy: 'never',
  read_only: true,
  user: '%d:%d' % [w.user, w.user],
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  restart: if w.schedule == null then 'unless-stopped' else 'no',
  environment: w.environment,
  tmpfs: w.scratch,
  volumes: (if w.model == null then [] else ['%s:%s:ro' % [w.model.path, w.model.path]])
           + ['./%s:%s:ro' % [std.lstripChars(w.name + path, '/'), path] for path in std.objectFields(w.configuration)]
           + (if std.objectHas(w, 'certificate') then ['/etc/okse/%s:%s:ro' % [w.certificate.name, w.certificate.path]] else [])
           + ['%s:%s' % [volumeOf(w, state), state.path] for state in w.state]
           + (if std.objectHas(w, 'reads') then [
                '%s:/backup/%s/%s:ro' % [volumeOf(peer, state), peer.name, state.name]
                for peer in ctx.workloads
                if std.member(w.reads, peer.name)
                for state in peer.state
              ] else []),
  logging: { driver: 'journald' },
  labels: { 'dev.okse.stack': ctx.stack.name, 'dev.okse.version': ctx.stack.version, 'dev.okse.country': ctx.country.iso },
} + (if std.length(w.command) == 0 then {} else { command: w.command })
  + (if std.length(networksOf(ctx, w)) == 0 then { network_mode: 'none' } else { networks: { [network]: { aliases: [ctx.address(w.name)] } for network in networksOf(ctx, w) } })
  // Secrets are files on the host with one line NAME=value; the site makes them.
  + (if std.length(w.secrets) == 0 then {} else { env_file: ['/etc/okse/secrets/%s.env' % secret.name for secret in w.secrets] })
  + (if w.entry then { ports: ['%s:%d:%d' % [ctx.bind, port.port, port.port] for port in w.ports] } else {})
  + (if w.schedule == null then {} else { profiles: ['scheduled'] })
  + (if w.resources.accelerators == null then {} else { deploy: { resources: { reservations: { devices: [
    if w.resources.accelerators.resource == 'nvidia.com/gpu' then { driver: 'nvidia', count: w.resources.accelerators.count, capabilities: ['gpu'] }
    else { driver: 'cdi', device_ids: ['%s=all' % w.resources.accelerators.resource], capabilities: ['accelerator'] },
  ] } } } });

function(stack, country, site, parameters, telemetry)
  local given = inputs(stack, country, site, parameters, telemetry);
  local ctx = given { bind: given.valueOr(site.parameters, 'address', '127.0.0.1') };
  local networks = std.set(std.flattenArrays([networksOf(ctx, w) for w in ctx.workloads]));
  local volumes = std.flattenArrays([[volumeOf(w, state) for state in w.state] for w in ctx.workloads]);
  {
    'compose.yaml': yaml.document({
      name: ctx.namespace,
      services: { [w.name]: serviceOf(ctx, w) for w in ctx.workloads },
    } + (if std.length(networks) == 0 then {} else { networks: { [name]: if name == 'site' then {} else { internal: true } for name in networks } })
      + (if std.length(volumes) == 0 then {} else { volumes: { [name]: {} for name in volumes } })),
  } + {
    [std.lstripChars(w.name + path, '/')]: w.configuration[path]
    for w in ctx.workloads
    for path in std.objectFields(w.configuration)
  } + {
    ['timers/%s.timer' % w.name]: |||
      [Unit]
      Description=%(stack)s: %(name)s

      [Timer]
      OnCalendar=%(calendar)s
      Persistent=true

      [Install]
      WantedBy=timers.target
    ||| % { stack: ctx.stack.name, name: w.name, calendar: ctx.calendar(w.schedule) }
    for w in ctx.workloads
    if w.schedule != null
  }
