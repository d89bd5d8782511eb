/**
 * What each backend can do, for both programs: the coordinator uses it to plan local workers, a worker to check its flags and choose a
 * backend.
 *
 * Not responsible for: loading (`worker/src/backends/`).
 */

export interface BackendTraits {
  /**
   * `cpu`: one core for each worker. `nvidia-gpu`: one GPU for each worker, named by its index or its UUID. `any-gpu`: a GPU of any vendor,
   * named by its index; local workers share one, since equal GPUs cannot be told apart.
   */
  readonly runsOn: 'cpu' | 'nvidia-gpu' | 'any-gpu';
  /** `--execution xla`. */
  readonly hasXla: boolean;
  /** Whether `auto` tries it, in the order of the table. */
  readonly triedByAuto: boolean;
}

export const backendTable = {
  cuda: { runsOn: 'nvidia-gpu', hasXla: true, triedByAuto: true },
  tensorflow: { runsOn: 'cpu', hasXla: true, triedByAuto: true },
  wasm: { runsOn: 'cpu', hasXla: false, triedByAuto: true },
  // Its results differ in their last bits from those of the CPU backends, and it has not been measured on GPUs: a person chooses it.
  webgpu: { runsOn: 'any-gpu', hasXla: false, triedByAuto: false },
} as const satisfies Readonly<Record<string, BackendTraits>>;

export type BackendName = keyof typeof backendTable;
export type BackendChoice = 'auto' | BackendName;
/** The backends that run on `Device`. */
export type BackendOn<Device extends BackendTraits['runsOn']> = {
  [Name in BackendName]: (typeof backendTable)[Name]['runsOn'] extends Device ? Name : never;
}[BackendName];

export const backendNames = Object.keys(backendTable) as BackendName[];
/** What `auto` tries, in order. */
export const autoBackends = backendNames.filter((name) => backendTable[name].triedByAuto);
/** What `auto` takes where there are GPUs for it. */
export const autoGpuBackend = autoBackends.find((name) => backendTable[name].runsOn !== 'cpu')!;
/** What `--backend` takes. */
export const backendChoices: readonly BackendChoice[] = ['auto', ...backendNames];

export function runsOn<Device extends BackendTraits['runsOn']>(name: BackendName, device: Device): name is BackendOn<Device> {
  return backendTable[name].runsOn === device;
}

/** The names of the backends with a trait, for use in a sentence: 'cuda or webgpu'. */
export function backendsWhere(has: (traits: BackendTraits) => boolean): string {
  return backendNames.filter((name) => has(backendTable[name])).join(' or ');
}
