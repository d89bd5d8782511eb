/**
 * Benchmarks that are programs of their own: they print a table, and one line of JSON at the end.
 *
 * Responsible for: running them and taking their output over.
 */
import { fileURLToPath } from 'node:url';
import type { Options } from './options.ts';
import { run } from './processes.ts';
import type { Report } from './report.ts';

export function wasm(_options: Options, say: (line: string) => void): Promise<Report> {
  return program('wasm', say);
}

async function program(name: string, say: (line: string) => void): Promise<Report> {
  say('started');
  const output = await run(process.execPath, [...process.execArgv, fileURLToPath(new URL(`${name}.ts`, import.meta.url))]);
  const lines = output.trimEnd().split('\n');
  const results = lines.flatMap((line): object[] => (line.startsWith('{') ? [JSON.parse(line) as object] : []));
  const [title, ...verbatim] = lines.filter((line) => !line.startsWith('{'));
  return { name, title: title ?? '', verbatim: verbatim.join('\n'), tables: [], notes: [], results };
}
