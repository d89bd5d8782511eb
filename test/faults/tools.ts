/**
 * Libraries that make faults inside a process, where this machine has them: Debian's `libfaketime`, `libfiu0` and `fiu-utils`, installed, or
 * unpacked (`dpkg-deb --extract`) in the directory that LOCKSTEP_FAULT_TOOLS names.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = process.env['LOCKSTEP_FAULT_TOOLS'] ?? '/';
const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
const library = (path: string): string => join(root, 'usr/lib', path);

const faketime = library(`${triplet}/faketime/libfaketimeMT.so.1`);
export const needsFaketime = existsSync(faketime) ? undefined : 'needs libfaketime (test/faults/tools.ts)';

/** Variables of a process whose wall clock is shifted by what the file says: `+3600`, `-3600`. Its monotonic clock stays right. */
export function shiftedBy(file: string): NodeJS.ProcessEnv {
  return { LD_PRELOAD: faketime, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1' };
}

const fiu = ['fiu/fiu_run_preload.so', 'fiu/fiu_posix_preload.so'].map(library);
export const needsFiu = fiu.every((path) => existsSync(path)) ? undefined : 'needs libfiu (test/faults/tools.ts)';

/** Variables of a process in which some calls of the C library fail: `posix/io/rw/*`, with an error number, at random. */
export function failing(calls: string, errorNumber: number, probability: number): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: fiu.join(' '),
    LD_LIBRARY_PATH: library(''),
    FIU_ENABLE: `enable_random name=${calls},probability=${probability},failinfo=${errorNumber}`,
  };
}
