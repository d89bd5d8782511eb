/**
 * The rooms of the packages (folders of `src`) stay apart: a program's ground floor (`main`, `session`, `runtime`) imports from its rooms,
 * never the other way round, and no two rooms import from each other. Type imports count: one room can be read without knowing the others.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../packages', import.meta.url));
const programs = ['coordinator', 'worker'];
const most = 9;

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Source files of a package, relative to its `src`. Tests, and files only for tests, may import from anywhere. */
function sourcesOf(name: string): string[] {
  const files = readdirSync(join(packages, name, 'src'), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.ts') && !/\.test\.ts$|(^|\/)testing(\/|\.ts$)/.test(file));
}

/** Imports within a package, type imports included. */
function importsOf(name: string): Import[] {
  return sourcesOf(name).flatMap((from) => {
    const source = readFileSync(join(packages, name, 'src', from), 'utf8');
    const paths = [...source.matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']+)'/g)].map((match) => match[1]!);
    return paths.map((path) => ({ from, to: normalize(join(dirname(from), path)) }));
  });
}

const isOnGroundFloor = (file: string): boolean => !file.includes('/');
/** A folder of `src`; a file of the ground floor is a room of its own. */
const roomOf = (file: string): string => file.split('/')[0]!;

/** The imports of a circle between rooms, one for each step of it; undefined if there is none. */
function circleIn(imports: readonly Import[]): Import[] | undefined {
  const done = new Set<string>();
  const visit = (room: string, path: readonly Import[]): Import[] | undefined => {
    const start = path.findIndex(({ from }) => roomOf(from) === room);
    if (start >= 0) return path.slice(start);
    if (done.has(room)) return undefined;
    for (const each of imports) {
      if (roomOf(each.from) !== room || roomOf(each.to) === room) continue;
      const circle = visit(roomOf(each.to), [...path, each]);
      if (circle !== undefined) return circle;
    }
    done.add(room);
    return undefined;
  };
  for (const { from } of imports) {
    const circle = visit(roomOf(from), []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

const shown = (imports: readonly Import[]): string => imports.map(({ from, to }) => `${from} imports ${to}`).join('; ');

for (const name of [...programs, 'shared']) {
  test(`${name}: no two rooms import from each other`, () => {
    const imports = importsOf(name);
    assert.ok(imports.length > 20, 'imports were found');
    assert.equal(shown(circleIn(imports) ?? []), '');
  });
}

// In shared it is the other way round: its rooms import from its ground floor (errors, random numbers).
for (const name of programs) {
  test(`${name}: no room imports from the ground floor`, () => {
    assert.equal(shown(importsOf(name).filter(({ from, to }) => !isOnGroundFloor(from) && isOnGroundFloor(to))), '');
  });
}

test(`coordinator: at most ${most} files on the ground floor`, () => {
  const files = sourcesOf('coordinator').filter(isOnGroundFloor);
  assert.ok(files.length <= most, files.join(', '));
});

test('a circle is found, and named', () => {
  const apart = [
    { from: 'main.ts', to: 'a/x.ts' },
    { from: 'a/x.ts', to: 'b/x.ts' },
    { from: 'a/x.ts', to: 'c/x.ts' },
    { from: 'b/x.ts', to: 'c/x.ts' },
    { from: 'c/x.ts', to: 'c/y.ts' },
  ];
  assert.equal(circleIn(apart), undefined);
  const circle = circleIn([...apart, { from: 'c/y.ts', to: 'b/y.ts' }])!;
  assert.equal(shown(circle), 'b/x.ts imports c/x.ts; c/y.ts imports b/y.ts');
});
