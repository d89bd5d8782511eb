/**
 * From what a person writes after `--recipe` to a checked recipe and its hash.
 *
 * Responsible for: telling names from paths, loading a module, errors a person can act on, and the hash that coordinator and workers
 * compare. Not responsible for: what a recipe must satisfy (`recipe-rules.ts`). Code never travels: each machine loads its own copy.
 *
 * The hash of a file covers that file alone. A recipe that imports other files is not protected against their differing; the
 * fingerprint of READY still is.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LockstepError } from '../errors.ts';
import { sha256 } from '../sha256.ts';
import type { Recipe } from './recipe.ts';
import { checkRecipe } from './recipe-rules.ts';
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
const extensions = ['.mjs', '.js', '.cjs'];

/**
 * Loads a built-in by its name, or a JavaScript module with a default export by its path: anything with a slash or an extension.
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
  if (!extensions.includes(extname(file)))
    throw invalid(`${place} is not a JavaScript module: its name must end in ${extensions.join(', ')}.`);
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw invalid(`${place} cannot be read: ${reasonFor(error)}.`, error);
  });
  if (bytes.length > maximumBytes) throw invalid(`${place} has ${bytes.length} bytes; a recipe has at most ${maximumBytes}.`);
  const hash = sha256(bytes);
  const module = await load(file, hash, place);
  if (module.default === undefined) throw invalid(`${place} has no default export: end it with 'export default { ... }'.`);
  return { recipe: checkRecipe(module.default, place), hash, file };
}

/** The query makes Node load these very bytes, should the file have changed since it was loaded before. */
async function load(file: string, hash: string, place: string): Promise<{ default?: unknown }> {
  try {
    return (await import(`${pathToFileURL(file).href}?sha256=${hash}`)) as { default?: unknown };
  } catch (error) {
    if (error instanceof SyntaxError) {
      const hint = extname(file) === '.mjs' ? '' : " If it uses 'import' or 'export', name it .mjs.";
      throw invalid(
        `${place} cannot be parsed: ${error.message} ('node --check ${place.replace('Recipe ', '')}' shows where).${hint}`,
        error,
      );
    }
    const message = error instanceof Error ? error.message : String(error);
    throw invalid(`${place} failed while loading${lineOf(error, file)}: ${message.split('\n')[0]!.replace(/\.$/, '')}.`, error);
  }
}

/** ' in line 12', where the stack names the file. */
function lineOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const from = stack.indexOf(basename(file));
  const line = from < 0 ? undefined : /^[^:\n]*:(\d+)/.exec(stack.slice(from))?.[1];
  return line === undefined ? '' : ` in line ${line}`;
}

function reasonFor(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'EISDIR') return 'it is a folder';
  if (error.code === 'EACCES') return 'its permissions forbid it';
  return error.message;
}

function invalid(sentence: string, cause?: unknown): LockstepError {
  return new LockstepError('recipe-invalid', sentence, { cause });
}
