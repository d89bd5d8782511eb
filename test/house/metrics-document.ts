/**
 * docs/metrics.md, made from both programs' tables: a test keeps the file equal to this text (`UPDATE_GOLDEN=1` rewrites it).
 *
 * Responsible for: the text. Not responsible for: the file.
 */
import type { MetricDeclaration } from '@lockstep/shared';
import { metricTable as coordinatorTable } from '../../packages/coordinator/src/metrics/table.ts';
import { metricTable as workerTable } from '../../packages/worker/src/metrics/table.ts';

const introduction = `# Metrics

<!-- Made from packages/coordinator/src/metrics/table.ts and packages/worker/src/metrics/table.ts. Do not edit: run its test with UPDATE_GOLDEN=1. -->

The coordinator serves its metrics at \`/metrics\` (\`--metrics-host\`, \`--metrics-port\`) in the Prometheus text format, and at \`/sd\` the list of
everybody who serves metrics, for Prometheus's \`http_sd_configs\`. Units are seconds, bytes and images. Counters and histograms whose labels
are known (phases, states, reasons) are exported as 0 before their first event, and start there with each process, as Prometheus expects;
\`lockstep_run_step\` says how far the whole run is. A gauge is absent until there is something to tell, after a resume too.

The text is made at most four times a second. An address that asks for \`/metrics\` more than twenty times in a second is answered with 429.

Each process's own metrics follow, as [prom-client](https://github.com/prometheus/client_js) names them: \`process_*\` and \`nodejs_*\`, without
the three gauges whose names end in \`_total\`. They begin with the first scrape: what nobody reads is not measured. Of the delay of the event
loop there is only \`nodejs_eventloop_lag_p99_seconds\`, from the second scrape on, and without the 100 ms between two looks at it.
`;

const workers = `# Metrics of a worker

A worker serves these, and its process's own, with \`--metrics-port\` (0: any free port). Workers that the coordinator starts do so by
themselves. GPUs are asked through \`nvidia-smi\`, at most every five seconds.
`;

export const tables = { coordinator: coordinatorTable, worker: workerTable };

/** The whole of docs/metrics.md. */
export function documentMetrics(): string {
  const sectionsOf = (table: object) => Object.values(table).map((declaration: MetricDeclaration) => documentMetric(declaration));
  return [introduction, ...sectionsOf(coordinatorTable), workers, ...sectionsOf(workerTable)].join('\n');
}

function documentMetric({ name, type, help, labels, buckets }: MetricDeclaration): string {
  const facts = [`- type: ${type}`];
  for (const [label, values] of Object.entries(labels)) {
    facts.push(`- label \`${label}\`${typeof values === 'string' ? '' : `: ${values.map((value) => `\`${value}\``).join(', ')}`}`);
  }
  if (buckets !== undefined) facts.push(`- buckets: ${buckets.join(', ')}`);
  return `## \`${name}\`\n\n${help}\n\n${facts.join('\n')}\n`;
}
