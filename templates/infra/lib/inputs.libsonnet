// What every target starts from: the five arguments, checked and completed, and the services of the stack as workloads that say
// what to run and nothing of where. A target (kubernetes, quadlet, compose, slurm) turns workloads into files.
local types = {
  application: import '../services/application.libsonnet',
  llm: import '../services/llm.libsonnet',
  embedding: import '../services/embedding.libsonnet',
  vision: import '../services/vision.libsonnet',
  gateway: import '../services/gateway.libsonnet',
  'vector-store': import '../services/vector-store.libsonnet',
  monitoring: import '../services/monitoring.libsonnet',
  backup: import '../services/backup.libsonnet',
};

// The longest word that fits first: what was probably meant is left to the reader, what there is is told.
local refuseUnknown(what, given, known) =
  local strange = [key for key in std.objectFields(given) if !std.member(known, key)];
  if std.length(strange) == 0 then true
  else error '%s: unknown key \'%s\' (there is: %s)' % [what, strange[0], std.join(', ', std.sort(known))];

local valueOr(object, key, otherwise) =
  if std.objectHas(object, key) && object[key] != null then object[key] else otherwise;

function(stack, country, site, parameters, telemetry)
  local profile = country.profile;
  local declared = site.parameters;
  local services = valueOr(parameters, 'services', {});
  assert refuseUnknown('parameters', parameters, ['services', 'namespace']);
  assert std.length(services) > 0 : 'parameters: name at least one service';
  local self_ = {
    stack: stack,
    country: country,
    site: site,
    refuseUnknown:: refuseUnknown,
    valueOr:: valueOr,
    namespace: valueOr(parameters, 'namespace', stack.name),

    // Names below .site.internal stand in for what the site has not declared; they resolve nowhere.
    registry: valueOr(declared, 'registry', 'registry.site.internal'),
    hostname: valueOr(declared, 'hostname', '%s.site.internal' % stack.name),
    backupHost: valueOr(declared, 'backup_host', 'backup.site.internal'),
    timeZone: valueOr(profile, 'time_zone', 'Etc/UTC'),
    language: valueOr(profile, 'language', 'en'),
    // A year, where the law of the destination names no period.
    logDays: valueOr(profile, 'log_days', 365),
    regions: std.flattenArrays([profile.regions[provider] for provider in std.objectFields(valueOr(profile, 'regions', {}))]),

    component(service, key, name, kinds)::
      local found = [c for c in stack.components if c.name == name];
      if std.length(found) == 0 then
        error 'service %s: %s: no component \'%s\' in the stack (there is: %s)' % [service, key, name, std.join(', ', [c.name for c in stack.components])]
      else if !std.member(kinds, found[0].kind) then
        error 'service %s: %s: component \'%s\' is of kind %s, not %s' % [service, key, name, found[0].kind, std.join(' or ', kinds)]
      else found[0],

    // How services call each other, whatever the target: a cluster's own name for it, or the alias it has on a container network. A name
    // of one word would be completed by the search domains of wherever it is asked.
    address(name):: '%s.%s.svc.cluster.local' % [name, self_.namespace],

    // Where a service listens unless it says otherwise.
    portOf(service, key, name)::
      local ports = { application: 8080, embedding: 8080, vision: 8000, 'vector-store': 6333 };
      local engines = { vllm: 8000, 'llama.cpp': 8080, 'furiosa-llm': 8000, friendli: 8000 };
      local found = if std.objectHas(services, name) then services[name] else error 'service %s: %s: no service \'%s\'' % [service, key, name];
      if found.type == 'llm' then engines[found.engine]
      else if std.objectHas(ports, found.type) then valueOr(found, 'port', ports[found.type])
      else error 'service %s: %s: %s is a %s, which answers no requests' % [service, key, name, found.type],

    // By digest, so that the registry of the site cannot give anything else than what was signed.
    image(service, name)::
      local component = self_.component(service, 'image', name, ['runtime', 'service', 'driver']);
      if component.image == null then
        error 'service %s: image: component \'%s\' is not one OCI image (choose one platform of it)' % [service, name]
      else '%s/%s/%s@%s' % [self_.registry, stack.name, name, component.image.digest],

    switches(program)::
      telemetry.general + (if program == null then {} else if std.objectHas(telemetry.programs, program) then telemetry.programs[program]
                           else error 'no telemetry switches are known for \'%s\' (manifests/telemetry.yaml)' % program),

    model(service, name)::
      local component = self_.component(service, 'model', name, ['weights']);
      { component: name, path: component.path, file: if component.main == null then component.path else component.path + '/' + component.main },

    // "30 2 * * *" as systemd's calendar; only such lines are made here.
    calendar(cron)::
      local parts = std.split(cron, ' ');
      assert std.length(parts) == 5 && parts[2] == '*' && parts[3] == '*' && parts[4] == '*' : 'schedule \'%s\' must be "MINUTE HOUR * * *"' % cron;
      '*-*-* %02d:%02d:00' % [std.parseInt(parts[1]), std.parseInt(parts[0])],

    required(service, given, key)::
      if std.objectHas(given, key) then given[key] else error 'service %s: \'%s\' is missing' % [service, key],

    services:: services,
    ofType(type):: [name for name in std.objectFields(services) if services[name].type == type],

    // A workload before its service type has said anything.
    workload(name, given):: {
      name: name,
      type: given.type,
      component: given.image,
      image: self_.image(name, given.image),
      command: [],
      environment: { TZ: self_.timeZone },
      secrets: [],  // [{variable, name}]: the site makes them; the value is never here
      ports: [],  // [{name, port}]: the first is what peers use
      model: null,
      state: [],  // [{name, path, size}]: what must outlive a restart
      scratch: ['/tmp'],
      configuration: {},  // path: text
      metrics: null,  // {port, path}
      health: null,  // {port, path}
      peers: [],  // names of services it calls
      outside: [],  // [{host, port}]: hosts of the site it calls
      entry: false,  // whether users reach it
      schedule: null,  // a cron line: it runs and ends
      replicas: valueOr(given, 'replicas', 1),
      user: 10001,
      resources: { cpu: valueOr(given, 'cpu', 2), memory: valueOr(given, 'memory', '4Gi'), accelerators: valueOr(given, 'accelerators', null) },
    },
  };
  // A local is evaluated once; a member would be again at each look.
  local workloads = [
      local given = services[name];
      local type = self_.required(name, given, 'type');
      if !std.objectHas(types, type) then
        error 'service %s: unknown type \'%s\' (there is: %s)' % [name, type, std.join(', ', std.objectFields(types))]
      else types[type](self_, name, given)
      for name in std.objectFields(services)
  ];
  self_ { workloads: workloads }
