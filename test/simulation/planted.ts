/** Plants one bug after the other in a copy of the sources, and looks for a world that notices. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PlantedBug, plantedBugs } from './planted-bugs.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const packages = ['shared', 'coordinator', 'worker'];
/** Among so many worlds, one must notice. */
const worlds = 10_000;
/** A bug may also make everything stand still, or turn for ever. */
const limitMs = 600_000;

/** Whether all were found. */
export async function huntPlantedBugs(): Promise<boolean> {
  const copy = mkdtempSync(join(tmpdir(), 'lockstep-planted-'));
  try {
    copySources(copy);
    const found = plantedBugs.map((bug) => hunt(copy, bug));
    const count = found.filter(Boolean).length;
    console.log(`${count} of ${found.length} planted bugs are found.`);
    return count === found.length;
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

function hunt(copy: string, { name, file, find, replace }: PlantedBug): boolean {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  const program = [...process.execArgv, join(copy, 'test/simulation/main.ts'), '--worlds', String(worlds), '--share', '0/1'];
  const { status, stderr, error } = spawnSync(process.execPath, program, { cwd: copy, encoding: 'utf8', timeout: limitMs });
  writeFileSync(path, source);
  const world = /World (\d+) fails/.exec(stderr)?.[1];
  const isFound = world !== undefined || error !== undefined;
  const how =
    world === undefined ? (isFound ? `found: no end within ${limitMs / 1000} s` : `MISSED (${status})`) : `found by world ${world}`;
  const why = stderr.split('\n').find((line) => /^\w*Error\b/.test(line) && !line.startsWith('WorldFailure')) ?? '';
  console.log(`${how.padEnd(22)} ${name}${why === '' ? '' : `\n${' '.repeat(23)}${why.trim().slice(0, 160)}`}`);
  return isFound;
}
