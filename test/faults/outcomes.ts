/** Runs every test that the table of faults names, and tells what each fault came to. */
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { root } from '../e2e/harness.ts';
import type { Outcomes } from './document.ts';
import type { Fault, TestReference } from './table.ts';

interface Ran {
  readonly file: string;
  readonly name: string;
  /** Undefined: it passed. */
  readonly fault: string | undefined;
}

const scenariosFile = 'test/faults/faults.test.ts';

export async function findOutcomes(faults: readonly Fault[], say: (line: string) => void): Promise<Outcomes> {
  const wanted = new Map(faults.map((fault) => [fault.id, referencesOf(fault)]));
  const references = [...wanted.values()].flat();
  const ran: Ran[] = [];
  const files = [...new Set(references.map(({ file }) => join(root, file)))];
  const testNamePatterns = references.map(patternOf);
  for await (const { type, data } of run({ files, concurrency: 2, testNamePatterns })) {
    if (type === 'test:stderr' || (type !== 'test:pass' && type !== 'test:fail')) continue;
    const { name, file = '', skip, details } = data;
    const isSkipped = skip !== undefined && skip !== false;
    const fault = type === 'test:fail' ? 'failed' : isSkipped ? `skipped: ${String(skip)}` : undefined;
    if (details.type === 'suite' || skip === 'test name does not match pattern') continue;
    ran.push({ file: relative(root, file), name, fault });
    say(`${fault ?? 'passed'}: ${name}`);
  }
  return new Map([...wanted].map(([id, tests]) => [id, outcomeOf(tests, ran)]));
}

function referencesOf({ id, fault, scenarios = {}, tests = [] }: Fault): TestReference[] {
  return [...Object.keys(scenarios).map((name) => ({ file: scenariosFile, name: `${id}. ${fault}: ${name}` })), ...tests];
}

function patternOf({ name }: TestReference): RegExp {
  const parts = name.split(/\$\{.*?\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('.*'));
}

/** The worst of its tests. */
function outcomeOf(tests: readonly TestReference[], ran: readonly Ran[]): string {
  if (tests.length === 0) return 'not tested';
  const each = tests.map((test) => {
    const found = ran.filter(({ file, name }) => file === test.file && patternOf(test).test(name));
    return found.length === 0 ? `failed: '${test.name}' did not run` : found.find(({ fault }) => fault !== undefined)?.fault;
  });
  const faults = each.filter((fault) => fault !== undefined);
  return faults.find((fault) => fault.startsWith('failed')) ?? faults[0] ?? 'survived';
}
