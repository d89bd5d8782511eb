// Draws some steps of a trace as an SVG: `node scripts/timeline-picture.mjs trace.json FIRST-STEP LAST-STEP > picture.svg`.
// For documents; Perfetto (ui.perfetto.dev) shows all of a trace, and lets you zoom.
import { readFileSync } from 'node:fs';

const [path, first, last] = process.argv.slice(2);
if (last === undefined) throw new Error('usage: node scripts/timeline-picture.mjs trace.json FIRST-STEP LAST-STEP');
const text = readFileSync(path, 'utf8');
const events = JSON.parse(text.endsWith(']\n') ? text : `${text}]`);

const left = 150;
const width = 1000;
const rowHeight = 20;
const colours = {
  step: '#dfe3e8',
  round: '#b9c4d0',
  wait: '#f4d9a6',
  compute: '#5b9bd5',
  shard: '#8fbce6',
  weights: '#9b7fc8',
  send: '#58a868',
  WORK: '#9b7fc8',
  RESULT: '#58a868',
  assign: '#9b7fc8',
  reduce: '#58a868',
  apply: '#d9705f',
  checkpoint: '#777777',
};
const fallback = colours.round;

const spans = events.filter(({ ph }) => ph === 'X');
const stepOf = (step) => spans.find(({ name }) => name === `step ${step}`);
const startUs = stepOf(first).ts;
const endUs = stepOf(last).ts + stepOf(last).dur;
const x = (us) => left + (width * (us - startUs)) / (endUs - startUs);
const escape = (value) => value.replace(/[<&>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const nameOf = (event, pid, tid) => events.find(({ name, pid: p, tid: t }) => name === event && p === pid && t === tid)?.args.name;

/** Each span below those that it is within. */
function rowsOf(ofLane) {
  const open = [];
  return ofLane
    .toSorted((a, b) => a.ts - b.ts || b.dur - a.dur)
    .map((span) => {
      while (open.length > 0 && open.at(-1).ts + open.at(-1).dur <= span.ts) open.pop();
      open.push(span);
      return { span, depth: open.length - 1 };
    });
}

const drawn = [];
let y = 24;
const lanes = events.filter(({ name }) => name === 'thread_name').toSorted((a, b) => a.pid - b.pid || a.tid - b.tid);
for (const { pid, tid } of lanes) {
  const ofLane = spans.filter((span) => span.pid === pid && span.tid === tid && span.ts < endUs && span.ts + span.dur > startUs);
  const rows = rowsOf(ofLane);
  const depth = Math.max(0, ...rows.map((row) => row.depth));
  drawn.push(
    `<text x="8" y="${y + 14}" class="lane">${escape(`${nameOf('process_name', pid)}: ${nameOf('thread_name', pid, tid)}`)}</text>`,
  );
  for (const { span, depth: row } of rows) {
    const [from, to] = [Math.max(left, x(span.ts)), Math.min(left + width, x(span.ts + span.dur))];
    const colour = colours[span.name.split(' ')[0]] ?? fallback;
    const top = y + row * rowHeight;
    const title = `<title>${escape(`${span.name}: ${(span.dur / 1000).toFixed(2)} ms`)}</title>`;
    drawn.push(
      `<rect x="${from.toFixed(1)}" y="${top}" width="${Math.max(0.6, to - from).toFixed(1)}" height="${rowHeight - 2}" fill="${colour}">${title}</rect>`,
    );
    const wait = span.name === 'wait' && span.args?.last !== undefined ? `wait for ${span.args.last}` : span.name;
    if (to - from > wait.length * 6.2 + 6) drawn.push(`<text x="${(from + 4).toFixed(1)}" y="${top + 13}">${escape(wait)}</text>`);
  }
  y += (depth + 1) * rowHeight + 10;
}

const total = left + width + 10;
const ticks = [];
const spanMs = (endUs - startUs) / 1000;
const everyMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((ms) => spanMs / ms <= 14) ?? 5000;
for (let ms = 0; ms <= spanMs; ms += everyMs) {
  const at = x(startUs + ms * 1000).toFixed(1);
  ticks.push(`<line x1="${at}" x2="${at}" y1="18" y2="${y}" stroke="#e8e8e8"/><text x="${at}" y="12" class="tick">${ms} ms</text>`);
}
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${total} ${y}" font-family="sans-serif" font-size="11">
<style>.lane{font-size:12px;font-weight:bold}.tick{fill:#666666;text-anchor:middle}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
${[...ticks, ...drawn].join('\n')}
</svg>
`);
