/** Plants one bug after the other in a copy of the sources, and looks for a world that notices. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlantedBug } from './planted-bugs.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const packages = ['shared', 'coordinator', 'worker'];
/** A bug may also make everything stand still, or turn for ever. */
const limitMs = 600_000;

export interface Hunt {
  readonly bugs: readonly PlantedBug[];
  /** Among so many, one must notice. */
  readonly worlds: number;
  readonly say: (line: string) => void;
}

/** How many were found. */
export function huntPlantedBugs(hunt: Hunt): number {
  const copy = mkdtempSync(join(tmpdir(), 'lockstep-planted-'));
  try {
    copySources(copy);
    return hunt.bugs.filter((bug) => isFound(copy, bug, hunt)).length;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function copySources(copy: string): void {
  for (const name of [...packages.map((each) => join('packages', each)), 'test/simulation']) {
    const wanted = (path: string): boolean => !/\/(node_modules|dist)$/.test(path);
    cpSync(join(root, name), join(copy, name), { recursive: true, filter: wanted });
  }
  for (const file of ['package.json', 'tsconfig.base.json']) cpSync(join(root, file), join(copy, file));
  const modules = join(copy, 'node_modules');
  mkdirSync(join(modules, '@lockstep'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@lockstep') symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  for (const name of packages) symlinkSync(join(copy, 'packages', name), join(modules, '@lockstep', name));
}

function isFound(copy: string, { name, file, find, replace }: PlantedBug, { worlds, say }: Hunt): boolean {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  const program = [join(copy, 'test/simulation/main.ts'), '--worlds', String(worlds), '--share', '0/1'];
  const options = { cwd: copy, encoding: 'utf8', timeout: limitMs } as const;
  const { stderr, error } = spawnSync(process.execPath, ['--conditions=source', '--import', 'tsx', ...program], options);
  writeFileSync(path, source);
  const world = /World (\d+) fails/.exec(stderr)?.[1];
  if (world === undefined && error === undefined) {
    say(`NOT FOUND             ${name}`);
    return false;
  }
  const why = stderr.split('\n').find((line) => /^\w*Error\b/.test(line) && !line.startsWith('WorldFailure'));
  const how = world === undefined ? `no end in ${limitMs / 1000} s` : `found by world ${world}`;
  say(`${how.padEnd(21)} ${name}\n${' '.repeat(22)}${(why ?? '').slice(0, 160)}`);
  return true;
}
