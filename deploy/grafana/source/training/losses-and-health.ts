import type { Row } from '../frame.ts';
import { lines } from '../panels.ts';
import { run } from './selectors.ts';

export const lossesAndHealth: Row = {
  title: 'Losses and GAN health',
  panels: [
    lines(
      { title: 'Loss', description: 'Mean over the global batch in the last committed round of each phase.', unit: 'short', width: 12 },
      { '{{phase}}': `lockstep_loss{${run}}` },
    ),
    lines(
      {
        title: 'Scores of the recipe',
        description:
          'What the recipe reports beside its losses. For a GAN, realScore is D(x) and fakeScore is D(G(z)): 1 and 0 mean that the discriminator has won, 0.5 each that it cannot tell.',
        unit: 'short',
        width: 12,
      },
      { '{{name}}': `lockstep_recipe_metric{${run}}` },
    ),
    lines(
      {
        title: 'Gradient norms',
        description:
          'Before clipping. A norm that sinks towards 0 means that its network learns nothing any more; one that soars foretells numbers that are not finite.',
        unit: 'short',
        width: 8,
      },
      { '{{phase}}': `lockstep_gradient_norm{${run}}` },
      { from: 0 },
    ),
    lines(
      { title: 'Update norms', description: 'How far a commit moved the weights of its network.', unit: 'short', width: 8 },
      { '{{phase}}': `lockstep_update_norm{${run}}` },
      { from: 0 },
    ),
    lines(
      {
        title: 'Rounds that were not finite',
        description:
          'Losses or gradients that were infinite or NaN, and were computed once more. If that did not help, the run has ended, or left the round out (--on-nonfinite skip).',
        unit: 'short',
        width: 8,
      },
      { '{{phase}}': `sum by (phase) (lockstep_nonfinite_rounds_total{${run}})` },
      { from: 0 },
    ),
  ],
};
