/** Options as config.json held them before they got their present names: a run begun then can still be resumed and repeated. */

/** The same options under their present names. Values are not checked here. */
export function withPresentNames(file: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { sampleEvery, compile, xla, ...rest } = file;
  return {
    ...rest,
    ...(sampleEvery === undefined ? {} : { gridEvery: sampleEvery }),
    ...(compile === undefined && xla === undefined ? {} : { execution: executionOf(compile, xla) }),
  };
}

/** Until 0.1.0 two switches, `--no-compile` and `--xla`. */
function executionOf(compile: unknown, xla: unknown): string {
  if (compile === false) return 'eager';
  return xla === true ? 'xla' : 'graph';
}
