/**
 * Puts measured tables into a Markdown file written by hand: each between two markers, so that prose stays and figures are never typed.
 *
 *     <!-- bench:training -->
 *     <!-- /bench:training -->
 */

/** The document with the block `name` replaced. Throws when it has no such block. */
export function replaceBlock(document: string, name: string, content: string): string {
  const opening = `<!-- bench:${name} -->`;
  const closing = `<!-- /bench:${name} -->`;
  const start = document.indexOf(opening);
  const end = document.indexOf(closing, start);
  if (start < 0 || end < 0) throw new Error(`the document has no place for '${name}': it needs the lines ${opening} and ${closing}`);
  return `${document.slice(0, start + opening.length)}\n${content.trim()}\n${document.slice(end)}`;
}
