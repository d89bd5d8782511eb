/** What a run does with a round whose loss or gradient is still not finite when it has been computed once more: end, or leave it out. */
export const nonfinitePolicies = ['stop', 'skip'] as const;
export type NonfinitePolicy = (typeof nonfinitePolicies)[number];
