/** For tests of what is on disk: directories that are removed with the test, and a disk small enough to fill. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** An empty directory, removed after the test. */
export function scratchDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A mounted tmpfs of `kibibytes`, unmounted after the test. Undefined, with the test skipped, if this user has no right to mount. */
export function smallDisk(t: TestContext, kibibytes: number): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', directory], { stdio: 'ignore' });
  } catch {
    rmSync(directory, { recursive: true });
    t.skip('no right to mount a small tmpfs');
    return undefined;
  }
  t.after(() => {
    execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true });
  });
  return directory;
}
