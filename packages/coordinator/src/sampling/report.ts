/** An evaluation as one page that needs nothing else: no script, no address, pictures inside. Pure: text from figures. */
import type { Score } from './evaluation.ts';

export interface ReportPicture {
  readonly title: string;
  readonly caption: string;
  readonly png: Buffer;
}

export interface Report {
  readonly title: string;
  /** Facts of the run: name and value. */
  readonly facts: readonly (readonly [string, string])[];
  readonly scores: readonly Score[];
  readonly pictures: readonly ReportPicture[];
}

const style = `
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.8rem 0.4rem 0; border-bottom: 1px solid #8886; }
  td.value { white-space: nowrap; font-variant-numeric: tabular-nums; }
  small { opacity: 0.8; }
  img { max-width: 100%; image-rendering: pixelated; }
  figure { margin: 1rem 0; }
`;

export function renderReport({ title, facts, scores, pictures }: Report): string {
  const rows = scores.map(
    (score) =>
      `<tr><th scope="row">${escape(score.name)}</th><td class="value">${valueOf(score)}</td><td>${escape(score.method)}<br><small>${escape(score.source)}</small></td></tr>`,
  );
  const figures = pictures.map(
    ({ title: name, caption, png }) =>
      `<figure><h2>${escape(name)}</h2><img alt="${escape(caption)}" src="data:image/png;base64,${png.toString('base64')}"><figcaption>${escape(caption)}</figcaption></figure>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>${style}</style>
<h1>${escape(title)}</h1>
<table>${facts.map(([name, value]) => `<tr><th scope="row">${escape(name)}</th><td>${escape(value)}</td></tr>`).join('\n')}</table>
<h2>Scores</h2>
<table><tr><th>Score</th><th>Value</th><th>How it was computed</th></tr>
${rows.join('\n')}</table>
${figures.join('\n')}
</html>
`;
}

function valueOf({ value, standardError, unit }: Score): string {
  const error = standardError === undefined ? '' : ` &plusmn; ${standardError.toPrecision(2)}`;
  return `${value.toPrecision(4)}${error} ${escape(unit)}`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
