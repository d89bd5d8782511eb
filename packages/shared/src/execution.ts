/**
 * How a worker runs the phases of a run: operation by operation, as one graph each, or as graphs that XLA compiles.
 *
 * The run decides it, not the worker: each way may give results that differ in their last bits.
 */
export const executions = ['eager', 'graph', 'xla'] as const;
export type Execution = (typeof executions)[number];
