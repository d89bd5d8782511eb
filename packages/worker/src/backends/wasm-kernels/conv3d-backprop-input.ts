/** Conv3DBackpropInputV2 on wasm, refused: TF.js's kernel gives wrong numbers, so only the first layer of a network could be a conv3d. */
import { LockstepError, type Tf } from '@lockstep/shared';
import { replaceKernel } from './kernel-host.ts';

export function refuseConv3dBackpropInput(tf: Tf): void {
  replaceKernel(tf, 'Conv3DBackpropInputV2', () => () => {
    throw new LockstepError(
      'recipe-invalid',
      "the gradient of conv3d's input is wrong in TF.js's wasm backend: let conv3d be the first layer with weights, or use --backend tensorflow",
    );
  });
}
