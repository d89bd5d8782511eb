/**
 * From the text of a recipe file to JavaScript that imports nothing but Lockstep.
 *
 * Types are erased by swc's stripper, the one inside Node itself, which overwrites them with spaces: every line stays where it is, and Node
 * 20 runs TypeScript as Node 24 does. A recipe is one file, so that its hash covers all of its code: any other import is refused.
 */
import { parse } from 'es-module-lexer';
import { invalidRecipe } from './invalid-recipe.ts';

export interface RecipeCode {
  readonly text: string;
  /** As `import` and `export` make it; CommonJS otherwise. */
  readonly isModule: boolean;
}

/** What a recipe may import, for `defineRecipe` and the types. */
export const importable: readonly string[] = ['@lockstep/coordinator', '@lockstep/shared'];

const typed: ReadonlySet<string> = new Set(['.ts', '.mts']);

/** `place` names the file in errors; `lockstepUrl` is imported where the recipe imports Lockstep. */
export async function readRecipeSource(source: string, extension: string, place: string, lockstepUrl: string): Promise<RecipeCode> {
  const code = typed.has(extension) ? await withoutTypes(source, place) : source;
  const [imports, , , hasModuleSyntax] = lex(code, place);
  const pieces: string[] = [];
  let end = 0;
  for (const found of imports) {
    const { type, specifier = null } = found;
    if (type === 'dynamic' || type === 'import-meta' || specifier === null || !importable.includes(specifier))
      throw invalidRecipe(`${place} ${whatItDoes(type, specifier)} in line ${lineAt(code, found.start)}. ${rule}`);
    pieces.push(code.slice(end, found.start), lockstepUrl);
    end = found.end;
  }
  return { text: pieces.join('') + code.slice(end), isModule: extension === '.mjs' || extension === '.mts' || hasModuleSyntax };
}

/** Why, for `import` and `require` alike. */
export const rule = `A recipe is one file, so that its hash covers all of its code: copy what it needs into it, or bundle both. It may import only ${importable.join(' and ')}, for defineRecipe.`;

function whatItDoes(type: string, specifier: string | null): string {
  if (type === 'import-meta') return 'uses import.meta';
  return specifier === null ? 'imports something' : `imports '${specifier.slice(0, 128)}'`;
}

function lex(code: string, place: string): ReturnType<typeof parse> {
  try {
    return parse(code);
  } catch (error) {
    throw invalidRecipe(`${place} cannot be parsed (${whereHint(place)}).`, error);
  }
}

/** Only on its own command line does Node say which line of a module cannot be parsed. */
export function whereHint(place: string): string {
  return `'node --check ${place.replace('Recipe ', '')}' shows where`;
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** What the stripper throws: a plain object. */
interface Complaint {
  readonly code?: 'UnsupportedSyntax' | 'InvalidSyntax';
  readonly message?: string;
  readonly startLine?: number;
}

async function withoutTypes(source: string, place: string): Promise<string> {
  // Loaded only here: three megabytes that a recipe in JavaScript does not need.
  const { default: stripper } = await import('@swc/wasm-typescript');
  try {
    return stripper.transformSync(source, { mode: 'strip-only' }).code;
  } catch (error) {
    const { code, message = String(error), startLine } = error as Complaint;
    const line = startLine === undefined ? '' : ` in line ${startLine}`;
    const what = message.split('\n')[0]!.replace(/\.$/, '').slice(0, 256);
    throw code === 'UnsupportedSyntax'
      ? invalidRecipe(
          `${place} needs more than its types erased${line}: ${what.replace(/ in strip-only mode/, '')}. Write it in JavaScript with types (enum: an object as const).`,
          error,
        )
      : invalidRecipe(`${place} cannot be parsed${line}: ${what}.`, error);
  }
}
