// Reporter for node:test: after all files, the seconds of each suite (a package, or a folder of test/) and of the slowest files.
import { relative, resolve } from 'node:path';

const slowestFiles = 10;

export default async function* (events) {
  const files = [];
  const suites = new Map();
  for await (const { type, data } of events) {
    // A test with the name of its file stands for the whole file, from the start of its process to its end.
    if (type !== 'test:complete' || data.file === undefined || resolve(data.name) !== data.file) continue;
    const name = relative(process.cwd(), data.file);
    const suite = name.split('/', 2).join('/');
    const seconds = data.details.duration_ms / 1000;
    files.push({ name, seconds });
    suites.set(suite, (suites.get(suite) ?? 0) + seconds);
  }
  const bySuite = [...suites].map(([name, seconds]) => ({ name, seconds }));
  yield `\nTime by suite:\n${table(bySuite)}Slowest files:\n${table(files, slowestFiles)}`;
}

function table(rows, longest = rows.length) {
  const slowestFirst = rows.toSorted((a, b) => b.seconds - a.seconds).slice(0, longest);
  return slowestFirst.map(({ name, seconds }) => `${seconds.toFixed(1).padStart(8)} s  ${name}\n`).join('');
}
