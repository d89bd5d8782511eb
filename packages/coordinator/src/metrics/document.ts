/**
 * docs/metrics.md, made from the table: a test keeps the file equal to this text (`UPDATE_GOLDEN=1` rewrites it).
 *
 * Responsible for: the text. Not responsible for: the file.
 */
import { type MetricDeclaration, metricTable } from './table.ts';

const introduction = `# Metrics

<!-- Made from packages/coordinator/src/metrics/table.ts. Do not edit: run its tests with UPDATE_GOLDEN=1. -->

The coordinator serves these at \`/metrics\` (\`--metrics-host\`, \`--metrics-port\`) in the Prometheus text format. Units are seconds, bytes and
images. Series whose labels are known (networks, phases, states, reasons) are exported as 0 before their first event; counters start at 0
with each coordinator process, as Prometheus expects, and \`lockstep_run_step\` says how far the whole run is.

The process's own metrics follow, as [prom-client](https://github.com/prometheus/client_js) names them: \`process_*\` and \`nodejs_*\`, without
the three gauges whose names end in \`_total\`.
`;

/** The whole of docs/metrics.md. */
export function documentMetrics(): string {
  const sections = Object.values(metricTable).map((declaration: MetricDeclaration) => documentMetric(declaration));
  return [introduction, ...sections].join('\n');
}

function documentMetric({ name, type, help, labels, buckets }: MetricDeclaration): string {
  const facts = [`- type: ${type}`];
  for (const [label, values] of Object.entries(labels)) {
    facts.push(`- label \`${label}\`${typeof values === 'string' ? '' : `: ${values.map((value) => `\`${value}\``).join(', ')}`}`);
  }
  if (buckets !== undefined) facts.push(`- buckets: ${buckets.join(', ')}`);
  return `## \`${name}\`\n\n${help}\n\n${facts.join('\n')}\n`;
}
