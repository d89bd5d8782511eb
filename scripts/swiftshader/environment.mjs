/**
 * Makes SwiftShader visible to a process: the loader and the driver are found through the environment, which must be set before it starts.
 *
 * Responsible for: the variables. Not responsible for: fetching it (`build.mjs`).
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { storeDirectory } from '../../packages/worker/native/store.mjs';

/** For a SwiftShader in `directory`. LOCKSTEP_WEBGPU_SOFTWARE lets the backend use an adapter that is not a GPU. */
export function swiftshaderVariables(directory, environment) {
  const libraries = environment.LD_LIBRARY_PATH;
  return {
    VK_DRIVER_FILES: join(directory, 'vk_swiftshader_icd.json'),
    LD_LIBRARY_PATH: libraries ? `${directory}${delimiter}${libraries}` : directory,
    LOCKSTEP_WEBGPU_SOFTWARE: '1',
  };
}

/** For tests: SwiftShader where `npm run swiftshader` has put it, unless the environment names a driver itself. Otherwise nothing. */
export function testVariables(environment) {
  const directory = join(storeDirectory, 'swiftshader');
  if (environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES || !existsSync(join(directory, 'build.json'))) return {};
  return swiftshaderVariables(directory, environment);
}
