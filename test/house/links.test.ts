/** Everything that a document refers to exists: the targets of links, and the project's paths in backticks. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Tracked files and new ones, as a clone would have them. */
const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z', '*.md'], { cwd: root, encoding: 'utf8' });
const documents = listed.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));

test('links of documents lead to files, and anchors to headings', () => {
  const broken = documents.flatMap((document) =>
    linksIn(read(document))
      .filter((link) => !leadsSomewhere(document, link))
      .map((link) => `${document}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('paths of the project in backticks exist', () => {
  const missing = documents.flatMap((document) =>
    pathsIn(read(document))
      .filter((path) => !existsSync(join(root, path)))
      .map((path) => `${document}: ${path}`),
  );
  assert.deepEqual(missing, []);
});

test('the index of decisions lists every page, once', () => {
  const pages = readdirSync(join(root, 'docs/decisions')).filter((name) => name !== 'README.md');
  const index = linksIn(read('docs/decisions/README.md')).filter((link) => !link.includes('/'));
  assert.deepEqual(index.toSorted(), pages.toSorted());
});

test('broken links, anchors and paths are found', () => {
  assert.deepEqual(linksIn('[a](b.md) ![c](d.png) [`e`](https://x) [f](g.md#h "title")\n\n    [code](i)\n'), ['b.md', 'd.png', 'g.md#h']);
  assert.equal(leadsSomewhere('docs/native.md', '../README.md#speed'), true);
  for (const link of ['../README.md#no-such-heading', 'no-such-file.md', '#no-such-heading']) {
    assert.equal(leadsSomewhere('docs/native.md', link), false, link);
  }
  assert.deepEqual(pathsIn('`test/x.ts` `node scripts/y.mjs --flag` `src/z.ts` `packages/shared/assembly`'), [
    'test/x.ts',
    'scripts/y.mjs',
    'packages/shared/assembly',
  ]);
});

function read(document: string): string {
  return readFileSync(join(root, document), 'utf8');
}

/** Text without blocks of code. */
function prose(text: string): string {
  return text.replace(/^```.*?^```$/gms, '').replace(/^ {4}.*$/gm, '');
}

/** Targets within the project. */
function linksIn(text: string): string[] {
  const targets = [...prose(text).matchAll(/\]\(([^\s)]+)[^)]*\)/g)].map((match) => match[1]!);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

function leadsSomewhere(document: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? document : relative(root, join(root, dirname(document), file));
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

/** As GitHub makes them from headings. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

/** Words in backticks that name a file or folder of the repository. */
function pathsIn(text: string): string[] {
  const spans = [...prose(text).matchAll(/`([^`\n]+)`/g)].flatMap((match) => match[1]!.split(/\s+/));
  return spans.filter((word) => /^(packages|test|scripts|docs|examples|deploy)\/[\w./-]+$/.test(word));
}
