/** Of every element of one worker's gradient in `synchronisation`. Its sums over up to 2^20 workers are exact in float32. */
export const workerValue = 3;
