// systemd units for Podman (podman-systemd.unit(5)), to lie in /etc/containers/systemd. Networks are internal; only the gateway's
// port is bound, on the site's own name or address. Needs Podman 4.4.
local inputs = import 'lib/inputs.libsonnet';

local networkOf(a, b) = '%s-%s' % [a, b];
local networksOf(ctx, w) =
  [networkOf(w.name, peer) for peer in w.peers]
  + [networkOf(peer.name, w.name) for peer in ctx.workloads if std.member(peer.peers, w.name)]
  + (if w.entry || std.length(w.outside) > 0 then ['site'] else []);

local unit(sections) = std.manifestIni({ sections: sections });

// systemd splits at blanks and expands %; a word in double quotes is one word.
local word(text) = '"%s"' % std.strReplace(std.strReplace(std.strReplace(std.strReplace(text, '\\', '\\\\'), '"', '\\"'), '%', '%%'), '$', '$$');

local containerOf(ctx, w) = {
  Unit: {
    Description: '%s: %s' % [ctx.stack.name, w.name],
    After: ['network-online.target'] + [peer + '.service' for peer in w.peers],
    Wants: ['network-online.target'],
  },
  Container: {
    ContainerName: '%s-%s' % [ctx.namespace, w.name],
    Image: w.image,
    Pull: 'never',
    ReadOnly: 'true',
    NoNewPrivileges: 'true',
    DropCapability: 'all',
    User: std.toString(w.user),
    Group: std.toString(w.user),
    Timezone: ctx.timeZone,
    LogDriver: 'journald',
    Label: ['dev.okse.stack=' + ctx.stack.name, 'dev.okse.version=' + ctx.stack.version, 'dev.okse.country=' + ctx.country.iso],
    Environment: ['%s=%s' % [name, w.environment[name]] for name in std.objectFields(w.environment)],
    Tmpfs: w.scratch,
    Network: if std.length(networksOf(ctx, w)) == 0 then 'none' else ['%s.network:alias=%s' % [name, ctx.address(w.name)] for name in networksOf(ctx, w)],
    Volume: (if w.model == null then [] else ['%s:%s:ro' % [w.model.path, w.model.path]])
            + ['/etc/okse/%s:%s:ro' % [std.lstripChars(w.name + path, '/'), path] for path in std.objectFields(w.configuration)]
            + (if std.objectHas(w, 'certificate') then ['/etc/okse/%s:%s:ro' % [w.certificate.name, w.certificate.path]] else [])
            + ['%s-%s.volume:%s' % [w.name, state.name, state.path] for state in w.state]
            + (if std.objectHas(w, 'reads') then [
                 '%s-%s.volume:/backup/%s/%s:ro' % [peer.name, state.name, peer.name, state.name]
                 for peer in ctx.workloads
                 if std.member(w.reads, peer.name)
                 for state in peer.state
               ] else []),
  } + (if std.length(w.command) == 0 then {} else { Exec: std.join(' ', [word(part) for part in w.command]) })
    // Podman secrets of the site: podman secret create NAME FILE
    + (if std.length(w.secrets) == 0 then {} else { Secret: ['%s,type=env,target=%s' % [secret.name, secret.variable] for secret in w.secrets] })
    + (if w.entry then { PublishPort: ['%s:%d:%d' % [ctx.bind, port.port, port.port] for port in w.ports] } else {})
    + (if w.resources.accelerators == null then {} else { AddDevice: w.resources.accelerators.resource + '=all' }),
  Service: if w.schedule == null then { Restart: 'on-failure', TimeoutStartSec: '1800' } else { Type: 'oneshot' },
} + (if w.schedule == null then { Install: { WantedBy: 'multi-user.target' } } else {});

local timerOf(ctx, name, calendar) = unit({
  Unit: { Description: '%s: %s' % [ctx.stack.name, name] },
  Timer: { OnCalendar: calendar, Persistent: 'true' },
  Install: { WantedBy: 'timers.target' },
});

local retentionOf(ctx, w) =
  local container = containerOf(ctx, w);
  unit({
    Unit: { Description: '%s: %s keeps %d days of %s' % [ctx.stack.name, w.name, w.retention.days, w.retention.path] },
    Container: {
      Image: w.image,
      Pull: 'never',
      ReadOnly: 'true',
      NoNewPrivileges: 'true',
      DropCapability: 'all',
      User: std.toString(w.user),
      Group: std.toString(w.user),
      Network: 'none',
      Volume: ['%s-%s.volume:%s' % [w.name, state.name, state.path] for state in w.state if state.path == w.retention.path],
      Exec: std.join(' ', [word(part) for part in ['find', w.retention.path, '-name', w.retention.pattern, '-mtime', '+%d' % w.retention.days, '-delete']]),
    },
    Service: { Type: 'oneshot' },
  });

function(stack, country, site, parameters, telemetry)
  local given = inputs(stack, country, site, parameters, telemetry);
  local ctx = given { bind: given.valueOr(site.parameters, 'address', '127.0.0.1') };
  local networks = std.set(std.flattenArrays([networksOf(ctx, w) for w in ctx.workloads]));
  { [w.name + '.container']: unit(containerOf(ctx, w)) for w in ctx.workloads }
  + { [name + '.network']: unit({ Network: { NetworkName: '%s-%s' % [ctx.namespace, name], Internal: if name == 'site' then 'false' else 'true' } }) for name in networks }
  + { ['%s-%s.volume' % [w.name, state.name]]: unit({ Volume: { VolumeName: '%s-%s-%s' % [ctx.namespace, w.name, state.name] } }) for w in ctx.workloads for state in w.state }
  + { [std.lstripChars(w.name + path, '/')]: w.configuration[path] for w in ctx.workloads for path in std.objectFields(w.configuration) }
  + { [w.name + '.timer']: timerOf(ctx, w.name, ctx.calendar(w.schedule)) for w in ctx.workloads if w.schedule != null }
  + { [w.name + '-retention.container']: retentionOf(ctx, w) for w in ctx.workloads if std.objectHas(w, 'retention') }
  + { [w.name + '-retention.timer']: timerOf(ctx, w.name + '-retention', '*-*-* 00:15:00') for w in ctx.workloads if std.objectHas(w, 'retention') }
