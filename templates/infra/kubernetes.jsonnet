// Kubernetes objects, one file a service. Nothing leaves by default: each allowance is a rule of its own. Placement is required, not
// preferred: a pod without a node in the country stays pending.
local inputs = import 'lib/inputs.libsonnet';
local yaml = import 'lib/yaml.libsonnet';

local stream(objects) = yaml.stream(objects);

local labels(ctx, name) = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': ctx.stack.name };
local meta(ctx, name, of=name) = { name: name, namespace: ctx.namespace, labels: labels(ctx, of) + { 'app.kubernetes.io/version': ctx.stack.version } };

local inCountry(ctx) = { nodeSelectorTerms: [
  { matchExpressions: [{ key: 'okse.dev/country', operator: 'In', values: [ctx.country.iso] }] },
] + (if std.length(ctx.regions) == 0 then [] else [
  { matchExpressions: [{ key: 'topology.kubernetes.io/region', operator: 'In', values: ctx.regions }] },
]) };

// Configuration lies in a ConfigMap under names without slashes.
local keyOf(path) = std.strReplace(std.lstripChars(path, '/'), '/', '_');
local directoryOf(path) = std.join('/', std.split(path, '/')[:-1]);
local hasConfiguration(w) = std.length(std.objectFields(w.configuration)) > 0;

local volumesOf(ctx, w) =
  [{ name: 'scratch', emptyDir: { sizeLimit: '8Gi' } }]
  + (if hasConfiguration(w) then [{ name: 'configuration', configMap: { name: w.name } }] else [])
  + (if std.objectHas(w, 'certificate') then [{ name: 'certificate', secret: { secretName: w.certificate.name } }] else [])
  + (if w.model == null then [] else [{ name: 'model', persistentVolumeClaim: { claimName: 'model-' + w.model.component, readOnly: true } }])
  + [{ name: state.name, persistentVolumeClaim: { claimName: '%s-%s' % [w.name, state.name] } } for state in w.state]
  + (if std.objectHas(w, 'reads') then [
       { name: 'of-%s-%s' % [peer.name, state.name], persistentVolumeClaim: { claimName: '%s-%s' % [peer.name, state.name], readOnly: true } }
       for peer in ctx.workloads
       if std.member(w.reads, peer.name)
       for state in peer.state
     ] else []);

local mountsOf(ctx, w) =
  [{ name: 'scratch', mountPath: path, subPath: std.strReplace(std.lstripChars(path, '/'), '/', '-') } for path in w.scratch]
  + [{ name: 'configuration', mountPath: path, subPath: keyOf(path), readOnly: true } for path in std.objectFields(w.configuration)]
  + (if std.objectHas(w, 'certificate') then [{ name: 'certificate', mountPath: w.certificate.path, readOnly: true }] else [])
  + (if w.model == null then [] else [{ name: 'model', mountPath: w.model.path, readOnly: true }])
  + [{ name: state.name, mountPath: state.path } for state in w.state]
  + (if std.objectHas(w, 'reads') then [
       { name: 'of-%s-%s' % [peer.name, state.name], mountPath: '/backup/%s/%s' % [peer.name, state.name], readOnly: true }
       for peer in ctx.workloads
       if std.member(w.reads, peer.name)
       for state in peer.state
     ] else []);

local resourcesOf(w) =
  local asked = { cpu: std.toString(w.resources.cpu), memory: w.resources.memory };
  local cards = if w.resources.accelerators == null then {} else { [w.resources.accelerators.resource]: w.resources.accelerators.count };
  { requests: asked + cards, limits: { memory: w.resources.memory } + cards };

local probeOf(w) = { httpGet: { path: w.health.path, port: w.health.port } + (if std.objectHas(w.health, 'tls') then { scheme: 'HTTPS' } else {}) };

local containerOf(ctx, w) = {
  name: w.name,
  image: w.image,
  imagePullPolicy: 'IfNotPresent',
  env: [{ name: name, value: w.environment[name] } for name in std.objectFields(w.environment)]
       + [{ name: secret.variable, valueFrom: { secretKeyRef: { name: secret.name, key: 'value' } } } for secret in w.secrets],
  resources: resourcesOf(w),
  volumeMounts: mountsOf(ctx, w),
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
  },
} + (if std.length(w.command) == 0 then {} else { command: w.command })
  + (if std.length(w.ports) == 0 then {} else { ports: [{ name: port.name, containerPort: port.port } for port in w.ports] })
  + (if w.health == null then {} else { readinessProbe: probeOf(w) { periodSeconds: 10 }, startupProbe: probeOf(w) { periodSeconds: 10, failureThreshold: 180 } });

local podOf(ctx, w) = {
  metadata: { labels: labels(ctx, w.name) },
  spec: {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, runAsUser: w.user, runAsGroup: w.user, fsGroup: w.user, seccompProfile: { type: 'RuntimeDefault' } },
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: inCountry(ctx) } },
    containers: [containerOf(ctx, w)],
    volumes: volumesOf(ctx, w),
  } + (if w.replicas < 2 then {} else { topologySpreadConstraints: [{
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: labels(ctx, w.name) },
  }] }),
};

local deploymentOf(ctx, w) = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta(ctx, w.name),
  spec: {
    replicas: w.replicas,
    selector: { matchLabels: labels(ctx, w.name) },
    strategy: if std.length(w.state) > 0 then { type: 'Recreate' } else { type: 'RollingUpdate' },
    template: podOf(ctx, w),
  },
};

local cronOf(ctx, name, w, schedule, pod) = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: meta(ctx, name, w.name),
  spec: {
    schedule: schedule,
    timeZone: ctx.timeZone,
    concurrencyPolicy: 'Forbid',
    jobTemplate: { spec: { backoffLimit: 2, template: pod { spec+: { restartPolicy: 'OnFailure' } } } },
  },
};

local claimOf(ctx, w, state) = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: meta(ctx, '%s-%s' % [w.name, state.name], w.name),
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: state.size } } },
};

// The same image that writes the audit log removes what the law's period has passed, and nothing else.
local retentionOf(ctx, w) =
  local pod = podOf(ctx, w);
  local container = pod.spec.containers[0];
  cronOf(ctx, w.name + '-retention', w, '15 0 * * *', pod { spec+: { containers: [{
    name: 'retention',
    image: container.image,
    imagePullPolicy: container.imagePullPolicy,
    command: ['find', w.retention.path, '-name', w.retention.pattern, '-mtime', '+%d' % w.retention.days, '-delete'],
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '64Mi' } },
    volumeMounts: [mount for mount in container.volumeMounts if mount.mountPath == w.retention.path],
    securityContext: container.securityContext,
  }] } });

local callers(ctx, w) = [peer.name for peer in ctx.workloads if std.member(peer.peers, w.name)];

local policyOf(ctx, w) = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: meta(ctx, w.name),
  spec: {
    podSelector: { matchLabels: labels(ctx, w.name) },
    policyTypes: ['Ingress', 'Egress'],
    ingress: (if w.entry then [{ ports: [{ protocol: 'TCP', port: port.port } for port in w.ports] }] else [])
             + (if std.length(callers(ctx, w)) == 0 then [] else [{
                  from: [{ podSelector: { matchLabels: labels(ctx, peer) } } for peer in callers(ctx, w)],
                  ports: [{ protocol: 'TCP', port: port.port } for port in w.ports],
                }]),
    egress: [
      { to: [{ podSelector: { matchLabels: labels(ctx, peer.name) } }], ports: [{ protocol: 'TCP', port: port.port } for port in peer.ports] }
      for peer in ctx.workloads
      if std.member(w.peers, peer.name)
    ] + [
      { to: [{ ipBlock: { cidr: network.cidr } } for network in ctx.site.networks if network.country == ctx.country.iso], ports: [{ protocol: 'TCP', port: outside.port }] }
      for outside in w.outside
      if std.length([network for network in ctx.site.networks if network.country == ctx.country.iso]) > 0
    ],
  },
};

local base(ctx) = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: ctx.namespace, labels: {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/audit': 'restricted',
      'app.kubernetes.io/part-of': ctx.stack.name,
    }, annotations: { 'okse.dev/country': ctx.country.iso, 'okse.dev/log-days': std.toString(ctx.logDays), 'okse.dev/stack-version': ctx.stack.version } },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(ctx, 'default-deny', ctx.stack.name),
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta(ctx, 'cluster-names', ctx.stack.name),
    spec: { podSelector: {}, policyTypes: ['Egress'], egress: [{
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } }, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
      ports: [{ protocol: 'UDP', port: 53 }, { protocol: 'TCP', port: 53 }],
    }] },
  },
];

// Weights stand on the nodes where the bundle is installed.
local modelsOf(ctx) =
  local names = std.set([w.model.component for w in ctx.workloads if w.model != null]);
  std.flattenArrays([
    local path = [w.model.path for w in ctx.workloads if w.model != null && w.model.component == name][0];
    [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: '%s-model-%s' % [ctx.namespace, name], labels: labels(ctx, name) },
        spec: {
          capacity: { storage: '1Ti' },
          accessModes: ['ReadOnlyMany'],
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: '',
          'local': { path: path },
          claimRef: { namespace: ctx.namespace, name: 'model-' + name },
          nodeAffinity: { required: inCountry(ctx) },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: meta(ctx, 'model-' + name, name),
        spec: { accessModes: ['ReadOnlyMany'], storageClassName: '', volumeName: '%s-model-%s' % [ctx.namespace, name], resources: { requests: { storage: '1Ti' } } },
      },
    ]
    for name in names
  ]);

local objectsOf(ctx, w) =
  (if hasConfiguration(w) then [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: meta(ctx, w.name), data: { [keyOf(path)]: w.configuration[path] for path in std.objectFields(w.configuration) } }] else [])
  + [claimOf(ctx, w, state) for state in w.state]
  + (if w.schedule == null then [deploymentOf(ctx, w)] else [cronOf(ctx, w.name, w, w.schedule, podOf(ctx, w))])
  + (if std.length(w.ports) == 0 then [] else [{ apiVersion: 'v1', kind: 'Service', metadata: meta(ctx, w.name), spec: { selector: labels(ctx, w.name), ports: [{ name: port.name, port: port.port, targetPort: port.port } for port in w.ports] } }])
  + (if w.replicas < 2 then [] else [{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: meta(ctx, w.name), spec: { maxUnavailable: 1, selector: { matchLabels: labels(ctx, w.name) } } }])
  + (if std.objectHas(w, 'retention') then [retentionOf(ctx, w)] else [])
  + [policyOf(ctx, w)];

function(stack, country, site, parameters, telemetry)
  local ctx = inputs(stack, country, site, parameters, telemetry);
  local models = modelsOf(ctx);
  { 'namespace.yaml': stream(base(ctx)) }
  + (if std.length(models) == 0 then {} else { 'models.yaml': stream(models) })
  + { [w.name + '.yaml']: stream(objectsOf(ctx, w)) for w in ctx.workloads }
