/**
 * From what a person writes after `--recipe` to a checked recipe and its hash.
 *
 * Responsible for: telling names from paths, loading a module, errors a person can act on, and the hash that coordinator and workers
 * compare. Not responsible for: what a recipe must satisfy (`recipe-rules.ts`). Code never travels: each machine loads its own copy.
 *
 * A file is read once: what is hashed is what runs. So it is not Node's loader that reads it; it is evaluated from a data: URL
 * (CommonJS: by `compileFunction`), with the file's name in stack traces.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';
import { LockstepError } from '../errors.ts';
import { sha256 } from '../sha256.ts';
import { invalidRecipe } from './invalid-recipe.ts';
import * as authoring from './recipe.ts';
import type { Recipe } from './recipe.ts';
import { checkRecipe } from './recipe-rules.ts';
import { importable, readRecipeSource, type RecipeCode, rule, whereHint } from './recipe-source.ts';
import { builtInRecipe } from './built-in/index.ts';

export interface LoadedRecipe {
  readonly recipe: Recipe;
  /** SHA-256, lower-case hex: of the file's bytes, or of a built-in's name, settings and package version. */
  readonly hash: string;
  /** Absolute path, for a recipe from a file. */
  readonly file?: string;
}

/** More than any recipe needs: a wrong path (a data file, a model) is refused before it is parsed. */
const maximumBytes = 1024 * 1024;
const extensions = ['.ts', '.mts', '.mjs', '.js', '.cjs'];
/** What a recipe gets for an import of Lockstep: recipe.ts in the sources, recipe.js in dist. */
const authoringUrl = new URL(`recipe${extname(new URL(import.meta.url).pathname)}`, import.meta.url).href;

/**
 * Loads a built-in by its name, or a JavaScript or TypeScript module with a default export by its path: anything with a slash or an extension.
 * Throws LockstepError('recipe-invalid') for an unknown name and for a file that is missing, cannot be loaded or breaks a rule.
 */
export async function loadRecipe(nameOrFile: string): Promise<LoadedRecipe> {
  const isPath = /[/\\]/.test(nameOrFile) || extname(nameOrFile) !== '';
  return isPath ? fromFile(nameOrFile) : loadBuiltInRecipe(nameOrFile);
}

/** Never touches a file that the name may spell: for names that come from another machine. */
export function loadBuiltInRecipe(name: string): LoadedRecipe {
  const recipe = checkRecipe(builtInRecipe(name), `Recipe '${name}'`);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  // JSON leaves out functions; the version stands for those.
  return { recipe, hash: sha256(`built-in ${version} ${JSON.stringify(recipe)}`) };
}

async function fromFile(path: string): Promise<LoadedRecipe> {
  const file = resolve(path);
  const place = `Recipe ${path}`;
  const extension = extname(file);
  if (!extensions.includes(extension))
    throw invalidRecipe(`${place} is not JavaScript or TypeScript: its name must end in ${extensions.join(', ')}.`);
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw invalidRecipe(`${place} cannot be read: ${reasonFor(error)}.`, error);
  });
  if (bytes.length > maximumBytes) throw invalidRecipe(`${place} has ${bytes.length} bytes; a recipe has at most ${maximumBytes}.`);
  const code = await readRecipeSource(bytes.toString('utf8'), extension, place, authoringUrl);
  const exported = await evaluate(code, pathToFileURL(file).href, place);
  if (exported === undefined) throw invalidRecipe(`${place} has no default export: end it with 'export default { ... }'.`);
  return { recipe: checkRecipe(exported, place), hash: sha256(bytes), file };
}

async function evaluate({ text, isModule }: RecipeCode, url: string, place: string): Promise<unknown> {
  try {
    if (!isModule) return evaluateCommonJs(text, url, place);
    const named = Buffer.from(`${text}\n//# sourceURL=${url}`).toString('base64');
    return ((await import(`data:text/javascript;base64,${named}`)) as { default?: unknown }).default;
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    const message = (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/\.$/, '');
    if (!(error instanceof SyntaxError)) throw invalidRecipe(`${place} failed while loading${lineOf(error, url)}: ${message}.`, error);
    const missing = /does not provide an export named '?(\w+)/.exec(message)?.[1];
    throw missing === undefined
      ? invalidRecipe(`${place} cannot be parsed: ${message} (${whereHint(place)}).`, error)
      : invalidRecipe(
          `${place} imports '${missing}', which recipes cannot: defineRecipe is there, and types are taken by 'import type'.`,
          error,
        );
  }
}

function evaluateCommonJs(text: string, url: string, place: string): unknown {
  const module: { exports: unknown } = { exports: undefined };
  const require = (specifier: unknown): unknown => {
    if (importable.includes(String(specifier))) return authoring;
    throw invalidRecipe(`${place} requires '${String(specifier).slice(0, 128)}'. ${rule}`);
  };
  compileFunction(text, ['module', 'exports', 'require'], { filename: url })(module, {}, require);
  return module.exports;
}

/** ' in line 12', where the stack names the file. */
function lineOf(error: unknown, url: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const from = stack.indexOf(`${url}:`);
  const line = from < 0 ? undefined : /^\d+/.exec(stack.slice(from + url.length + 1))?.[0];
  return line === undefined ? '' : ` in line ${line}`;
}

function reasonFor(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'EISDIR') return 'it is a folder';
  if (error.code === 'EACCES') return 'its permissions forbid it';
  return error.message;
}
