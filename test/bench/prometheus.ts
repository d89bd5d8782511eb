/** Reads what the benchmarks need from a coordinator's /metrics page (Prometheus' text format). */

/** Every sample: name, labels as they are printed, value. */
export type Page = readonly { readonly name: string; readonly labels: string; readonly value: number }[];

export function parsePage(text: string): Page {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    return match === null ? [] : [{ name: match[1]!, labels: match[2] ?? '', value: Number(match[3]) }];
  });
}

/** Sum of all samples of this name whose labels contain `label`. Throws when there are none: a figure must not become 0 by a typing error. */
export function total(page: Page, name: string, label = ''): number {
  const found = page.filter((sample) => sample.name === name && sample.labels.includes(label));
  if (found.length === 0) throw new Error(`/metrics has no ${name}{${label}}`);
  return found.reduce((sum, { value }) => sum + value, 0);
}
