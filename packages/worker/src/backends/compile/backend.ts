/**
 * A backend that runs on tfjs-node, with its ways to compile a phase.
 *
 * Responsible for: putting the pieces together. Not responsible for: loading tfjs-node (`native-library.ts`), or which way a run takes.
 */
import type { Tf } from '@lockstep/shared';
import type { Backend } from '../backend.ts';
import { compilePhase } from './index.ts';
import { requireXla, setXlaFlags } from './xla.ts';

/** `xlaFlags`: see `setXlaFlags`. */
export function tfjsNodeBackend(name: string, device: string, tf: Tf, xlaFlags: readonly string[] = []): Backend {
  return {
    name,
    device,
    tf,
    compile: (eager) => compilePhase(tf, eager),
    withXla() {
      requireXla(tf);
      setXlaFlags(xlaFlags);
      return { name, device, tf, mode: 'xla', compile: (eager) => compilePhase(tf, eager, { xla: true }) };
    },
  };
}
