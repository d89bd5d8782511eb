/** Which series the panels of one run read. */

export const run = 'job=~"$job", run_id=~"$run"';
export const worker = `${run}, worker=~"$worker"`;
/** Processes: the coordinator, which has no label `worker`, and the workers that were chosen. */
export const process = `${run}, worker=~"$worker|"`;
export const coordinator = `${run}, role="coordinator"`;
