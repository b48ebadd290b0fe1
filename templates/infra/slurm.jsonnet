// Batch scripts for Slurm with Apptainer: models on the nodes of a cluster. Containers have a loopback of their own and no other
// network, so what runs is reached over a Unix socket or from its own job only; gateways and stores belong on a host that serves.
local inputs = import 'lib/inputs.libsonnet';

local shell(text) = "'%s'" % std.strReplace(text, "'", "'\\''");

local scriptOf(ctx, w) =
  assert std.member(['llm', 'embedding', 'vision'], w.type) : 'service %s: slurm runs models (llm, embedding, vision), not a %s' % [w.name, w.type];
  local cards = if w.resources.accelerators == null then [] else ['#SBATCH --gpus-per-node=%d' % w.resources.accelerators.count];
  std.join('\n', [
    '#!/bin/bash',
    '# %s %s: %s' % [ctx.stack.name, ctx.stack.version, w.name],
    '#SBATCH --job-name=%s-%s' % [ctx.namespace, w.name],
    '#SBATCH --nodes=1',
    '#SBATCH --ntasks=1',
    '#SBATCH --cpus-per-task=%s' % w.resources.cpu,
    '#SBATCH --mem=%s' % std.strReplace(w.resources.memory, 'Gi', 'G'),
    // The site gives nodes that stand in the country this feature.
    '#SBATCH --constraint=country-%s' % std.asciiLower(ctx.country.iso),
    '#SBATCH --export=NONE',
  ] + cards + [
    'set -euo pipefail',
    'scratch=$(mktemp -d)',
    'trap \'rm -rf "$scratch"\' EXIT',
    'image=/srv/okse/current/%s' % w.component,
    'exec apptainer exec --containall --no-home --net --network none \\',
  ] + (if w.resources.accelerators == null then [] else if w.resources.accelerators.resource == 'nvidia.com/gpu' then ['  --nv \\'] else ['  --bind /dev/rngd \\'])
    + ['  --bind "$scratch":/tmp --bind %s:%s:ro \\' % [shell(w.model.path), shell(w.model.path)]]
    + ['  --env %s \\' % shell('%s=%s' % [name, w.environment[name]]) for name in std.objectFields(w.environment)]
    + ['  "oci:$image:%s" %s' % [ctx.stack.version, std.join(' ', [shell(part) for part in w.command])], '']);

function(stack, country, site, parameters, telemetry)
  local ctx = inputs(stack, country, site, parameters, telemetry);
  { [w.name + '.sbatch']: scriptOf(ctx, w) for w in ctx.workloads }
