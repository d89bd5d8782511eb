import assert from 'node:assert/strict';
import test from 'node:test';
import { replaceBlock } from './document.ts';

test('a block is replaced, again and again, and nothing else', () => {
  const document = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n';
  const once = replaceBlock(document, 'x', 'new $& figures\n');
  assert.equal(once, 'a\n<!-- bench:x -->\nnew $& figures\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n');
  assert.equal(replaceBlock(once, 'x', 'new $& figures'), once);
});

test('a document without the block is named as such', () => {
  assert.throws(() => replaceBlock('<!-- bench:x -->', 'x', ''), /has no place for 'x'/);
});
