/**
 * `node --import` of this takes all observing out of a coordinator: what it would count for metrics, time by worker, and keep for the live
 * page is replaced by nothing (`bare-observation.mjs`). So what observing costs can be measured, without an option that nobody else needs.
 */
import { register } from 'node:module';

const replaced = ['metrics/metrics.js', 'reporting/worker-times.js', 'live/live-figures.js'];
const hooks = `export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  const isReplaced = ${JSON.stringify(replaced)}.some((file) => resolved.url.endsWith('/coordinator/dist/' + file));
  return isReplaced ? { url: ${JSON.stringify(new URL('bare-observation.mjs', import.meta.url).href)}, shortCircuit: true } : resolved;
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
