/**
 * What every recipe must satisfy before anything starts, checked on the value alone.
 *
 * Responsible for: fields, bounds, and names that refer to each other. Not responsible for: what networks are made of (`worker/src/networks/`),
 * loading (`recipe-file.ts`), or what a loss does (found when it is first run). Pure; loads no TensorFlow.
 *
 * Unknown fields are refused: a misspelt optional field (`repeats`) would otherwise change the training silently.
 */
import { z } from 'zod';
import { LockstepError } from '../errors.ts';
import { pictureInput, realName } from './data-inputs.ts';
import { optimizer } from './optimizers.ts';
import { type Recipe, stepName, updatedNetworks } from './recipe.ts';

/** Names become directories, metric labels and JSON keys. */
const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must be 1 to 64 letters, digits, _ or -, starting with a letter');
const shape = z
  .array(
    z
      .int()
      .min(1)
      .max(2 ** 20),
  )
  .min(1)
  .max(6);
const method = z.custom<unknown>((value) => typeof value === 'function', 'must be a function');

/** Most declared inputs, fields of data, and networks; more than people need, and little for a machine. */
const maximumInputs = 16;
export const maximumNetworks = 32;

const phase = z.strictObject({
  name,
  updates: z.custom<string | string[]>(
    (value) => typeof value === 'string' || (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')),
    "must be the name of a network, or a list of names: the networks that its loss's gradient changes",
  ),
  repeat: z.int().min(1).max(1000).optional(),
  inputs: z.array(z.string()).max(2 * maximumInputs + 2),
  loss: method,
});

const range = z.tuple([z.number(), z.number()]).refine(([low, high]) => low !== high, 'must be two different numbers');

const field = z
  .strictObject({
    shape: z.array(shape.element).max(6),
    range: range.optional(),
    dtype: z.enum(['int32', 'float32']).optional(),
    classes: z
      .int()
      .min(1)
      .max(2 ** 31)
      .optional(),
  })
  .refine(({ range, dtype }) => (range === undefined) !== (dtype === undefined), 'must have a range (for bytes) or a dtype (for numbers)')
  .refine(({ dtype, classes }) => classes === undefined || dtype === 'int32', 'has classes, which only dtype int32 can have');

const fields = z.strictObject({
  name,
  batchSize: z
    .int()
    .min(1)
    .max(2 ** 20),
  epochs: z.number().positive().max(1e6),
  data: z.record(name, field).optional(),
  real: z.strictObject({ shape, range }).optional(),
  inputs: z.record(name, z.strictObject({ shape, distribution: z.enum(['normal', 'uniform']) })),
  networks: z.record(name, method),
  phases: z.array(phase).min(1).max(32),
  optimizers: z.record(name, optimizer),
  spectralNormalization: z.array(name).max(maximumNetworks).optional(),
  generate: method.optional(),
  gridRows: z.int().min(1).max(64).optional(),
});

type Fields = z.infer<typeof fields>;

/** What a loss receives beside declared inputs. */
const reserved = [realName, stepName, 'tf', 'networks'];

/** Returns `value` as a recipe, or throws LockstepError('recipe-invalid') that says where (`place`: "Recipe 'gan'"), which field, and why. */
export function checkRecipe(value: unknown, place: string): Recipe {
  const fail = (field: string, problem: string): never => {
    throw new LockstepError('recipe-invalid', `${place}: ${field === '' ? 'the default export' : field} ${problem}.`);
  };
  const parsed = fields.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return fail(fieldName(issue.path), problemOf(issue, at(value, issue.path)));
  }
  checkNames(parsed.data, fail);
  return value as Recipe;
}

type Fail = (field: string, problem: string) => never;

/** Everything that refers to something else by name. */
function checkNames(recipe: Fields, fail: Fail): void {
  const networks = Object.keys(recipe.networks);
  const inputs = Object.keys(recipe.inputs);
  if (networks.length === 0 || networks.length > maximumNetworks) fail('networks', `must name 1 to ${maximumNetworks} networks`);
  if (inputs.length > maximumInputs) fail('inputs', `must name at most ${maximumInputs} inputs`);
  const data = Object.keys(recipe.data ?? {});
  if (data.length > maximumInputs) fail('data', `must name at most ${maximumInputs} fields`);
  for (const field of data) {
    if (reserved.includes(field) || inputs.includes(field)) fail(`data.${field}`, 'has a name that means something else in a loss');
  }
  if (recipe.generate !== undefined && pictureInput(recipe as unknown as Recipe) === undefined)
    fail('generate', 'needs real, or a field of data with a range, which says what pictures look like');
  const named = [...(recipe.real === undefined ? [] : [realName]), ...data, stepName, ...inputs];
  for (const input of inputs) if (reserved.includes(input)) fail(`inputs.${input}`, 'has a name that means something else in a loss');
  for (const network of networks)
    if (!Object.hasOwn(recipe.optimizers, network)) fail(`optimizers.${network}`, 'is missing: every network needs one');
  for (const network of recipe.spectralNormalization ?? [])
    if (!networks.includes(network)) fail('spectralNormalization', `names no network: '${network}' (networks are ${networks.join(', ')})`);
  for (const network of Object.keys(recipe.optimizers)) {
    if (recipe.optimizers[network]!.average !== undefined && networks.includes(`${network}-average`))
      fail(`optimizers.${network}.average`, `is exported as '${network}-average', the name of another network`);
    if (!networks.includes(network)) fail(`optimizers.${network}`, `belongs to no network (networks are ${networks.join(', ')})`);
  }
  recipe.phases.forEach((each, index) => {
    const field = `phases[${index}]`;
    if (recipe.phases.findIndex((other) => other.name === each.name) !== index) fail(`${field}.name`, `'${each.name}' is used twice`);
    const updated = updatedNetworks(each);
    updated.forEach((network, at) => {
      const place = typeof each.updates === 'string' ? `${field}.updates` : `${field}.updates[${at}]`;
      if (!networks.includes(network)) fail(place, `names no network: '${network}' (networks are ${networks.join(', ')})`);
      if (updated.indexOf(network) !== at) fail(place, `names '${network}' twice`);
    });
    if (each.inputs.every((input) => input === stepName))
      fail(`${field}.inputs`, 'must name at least one input with samples, or its loss has nothing to average over');
    each.inputs.forEach((input, at) => {
      const place = `${field}.inputs[${at}]`;
      if (!named.includes(input)) fail(place, `names no input: '${input}' (inputs are ${named.join(', ')})`);
      if (each.inputs.indexOf(input) !== at) fail(place, `names '${input}' twice`);
    });
  });
}

/** ['phases', 0, 'updates'] as a person writes it: phases[0].updates. */
function fieldName(path: readonly PropertyKey[]): string {
  return path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`)).join('');
}

/** One issue as the end of a sentence whose subject is the field. Zod's own text is used where it reads well: "expected number to be >0". */
function problemOf(issue: z.core.$ZodIssue, found: unknown): string {
  if (issue.code === 'unrecognized_keys') return `has a field that recipes do not have: ${issue.keys.map((key) => `'${key}'`).join(', ')}`;
  if (issue.code === 'invalid_key') return `has a bad name: it ${issue.issues[0]?.message ?? 'is malformed'}`;
  if (issue.code === 'custom' || issue.code === 'invalid_format') return issue.message;
  if (found === undefined) return 'is missing';
  if (issue.code === 'invalid_type' && issue.expected === 'int') return `must be a whole number, not ${shown(found)}`;
  return `cannot be ${shown(found)}: ${issue.message.replace(/^[^:.]*[:.] /, '').toLowerCase()}`;
}

/** A value in few words. */
function shown(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return `'${String(value).slice(0, 64)}'`;
  return `this ${Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value}`;
}

/** What the recipe has at this path. */
function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inside, key) => (inside as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}
