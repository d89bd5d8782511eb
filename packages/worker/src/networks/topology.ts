/**
 * A model's layer topology as plain data that does not depend on what else the process has built.
 *
 * TF.js numbers unnamed layers and models by process-wide counters (`leaky_re_lu_LeakyReLU7`, `sequential_3`), so two workers may name
 * the same layer differently. Here each automatic name is renumbered within its network. Names that people chose stay.
 */
import type { LayersModel } from '@lockstep/shared';

/** `tf.LayersModel.toJSON` as an object: what `model.json` calls modelTopology. */
export function topologyOf(model: LayersModel): Record<string, unknown> {
  const topology = JSON.parse(model.toJSON() as unknown as string) as Record<string, unknown>;
  const names = new Set<string>();
  const automatic = new Map<string, string>();
  visitNames(topology, (name, className) => {
    if (isAutomaticName(name, className)) automatic.set(name, '');
    else names.add(name);
  });
  for (const name of automatic.keys()) automatic.set(name, renumbered(name, names));
  return rename(topology, automatic) as Record<string, unknown>;
}

/** Whether TF.js made this name: `dense_Dense3`, `input2`, `model1`, `sequential_1`. */
export function isAutomaticName(name: string, className: string): boolean {
  if (className === 'InputLayer') return /^input\d+$/.test(name);
  if (className === 'Sequential') return /^sequential_\d+$/.test(name);
  if (className === 'Model' || className === 'Functional') return /^(model|functional)\d+$/.test(name);
  return name.replace(/\d+$/, '').endsWith(`_${className}`) && /\d$/.test(name);
}

/** Takes the first number that is free. */
function renumbered(name: string, names: Set<string>): string {
  const stem = name.replace(/\d+$/, '');
  let number = 1;
  while (names.has(`${stem}${number}`)) number += 1;
  names.add(`${stem}${number}`);
  return `${stem}${number}`;
}

/** Every `{ class_name, config: { name } }` inside, in document order. */
function visitNames(value: unknown, visit: (name: string, className: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  const { class_name: className, config } = value as { class_name?: unknown; config?: { name?: unknown } };
  if (typeof className === 'string' && typeof config?.name === 'string') visit(config.name, className);
  for (const inside of Object.values(value)) visitNames(inside, visit);
}

function rename(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') return names.get(value) ?? value;
  if (Array.isArray(value)) return value.map((inside) => rename(inside, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, rename(inside, names)]));
}
