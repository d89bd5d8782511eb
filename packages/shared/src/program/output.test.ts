import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const module = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));

describe('standard output of a program', () => {
  const program = `
    import { createLog } from ${module('./log.ts')};
    import { runProgram } from ${module('./program.ts')};
    const log = createLog({ level: 'info' });
    await runProgram('test', async () => 0);
    process.stdin.once('data', async () => {
      for (let line = 0; line < 200; line += 1) {
        log.info('line ' + line);
        await new Promise((resolve) => setImmediate(resolve));
      }
      process.stdout.write('is it broken?', (error) => {
        process.stderr.write(String(error?.code));
        process.exitCode = 42;
        process.stdin.destroy();
      });
    });
    process.stderr.write('ready ');
  `;
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', program];

  test('closed by its reader does not end the process', async () => {
    const child = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    await once(child.stderr, 'data');
    child.stdout.destroy();
    child.stdin.write('go\n');
    const [code] = await once(child, 'close');
    assert.equal(errors, 'ready EPIPE');
    assert.equal(code, 42, errors);
  });

  test('on a full disk does not end the process', { skip: existsSync('/dev/full') ? false : 'no /dev/full here' }, async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, flags, { stdio: ['pipe', full, 'pipe'] });
    closeSync(full);
    let errors = '';
    child.stderr!.on('data', (data: Buffer) => (errors += data.toString()));
    await once(child.stderr!, 'data');
    child.stdin!.write('go\n');
    const [code] = await once(child, 'close');
    assert.equal(errors, 'ready ENOSPC');
    assert.equal(code, 42, errors);
  });
});
